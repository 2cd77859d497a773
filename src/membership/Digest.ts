/**
 * A summary of the live members that two nodes can compare in one message: their
 * number and an order-independent hash (docs/PROTOCOL.md, 3.7). Heartbeats and
 * tombstones are not part of it, since those never agree.
 */
import { Hash64 } from "../domain/Hash64.ts"

/**
 * What of a member goes into the digest.
 *
 * @category models
 * @since 0.2.0
 */
export interface DigestMember {
  readonly idHi: number
  readonly idLo: number
  readonly incarnation: number
  /** Alive or Suspect, as the byte on the wire. */
  readonly status: number
  readonly tagVersion: number
}

/** The most buckets of a comparison. */
export const MaxBuckets = 256
/** Members that a bucket should have. The fewer it has, the fewer entries are sent for one that differs. */
const MembersPerBucket = 4

const hash = new Hash64()

/** The hash of one member, left in `hash`. */
const hashMember = ({ idHi, idLo, incarnation, status, tagVersion }: DigestMember): Hash64 =>
  hash
    .reset()
    .add(idHi, idLo)
    // incarnation x 4 + status, as 64 bits.
    .add(incarnation >>> 30, ((incarnation << 2) | status) >>> 0)
    .add(0, tagVersion)

/** The digest of a table, kept current in constant time per change. */
export class Digest {
  /** Members that are in it. */
  count = 0
  /** Halves of the hash, unsigned. */
  hi = 0
  lo = 0

  /** Adds a live member. */
  add(member: DigestMember): void {
    this.count++
    this.#toggle(member)
  }

  /** Removes a member, which must be given as it was added. */
  remove(member: DigestMember): void {
    this.count--
    this.#toggle(member)
  }

  /** Whether another node's digest is the same. */
  equals(count: number, hi: number, lo: number): boolean {
    return this.count === count && this.hi === hi && this.lo === lo
  }

  #toggle(member: DigestMember): void {
    const { hi, lo } = hashMember(member)
    this.hi = (this.hi ^ hi) >>> 0
    this.lo = (this.lo ^ lo) >>> 0
  }
}

/** How many buckets suit a table of `members`, as a power of two: log2 of their number. */
export const bucketBits = (members: number): number => {
  const buckets = Math.min(MaxBuckets, Math.max(1, members / MembersPerBucket))
  return Math.ceil(Math.log2(buckets))
}

/** The bucket of a member among `2^bits`. */
export const bucketOf = (idHi: number, idLo: number, bits: number): number =>
  hash.reset().add(idHi, idLo).lo & ((1 << bits) - 1)

/** The hashes of all `2^bits` buckets: the low half of the exclusive or of their members' hashes. */
export const bucketHashes = (members: Iterable<DigestMember>, bits: number): Uint32Array => {
  const hashes = new Uint32Array(1 << bits)
  for (const member of members) {
    const bucket = bucketOf(member.idHi, member.idLo, bits)
    hashes[bucket] = hashes[bucket]! ^ hashMember(member).lo
  }
  return hashes
}
