/**
 * From node ids to slots. The ids are kept in the entries, so that a lookup reads one line of memory. Its callers have an
 * id as two 32-bit halves; a `Map` would need a `bigint` for each lookup.
 */
import { SlotIndex } from "./SlotIndex.ts"

/** Words of an entry: the hash, the slot, and both halves of the id. */
const Stride = 4

/**
 * A hash table from node ids to slots.
 *
 * @category models
 * @since 0.2.0
 */
export class IdIndex extends SlotIndex {
  readonly #seed: number

  /** `seed`: random bits, so that nobody can choose ids that collide. */
  constructor(seed: number, capacity = 64) {
    super(Stride, capacity)
    this.#seed = seed | 0
  }

  /** The finalizer of MurmurHash3 over both words. */
  #hash(hi: number, lo: number): number {
    let h = Math.imul(hi ^ this.#seed, 0x85ebca6b)
    h = Math.imul((h ^ (h >>> 15)) + lo, 0xc2b2ae35)
    h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f)
    return h ^ (h >>> 16)
  }

  /** The entry of an id, or the empty one where it belongs. */
  #find(hash: number, hi: number, lo: number): number {
    const { entries, mask } = this
    const signedHi = hi | 0
    const signedLo = lo | 0
    let place = hash & mask
    while (true) {
      const at = place * Stride
      if (entries[at + 1]! < 0 || (entries[at + 3] === signedLo && entries[at + 2] === signedHi)) return at
      place = (place + 1) & mask
    }
  }

  /** The slot of an id, or -1. */
  get(hi: number, lo: number): number {
    return this.entries[this.#find(this.#hash(hi, lo), hi, lo) + 1]!
  }

  /** Adds an id that is not there yet. */
  add(hi: number, lo: number, slot: number): void {
    this.reserve()
    const hash = this.#hash(hi, lo)
    const at = this.#find(hash, hi, lo)
    this.put(at, hash, slot)
    this.entries[at + 2] = hi
    this.entries[at + 3] = lo
  }

  remove(hi: number, lo: number): void {
    this.clear(this.#find(this.#hash(hi, lo), hi, lo))
  }
}
