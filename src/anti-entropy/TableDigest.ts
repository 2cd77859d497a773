/** The digest of our table, and which of its buckets differ from those of another (docs/PROTOCOL.md, 3.7). */
import * as Claim from "../domain/Claim.ts"
import { bucketBits, bucketHashes, bucketOf, Digest, type DigestMember, MaxBuckets } from "../membership/Digest.ts"
import { type MemberTable, SelfSlot } from "../membership/MemberTable.ts"
import * as Bucket from "../wire/sections/Bucket.ts"
import type { Sections } from "../wire/sections/Sections.ts"

/** Buckets that a comparison covers, as a bitmap. */
export interface Coverage {
  /** log2 of the number of buckets. */
  readonly bits: number
  readonly bitmap: Uint8Array
}

/** Whether a bucket is covered. */
export const covers = ({ bitmap }: Coverage, bucket: number): boolean => Bucket.isSet(bitmap, 0, bucket)

/** What differs from the buckets of another table. */
export interface Difference extends Coverage {
  /** Our listed members in these buckets, this node included. */
  readonly slots: ReadonlyArray<number>
}

export class TableDigest {
  readonly #table: MemberTable

  constructor(table: MemberTable) {
    this.#table = table
  }

  /** The digest of our live members, this node included. */
  get digest(): Digest {
    const digest = new Digest()
    const { count, hi, lo } = this.#table.digest
    digest.count = count
    digest.hi = hi
    digest.lo = lo
    if (this.#table.status(SelfSlot) !== Claim.Dead) digest.add(this.#table.digestMember(SelfSlot))
    return digest
  }

  /** The hashes of our buckets, as many as suit the size of our table, and at most `2^maxBits`. */
  buckets(maxBits: number): { readonly bits: number; readonly hashes: Uint32Array } {
    const bits = Math.min(maxBits, bucketBits(this.#table.live))
    return { bits, hashes: bucketHashes(this.#members(), bits) }
  }

  /** Compares our buckets with those of a message. Returns `undefined` when none differs, or when there are too many. */
  difference(sections: Sections): Difference | undefined {
    const bits = sections.bucketBits
    if (1 << bits > MaxBuckets) return undefined
    const hashes = bucketHashes(this.#members(), bits)
    const bitmap = new Uint8Array(Bucket.bitmapLength(bits))
    let differs = false
    for (let bucket = 0; bucket < hashes.length; bucket++) {
      if (hashes[bucket] === sections.bucketHash(bucket)) continue
      differs = true
      Bucket.set(bitmap, 0, bucket)
    }
    if (!differs) return undefined
    const table = this.#table
    const slots: Array<number> = []
    // The dead that we still list are sent too: the other may hold them live.
    for (let slot = SelfSlot; slot < table.top; slot++) {
      if (!table.isPassedOn(slot)) continue
      if (covers({ bits, bitmap }, bucketOf(table.idHi(slot), table.idLo(slot), bits))) slots.push(slot)
    }
    return { bits, bitmap, slots }
  }

  *#members(): Generator<DigestMember> {
    const table = this.#table
    if (table.status(SelfSlot) !== Claim.Dead) yield table.digestMember(SelfSlot)
    for (let slot = SelfSlot + 1; slot < table.top; slot++) if (table.isLive(slot)) yield table.digestMember(slot)
  }
}
