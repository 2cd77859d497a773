/**
 * From node ids to slots. The ids stay in the table. Its callers have an id as two 32-bit halves; a `Map` would need a
 * `bigint` for each lookup.
 */
import { SlotIndex } from "./SlotIndex.ts"

/**
 * Where the id of each slot is kept.
 *
 * @category models
 * @since 0.2.0
 */
export interface Ids {
  /** The upper 32 bits, unsigned. */
  readonly idHi: (slot: number) => number
  /** The lower 32 bits, unsigned. */
  readonly idLo: (slot: number) => number
}

/**
 * A hash table from node ids to slots.
 *
 * @category models
 * @since 0.2.0
 */
export class IdIndex extends SlotIndex {
  readonly #ids: Ids
  readonly #seed: number

  /** `seed`: random bits, so that nobody can choose ids that collide. */
  constructor(ids: Ids, seed: number, capacity = 16) {
    super(capacity)
    this.#ids = ids
    this.#seed = seed | 0
  }

  protected override hashOf(slot: number): number {
    return this.#hash(this.#ids.idHi(slot), this.#ids.idLo(slot))
  }

  /** The finalizer of MurmurHash3 over both words. */
  #hash(hi: number, lo: number): number {
    let h = Math.imul(hi ^ this.#seed, 0x85ebca6b)
    h = Math.imul((h ^ (h >>> 15)) + lo, 0xc2b2ae35)
    h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f)
    return h ^ (h >>> 16)
  }

  /** Where the entry of an id is, or the empty one where it belongs. */
  #find(hash: number, hi: number, lo: number): number {
    const { entries, mask } = this
    const ids = this.#ids
    let place = hash & mask
    while (true) {
      const entry = entries[place]!
      const slot = this.slotIn(entry)
      if (slot < 0) return place
      if (this.mayBe(entry, hash) && ids.idLo(slot) === lo >>> 0 && ids.idHi(slot) === hi >>> 0) return place
      place = (place + 1) & mask
    }
  }

  /** The slot of an id, or -1. */
  get(hi: number, lo: number): number {
    return this.slotIn(this.entries[this.#find(this.#hash(hi, lo), hi, lo)]!)
  }

  /** Adds the id of a slot, which is not there yet. */
  add(hi: number, lo: number, slot: number): void {
    this.reserve()
    const hash = this.#hash(hi, lo)
    this.put(this.#find(hash, hi, lo), hash, slot)
  }

  remove(hi: number, lo: number): void {
    this.clear(this.#find(this.#hash(hi, lo), hi, lo))
  }
}
