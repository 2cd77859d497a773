/**
 * Entries: one claim about one node. node_id u64, heartbeat u32, incarnation
 * u32, status u8, address; 24 bytes with an IPv4 address, 36 with IPv6.
 */
import { readU32, writeU32 } from "./Bytes.ts"
import * as PackedAddress from "./PackedAddress.ts"

/** Bytes of an entry before its address. */
export const PrefixLength = 17
/** Bytes of an entry with an IPv4 address. */
export const Ipv4EntryLength = PrefixLength + PackedAddress.Ipv4Length
/** Bytes of an entry with an IPv6 address, and so of the largest. */
export const MaxEntryLength = PrefixLength + PackedAddress.MaxLength

/** A cursor over entries; one mutable record serves all of a reader's packets. */
export class EntryCursor {
  idHi = 0
  idLo = 0
  heartbeat = 0
  incarnation = 0
  /** The status byte; values above 2 mean that the entry is to be skipped. */
  status = 0
  /** Where the packed address of the entry begins. */
  addressAt = 0
  /** Where the next entry begins. */
  next = 0

  /** Reads the entry at `at`, which must lie in a payload that `check` accepted. */
  read(bytes: Uint8Array, at: number): void {
    this.idHi = readU32(bytes, at)
    this.idLo = readU32(bytes, at + 4)
    this.heartbeat = readU32(bytes, at + 8)
    this.incarnation = readU32(bytes, at + 12)
    this.status = bytes[at + 16]!
    this.addressAt = at + PrefixLength
    this.next = this.addressAt + PackedAddress.lengthOf(bytes[this.addressAt]!)
  }
}

/**
 * Walks the entries in `bytes[start, end)`. Returns -1 when they are whole and of
 * known address families, else the offset of the first that is not.
 */
export const check = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  while (at < end) {
    if (at + PrefixLength >= end) return at
    const length = PackedAddress.lengthOf(bytes[at + PrefixLength]!)
    if (length === 0 || at + PrefixLength + length > end) return at
    at += PrefixLength + length
  }
  return -1
}

/** Writes everything of an entry that stands before its address. */
export const writePrefix = (
  bytes: Uint8Array,
  at: number,
  idHi: number,
  idLo: number,
  heartbeat: number,
  incarnation: number,
  status: number
): void => {
  writeU32(bytes, at, idHi)
  writeU32(bytes, at + 4, idLo)
  writeU32(bytes, at + 8, heartbeat)
  writeU32(bytes, at + 12, incarnation)
  bytes[at + 16] = status
}
