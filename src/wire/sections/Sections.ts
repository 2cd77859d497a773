/**
 * The sections of a received message, checked and found for reading in place.
 *
 * @since 0.2.0
 */
import { readU16, readU32 } from "../Bytes.ts"
import * as Entry from "../Entry.ts"
import { Kind } from "../Header.ts"
import * as PackedAddress from "../PackedAddress.ts"
import * as WireError from "../WireError.ts"
import * as Accusation from "./Accusation.ts"
import * as Bucket from "./Bucket.ts"
import * as LeftMember from "./LeftMember.ts"
import * as MemberEvent from "./MemberEvent.ts"
import * as MemberTags from "./MemberTags.ts"
import * as Query from "./Query.ts"
import * as Response from "./Response.ts"
import { isRepeatable, SectionHeaderLength, SectionType } from "./Section.ts"

/**
 * Bytes of the content of the probe section of a PING: sequence u32, id u64.
 *
 * @category constants
 * @since 0.2.0
 */
export const PingProbeLength = 12

/**
 * Bytes of the content of the probe section of an ACK: sequence u32.
 *
 * @category constants
 * @since 0.2.0
 */
export const AckProbeLength = 4

/**
 * Bytes before the address in the probe section of a PING_REQ: sequence u32,
 * wait_ms u16, target_id u64.
 *
 * @category constants
 * @since 0.2.0
 */
export const RequestProbePrefixLength = 14

/**
 * Bytes of the content of a nack section: sequence u32.
 *
 * @category constants
 * @since 0.2.0
 */
export const NackLength = 4

/**
 * Bytes of the content of a chunk section: table_version u64, chunk_index u16,
 * total_chunks u16.
 *
 * @category constants
 * @since 0.2.0
 */
export const ChunkLength = 12

/**
 * Bytes of the content of a digest section: member count u32, hash u64.
 *
 * @category constants
 * @since 0.2.0
 */
export const DigestLength = 12

const TypeCount = SectionType.Response + 1

/**
 * Where the sections of one message are, and what those that a message has only
 * one of contain.
 *
 * **Details**
 *
 * One object serves all messages of a reader. It holds offsets and no values, so
 * scanning a message allocates nothing.
 *
 * A message is malformed when a section is cut short; when a known section has
 * bytes beyond its content, or has not all of it; when a known section other than
 * a query or a response occurs twice; when a PING_REQ has no probe section; and
 * when a GOSSIP or an ANTI_ENTROPY has one. Sections of unknown types are skipped,
 * wherever they are.
 *
 * @category reading
 * @since 0.2.0
 */
export class Sections {
  #bytes: Uint8Array = new Uint8Array(0)
  /** Bit t is set when the message has a section of type t. Only then do the offsets of t mean anything. */
  #present = 0
  readonly #starts = new Uint16Array(TypeCount)
  readonly #ends = new Uint16Array(TypeCount)

  /** Forgets the sections of the message before. */
  clear(): void {
    this.#present = 0
  }

  /** Checks the sections in `bytes[start, end)`, the payload of a message of `kind`. Returns what is wrong, if anything. */
  scan(bytes: Uint8Array, start: number, end: number, kind: number): WireError.MalformedPayload | undefined {
    this.#bytes = bytes
    this.#present = 0
    for (let at = start; at < end;) {
      if (at + SectionHeaderLength > end) return new WireError.MalformedPayload("section header is cut short", at)
      const type = bytes[at]!
      const from = at + SectionHeaderLength
      const to = from + readU16(bytes, at + 1)
      if (to > end) return new WireError.MalformedPayload(`section of type ${type} is cut short`, at)
      if (type > 0 && type < TypeCount) {
        if (!this.has(type)) {
          this.#present |= 1 << type
          this.#starts[type] = from
          this.#ends[type] = to
        } else if (!isRepeatable(type)) {
          return new WireError.MalformedPayload(`second section of type ${type}`, at)
        }
        const fault = contentFault(bytes, from, to, type, kind)
        if (fault !== -1) return new WireError.MalformedPayload(`section of type ${type} is malformed`, fault)
      }
      at = to
    }
    if (kind === Kind.PingReq && !this.has(SectionType.Probe)) {
      return new WireError.MalformedPayload("PING_REQ has no probe section", start)
    }
    return undefined
  }

  /** Whether the message has a section of the type. */
  has(type: number): boolean {
    return (this.#present & (1 << type)) !== 0
  }

  /**
   * Where the content of a section begins. Without such a section it is 0, as is `endOf`, so that loops over lists end at
   * once. Of queries and responses it is the first.
   */
  startOf(type: number): number {
    return this.has(type) ? this.#starts[type]! : 0
  }

  /** Where the content of a section ends. */
  endOf(type: number): number {
    return this.has(type) ? this.#ends[type]! : 0
  }

  // --- probe -----------------------------------------------------------------

  /** The sequence of the probe section: of this probe in a PING, of the probe that is answered in an ACK. */
  get sequence(): number {
    return readU32(this.#bytes, this.startOf(SectionType.Probe))
  }

  /** The same, or `undefined` without a probe section. */
  get sequenceIfAny(): number | undefined {
    return this.has(SectionType.Probe) ? this.sequence : undefined
  }

  /** How long the requester of a PING_REQ waits for the relay, in milliseconds. */
  get waitMs(): number {
    return readU16(this.#bytes, this.startOf(SectionType.Probe) + 4)
  }

  /** The sequence of the requester's probe to which a nack section answers. */
  get nackSequence(): number {
    return readU32(this.#bytes, this.startOf(SectionType.Nack))
  }

  // --- digest and buckets ------------------------------------------------------

  get digestCount(): number {
    return readU32(this.#bytes, this.startOf(SectionType.Digest))
  }

  /** The upper 32 bits of the digest's hash, unsigned. */
  get digestHi(): number {
    return readU32(this.#bytes, this.startOf(SectionType.Digest) + 4)
  }

  /** The lower 32 bits of the digest's hash, unsigned. */
  get digestLo(): number {
    return readU32(this.#bytes, this.startOf(SectionType.Digest) + 8)
  }

  /** log2 of the number of buckets in the buckets section. */
  get bucketBits(): number {
    return this.#bytes[this.startOf(SectionType.Buckets)]!
  }

  /** The hash of a bucket in the buckets section. */
  bucketHash(bucket: number): number {
    return readU32(this.#bytes, this.startOf(SectionType.Buckets) + 1 + 4 * bucket)
  }

  /** log2 of the number of buckets in the differing section. */
  get differingBits(): number {
    return this.#bytes[this.startOf(SectionType.Differing)]!
  }

  /** Whether the chunks of the differing section cover a bucket. */
  covers(bucket: number): boolean {
    return Bucket.isSet(this.#bytes, this.startOf(SectionType.Differing) + 1, bucket)
  }
}

/** -1 when `bytes[start, end)` is the content of a section of the type in a message of the kind, else the offset of what is not. */
const contentFault = (bytes: Uint8Array, start: number, end: number, type: number, kind: number): number => {
  const length = end - start
  switch (type) {
    case SectionType.Entries:
      return Entry.check(bytes, start, end)
    case SectionType.Probe:
      return length === probeLength(bytes, start, end, kind) ? -1 : start
    case SectionType.Accusations:
      return length % Accusation.Length === 0 ? -1 : end - (length % Accusation.Length)
    case SectionType.Left:
      return length % LeftMember.Length === 0 ? -1 : end - (length % LeftMember.Length)
    case SectionType.Nack:
      return length === NackLength ? -1 : start
    case SectionType.Chunk:
      return length === ChunkLength ? -1 : start
    case SectionType.Digest:
      return length === DigestLength ? -1 : start
    case SectionType.Buckets:
      return Bucket.checkHashes(bytes, start, end) ? -1 : start
    case SectionType.Differing:
      return Bucket.checkBitmap(bytes, start, end) ? -1 : start
    case SectionType.Tags:
      return MemberTags.check(bytes, start, end)
    case SectionType.Events:
      return MemberEvent.check(bytes, start, end)
    case SectionType.Query:
      return Query.check(bytes, start, end) ? -1 : start
    default:
      return Response.check(bytes, start, end) ? -1 : start
  }
}

/** The bytes that a probe section has in a message of the kind, or -1 when it can have none. */
const probeLength = (bytes: Uint8Array, start: number, end: number, kind: number): number => {
  if (kind === Kind.Ping) return PingProbeLength
  if (kind === Kind.Ack) return AckProbeLength
  const addressAt = start + RequestProbePrefixLength
  if (kind !== Kind.PingReq || addressAt >= end) return -1
  const address = PackedAddress.lengthOf(bytes[addressAt]!)
  return address === 0 ? -1 : RequestProbePrefixLength + address
}
