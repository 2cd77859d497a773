/**
 * Entries: one claim about one node. node_id u64, heartbeat u32, incarnation u32,
 * status u8, address; 24 bytes with an IPv4 address, 36 with IPv6.
 *
 * @since 0.2.0
 */
import { readU32 } from "./Bytes.ts"
import * as PackedAddress from "./PackedAddress.ts"

/**
 * Bytes of an entry before its address.
 *
 * @category constants
 * @since 0.2.0
 */
export const PrefixLength = 17

/**
 * Bytes of an entry with an IPv4 address.
 *
 * @category constants
 * @since 0.2.0
 */
export const Ipv4EntryLength = PrefixLength + PackedAddress.Ipv4Length

/**
 * Bytes of an entry with an IPv6 address, which is the largest.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxEntryLength = PrefixLength + PackedAddress.MaxLength

/**
 * Where the entry at `at` ends, which must lie in a range that `check` accepted.
 *
 * @category reading
 * @since 0.2.0
 */
export const endOf = (bytes: Uint8Array, at: number): number =>
  at + PrefixLength + PackedAddress.lengthOf(bytes[at + PrefixLength]!)

/**
 * A cursor over entries. One mutable cursor serves all packets of a reader.
 *
 * @category reading
 * @since 0.2.0
 */
export class EntryCursor {
  idHi = 0
  idLo = 0
  heartbeat = 0
  incarnation = 0
  /** The status byte. An entry with a value above 2 is to be skipped. */
  status = 0
  /** Where the packed address of the entry begins. */
  addressAt = 0
  /** Where the next entry begins. */
  next = 0

  /** Reads the entry at `at`, which must lie in a range that `check` accepted. */
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
 *
 * @category reading
 * @since 0.2.0
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

/**
 * Holds claims about nodes by number, and writes each as an entry.
 *
 * @category writing
 * @since 0.2.0
 */
export interface EntrySource {
  /** Bytes of the entry of a slot. */
  readonly entryLength: (slot: number) => number
  /** Writes the entry of a slot at `at`. `view` and `bytes` are one memory. */
  readonly writeEntry: (slot: number, view: DataView, bytes: Uint8Array, at: number) => void
}
