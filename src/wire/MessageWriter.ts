/**
 * Writes one message at a time, in place. What does not fit is refused as a
 * whole, so no message can exceed its limit.
 *
 * @since 0.2.0
 */
import { Header, HeaderLength, Kind, MaxMessage, writeHeaderAt } from "./Header.ts"
import { ChunkPrefixLength } from "./Inbound.ts"
import * as Entry from "./Entry.ts"
import * as PackedAddress from "./PackedAddress.ts"

/** Bytes of a slab. */
const SlabLength = 16 * 1024

/**
 * The most bytes of a chunk of a snapshot, where the caller gives no limit.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxChunk = 1200

/**
 * A writer of messages.
 *
 * **Details**
 *
 * Messages are cut from slabs, because memory of its own would cost each message
 * more than all that is written into it. A finished message belongs to the
 * caller: the writer does not touch it again.
 *
 * @category writing
 * @since 0.2.0
 */
export class MessageWriter {
  /** The sender's fields, which the caller sets; the writer sets the others. */
  readonly header = new Header()
  #view: DataView
  #bytes: Uint8Array
  /** Where the message begins. */
  #start = 0
  #at = 0
  #end = 0
  #entries = 0

  /** `slabLength` bytes are reserved at once, and again each time they are used up. */
  constructor(slabLength: number = SlabLength) {
    this.#bytes = new Uint8Array(slabLength)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Entries written since `begin`. */
  get entries(): number {
    return this.#entries
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#at - this.#start
  }

  /** Bytes that may still be written. */
  get room(): number {
    return this.#end - this.#at
  }

  /**
   * Starts a message of at most `limit` bytes, header included. A limit above
   * `MaxMessage` counts as `MaxMessage`.
   */
  begin(kind: number, flags: number, limit: number = MaxMessage): void {
    const length = Math.max(HeaderLength, Math.min(limit, MaxMessage))
    this.header.kind = kind
    this.header.flags = flags
    if (this.#start + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(this.#bytes.length, length))
      this.#view = new DataView(this.#bytes.buffer)
      this.#start = 0
    }
    this.#at = this.#start + HeaderLength
    this.#end = this.#start + length
    this.#entries = 0
  }

  /** Starts one chunk of a snapshot, of at most `limit` bytes. */
  beginChunk(version: number, index: number, total: number, limit: number = MaxChunk): void {
    this.begin(Kind.AntiEntropy, 0, limit)
    this.chunk(Math.floor(version / 0x1_0000_0000), version, index, total)
  }

  /** Sets the chunk header of an ANTI_ENTROPY, after `begin`. Returns `false` when it does not fit. */
  chunk(versionHi: number, versionLo: number, index: number, total: number): boolean {
    if (this.#at + ChunkPrefixLength > this.#end) return false
    const view = this.#view
    view.setUint32(this.#at, versionHi)
    view.setUint32(this.#at + 4, versionLo)
    view.setUint16(this.#at + 8, index)
    view.setUint16(this.#at + 10, total)
    this.#at += ChunkPrefixLength
    return true
  }

  /** Sets the target of a PING_REQ, after `begin`. Returns `false` when it does not fit. */
  target(idHi: number, idLo: number, address: Uint8Array, addressAt: number): boolean {
    if (this.#at + 8 + PackedAddress.lengthOf(address[addressAt]!) > this.#end) return false
    this.#view.setUint32(this.#at, idHi)
    this.#view.setUint32(this.#at + 4, idLo)
    this.#at += 8
    this.#at += PackedAddress.copy(address, addressAt, this.#bytes, this.#at)
    return true
  }

  /** Adds an entry. Returns `false` and adds nothing when it does not fit. */
  entry(
    idHi: number,
    idLo: number,
    heartbeat: number,
    incarnation: number,
    status: number,
    address: Uint8Array,
    addressAt: number
  ): boolean {
    const at = this.#at
    const length = Entry.PrefixLength + PackedAddress.lengthOf(address[addressAt]!)
    if (at + length > this.#end) return false
    const view = this.#view
    view.setUint32(at, idHi)
    view.setUint32(at + 4, idLo)
    view.setUint32(at + 8, heartbeat)
    view.setUint32(at + 12, incarnation)
    this.#bytes[at + 16] = status
    PackedAddress.copy(address, addressAt, this.#bytes, at + Entry.PrefixLength)
    this.#at = at + length
    this.#entries++
    return true
  }

  /** Completes the message and returns its bytes. */
  finish(): Uint8Array {
    const length = this.length
    this.header.payloadLength = length - HeaderLength
    writeHeaderAt(this.#view, this.#start, this.header)
    const message = new Uint8Array(this.#bytes.buffer, this.#start, length)
    this.#start = this.#at
    return message
  }
}
