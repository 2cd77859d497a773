/**
 * Writes one message at a time into a buffer of its own. What does not fit is
 * refused and nothing is cut off, so a message can never exceed its budget.
 */
import { writeU16, writeU32 } from "./Bytes.ts"
import * as Entry from "./Entry.ts"
import { Header, HeaderLength, Kind, MaxMessage, writeHeader } from "./Header.ts"
import { ChunkPrefixLength } from "./Inbound.ts"
import * as PackedAddress from "./PackedAddress.ts"

/** The most bytes of an ANTI_ENTROPY datagram. */
export const MaxChunk = 1200

export class MessageWriter {
  readonly header = new Header()
  readonly #bytes = new Uint8Array(MaxMessage)
  #at = HeaderLength
  #limit = MaxMessage
  #entries = 0

  /** Entries written since `begin`. */
  get entries(): number {
    return this.#entries
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#at
  }

  /** Starts a message of `kind`; the caller has set the sender's fields of `header`. */
  begin(kind: number, flags: number, limit: number = MaxMessage): void {
    this.header.kind = kind
    this.header.flags = flags
    this.#at = HeaderLength
    this.#limit = Math.min(limit, MaxMessage)
    this.#entries = 0
  }

  /** Starts one chunk of a snapshot. */
  beginChunk(version: number, index: number, total: number): void {
    this.begin(Kind.AntiEntropy, 0, MaxChunk)
    writeU32(this.#bytes, HeaderLength, Math.floor(version / 0x100000000))
    writeU32(this.#bytes, HeaderLength + 4, version)
    writeU16(this.#bytes, HeaderLength + 8, index)
    writeU16(this.#bytes, HeaderLength + 10, total)
    this.#at = HeaderLength + ChunkPrefixLength
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
    if (this.#at + length > this.#limit) return false
    Entry.writePrefix(this.#bytes, this.#at, idHi, idLo, heartbeat, incarnation, status)
    PackedAddress.copy(address, addressAt, this.#bytes, this.#at + Entry.PrefixLength)
    this.#at += length
    this.#entries++
    return true
  }

  /** Completes the message and returns its bytes, which the writer does not touch again. */
  finish(): Uint8Array {
    this.header.payloadLength = this.#at - HeaderLength
    writeHeader(this.#bytes, this.header)
    return this.#bytes.slice(0, this.#at)
  }
}
