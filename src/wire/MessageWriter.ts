/**
 * Writes one message at a time. What does not fit is refused and nothing is cut off,
 * so a message can never exceed its budget. Messages are cut from slabs, since memory
 * of its own would cost each of them more than all that is written into it.
 */
import { writeU16, writeU32 } from "./Bytes.ts"
import * as Entry from "./Entry.ts"
import { Header, HeaderLength, Kind, MaxMessage, writeHeader } from "./Header.ts"
import { ChunkPrefixLength } from "./Inbound.ts"
import * as PackedAddress from "./PackedAddress.ts"

/** Bytes of a slab. */
const SlabLength = 16 * 1024

/** The most bytes of an ANTI_ENTROPY datagram. */
export const MaxChunk = 1200

export class MessageWriter {
  readonly header = new Header()
  #bytes = new Uint8Array(SlabLength)
  /** Where the message begins. */
  #start = 0
  #at = HeaderLength
  #end = MaxMessage
  #entries = 0

  /** Entries written since `begin`. */
  get entries(): number {
    return this.#entries
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#at - this.#start
  }

  /** Starts a message of `kind`; the caller has set the sender's fields of `header`. */
  begin(kind: number, flags: number, limit: number = MaxMessage): void {
    this.header.kind = kind
    this.header.flags = flags
    if (this.#start + MaxMessage > SlabLength) {
      this.#bytes = new Uint8Array(SlabLength)
      this.#start = 0
    }
    this.#at = this.#start + HeaderLength
    this.#end = this.#start + Math.min(limit, MaxMessage)
    this.#entries = 0
  }

  /** Starts one chunk of a snapshot. */
  beginChunk(version: number, index: number, total: number): void {
    this.begin(Kind.AntiEntropy, 0, MaxChunk)
    writeU32(this.#bytes, this.#at, Math.floor(version / 0x100000000))
    writeU32(this.#bytes, this.#at + 4, version)
    writeU16(this.#bytes, this.#at + 8, index)
    writeU16(this.#bytes, this.#at + 10, total)
    this.#at += ChunkPrefixLength
  }

  /** Sets the target of a PING_REQ, after `begin`. */
  target(idHi: number, idLo: number, address: Uint8Array, addressAt: number): void {
    writeU32(this.#bytes, this.#at, idHi)
    writeU32(this.#bytes, this.#at + 4, idLo)
    this.#at += 8
    this.#at += PackedAddress.copy(address, addressAt, this.#bytes, this.#at)
  }

  /** Adds an entry, or returns `false` and adds nothing when it does not fit. */
  entry(
    idHi: number,
    idLo: number,
    heartbeat: number,
    incarnation: number,
    status: number,
    address: Uint8Array,
    addressAt: number
  ): boolean {
    const length = Entry.PrefixLength + PackedAddress.lengthOf(address[addressAt]!)
    if (this.#at + length > this.#end) return false
    Entry.writePrefix(this.#bytes, this.#at, idHi, idLo, heartbeat, incarnation, status)
    PackedAddress.copy(address, addressAt, this.#bytes, this.#at + Entry.PrefixLength)
    this.#at += length
    this.#entries++
    return true
  }

  /** Completes the message and returns its bytes, which the writer does not touch again. */
  finish(): Uint8Array {
    this.header.payloadLength = this.length - HeaderLength
    const message = this.#bytes.subarray(this.#start, this.#at)
    writeHeader(message, this.header)
    this.#start = this.#at
    return message
  }
}
