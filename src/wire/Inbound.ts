/**
 * A received datagram, checked and opened for reading in place.
 *
 * @since 0.2.0
 */
import { readU16, readU32 } from "./Bytes.ts"
import * as Entry from "./Entry.ts"
import { Header, HeaderLength, Kind, readHeader } from "./Header.ts"
import * as PackedAddress from "./PackedAddress.ts"
import { SectionType } from "./sections/Section.ts"
import { ChunkLength, Sections } from "./sections/Sections.ts"
import * as WireError from "./WireError.ts"

/**
 * Bytes of an ANTI_ENTROPY payload of version 1 before its entries.
 *
 * @category constants
 * @since 0.2.0
 */
export const ChunkPrefixLength = ChunkLength

/**
 * One message and where it came from.
 *
 * **Details**
 *
 * A reader keeps a single `Inbound` and decodes every packet into it, so its
 * contents hold only until the next `decode`. Both forms of payload, that of
 * version 1 and that of sections, are read in the same way: `header.kind` is the
 * same, and so are the ranges and fields below. `sections` has what only the
 * second form has.
 *
 * @category reading
 * @since 0.2.0
 */
export class Inbound {
  readonly header = new Header()
  /** The sections of a message whose header says `sectioned`; no sections otherwise. */
  readonly sections = new Sections()
  bytes: Uint8Array = new Uint8Array(0)
  /** Source address of the datagram, packed and canonical. The caller of `decode` sets it. */
  readonly source = new Uint8Array(PackedAddress.MaxLength)
  /** Whether it came sealed with a key of ours. Whoever opened it sets it. */
  sealed = false
  /** The entries of the message are in `bytes[entriesStart, entriesEnd)`. */
  entriesStart = 0
  entriesEnd = 0
  /** Where the chunk header begins; 0 when the message has none. */
  #chunkAt = 0
  /** Where the id of the target begins; 0 when the message has none. */
  #targetAt = 0

  /**
   * Checks a datagram, in the order that the format gives, and opens it. Returns what is wrong, if anything.
   *
   * The kinds of extension levels above `maxLevel` are unknown kinds. By default a node speaks version 1 only.
   */
  decode(bytes: Uint8Array, maxLevel = 0): WireError.WireError | undefined {
    this.bytes = bytes
    this.sections.clear()
    const fault = readHeader(bytes, this.header, maxLevel)
    if (fault !== undefined) return fault
    return this.header.sectioned ? this.#openSections() : this.#openPayload()
  }

  #openPayload(): WireError.MalformedPayload | undefined {
    const { bytes, header } = this
    const end = bytes.length
    this.entriesStart = end
    this.entriesEnd = end
    this.#chunkAt = 0
    this.#targetAt = 0
    switch (header.kind) {
      case Kind.Leave:
        return undefined
      case Kind.PingReq: {
        const length = header.payloadLength < 9 ? 0 : PackedAddress.lengthOf(bytes[HeaderLength + 8]!)
        if (length === 0 || header.payloadLength !== 8 + length) {
          return new WireError.MalformedPayload("PING_REQ is not a target id and an address", HeaderLength)
        }
        this.#targetAt = HeaderLength
        return undefined
      }
      case Kind.AntiEntropy:
        if (header.payloadLength < ChunkPrefixLength) {
          return new WireError.MalformedPayload("ANTI_ENTROPY has no chunk header", HeaderLength)
        }
        this.#chunkAt = HeaderLength
        this.entriesStart = HeaderLength + ChunkPrefixLength
        break
      default:
        this.entriesStart = HeaderLength
    }
    const bad = Entry.check(bytes, this.entriesStart, end)
    return bad === -1
      ? undefined
      : new WireError.MalformedPayload("entry is cut short or of an unknown address family", bad)
  }

  #openSections(): WireError.MalformedPayload | undefined {
    const { bytes, header, sections } = this
    const fault = sections.scan(bytes, HeaderLength, bytes.length, header.kind)
    if (fault !== undefined) return fault
    this.entriesStart = sections.startOf(SectionType.Entries)
    this.entriesEnd = sections.endOf(SectionType.Entries)
    this.#chunkAt = sections.startOf(SectionType.Chunk)
    const probeAt = sections.startOf(SectionType.Probe)
    // The target follows the sequence, and in a PING_REQ the time to wait.
    this.#targetAt = probeAt === 0 ? 0 : header.kind === Kind.PingReq ? probeAt + 6 : probeAt + 4
    return undefined
  }

  /** Whether flag bit `flag` is set. */
  has(flag: number): boolean {
    return (this.header.flags & flag) !== 0
  }

  // --- the target of a PING_REQ, or the id that a PING with a probe section is meant for -----

  /** The upper 32 bits of the target's id, unsigned. */
  get targetHi(): number {
    return readU32(this.bytes, this.#targetAt)
  }

  /** The lower 32 bits of the target's id, unsigned. */
  get targetLo(): number {
    return readU32(this.bytes, this.#targetAt + 4)
  }

  /** Where the packed address of a PING_REQ's target begins. */
  get targetAddressAt(): number {
    return this.#targetAt + 8
  }

  // --- the chunk header of an ANTI_ENTROPY ------------------------------------------------

  /** Whether the message is a chunk of a snapshot; the fields below have no meaning otherwise. */
  get isChunk(): boolean {
    return this.#chunkAt !== 0
  }

  /** The upper 32 bits of the table version, unsigned. */
  get tableVersionHi(): number {
    return readU32(this.bytes, this.#chunkAt)
  }

  /** The lower 32 bits of the table version, unsigned. */
  get tableVersionLo(): number {
    return readU32(this.bytes, this.#chunkAt + 4)
  }

  /** The place of the chunk in its snapshot, from 0. */
  get chunkIndex(): number {
    return readU16(this.bytes, this.#chunkAt + 8)
  }

  get totalChunks(): number {
    return readU16(this.bytes, this.#chunkAt + 10)
  }
}
