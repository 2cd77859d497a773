/** A received datagram, checked and opened for reading in place. */
import { readU16, readU32 } from "./Bytes.ts"
import * as Entry from "./Entry.ts"
import { Header, HeaderLength, Kind, readHeader } from "./Header.ts"
import * as PackedAddress from "./PackedAddress.ts"
import * as WireError from "./WireError.ts"

/** Bytes of an ANTI_ENTROPY payload before its entries. */
export const ChunkPrefixLength = 12

/**
 * One message and where it came from. A reader keeps a single `Inbound` and
 * decodes every packet into it, so its contents hold only until the next
 * `decode`.
 */
export class Inbound {
  readonly header = new Header()
  bytes: Uint8Array = new Uint8Array(0)
  /** Source address of the datagram, packed and canonical. */
  readonly source = new Uint8Array(PackedAddress.MaxLength)
  /** Whether it came sealed with a key of ours; set by whoever opened it. */
  sealed = false
  /** The entries of the message lie in `bytes[entriesStart, entriesEnd)`. */
  entriesStart = 0
  entriesEnd = 0

  /** Checks a datagram in the order of the format's rules and opens it. The source is set by the caller. */
  decode(bytes: Uint8Array, maxLevel = 0): WireError.WireError | undefined {
    this.bytes = bytes
    const header = this.header
    const fault = readHeader(bytes, header, maxLevel)
    if (fault !== undefined) return fault
    const end = bytes.length
    this.entriesStart = end
    this.entriesEnd = end
    switch (header.kind) {
      case Kind.Leave:
        return undefined
      case Kind.PingReq: {
        const length = header.payloadLength < 9 ? 0 : PackedAddress.lengthOf(bytes[HeaderLength + 8]!)
        if (length !== 0 && header.payloadLength === 8 + length) return undefined
        return new WireError.MalformedPayload("PING_REQ is not a target id and an address", HeaderLength)
      }
      case Kind.AntiEntropy:
        if (header.payloadLength < ChunkPrefixLength) {
          return new WireError.MalformedPayload("ANTI_ENTROPY has no chunk header", HeaderLength)
        }
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

  /** Whether flag bit `flag` is set. */
  has(flag: number): boolean {
    return (this.header.flags & flag) !== 0
  }

  // PING_REQ

  get targetHi(): number {
    return readU32(this.bytes, HeaderLength)
  }
  get targetLo(): number {
    return readU32(this.bytes, HeaderLength + 4)
  }
  /** Where the packed address of a PING_REQ's target begins. */
  get targetAddressAt(): number {
    return HeaderLength + 8
  }

  // ANTI_ENTROPY

  get tableVersionHi(): number {
    return readU32(this.bytes, HeaderLength)
  }
  get tableVersionLo(): number {
    return readU32(this.bytes, HeaderLength + 4)
  }
  get chunkIndex(): number {
    return readU16(this.bytes, HeaderLength + 8)
  }
  get totalChunks(): number {
    return readU16(this.bytes, HeaderLength + 10)
  }
}
