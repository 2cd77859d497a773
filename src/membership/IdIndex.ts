/**
 * From node ids to slots: open addressing over typed arrays, so that looking up
 * an entry of a packet allocates nothing, where a `Map` would want a bigint.
 */

const empty = -1

export class IdIndex {
  readonly #seed: number
  #mask: number
  #size = 0
  #hi: Uint32Array
  #lo: Uint32Array
  #slot: Int32Array

  /** `seed` keeps a stranger from choosing ids that collide. */
  constructor(seed: number, capacity = 64) {
    this.#seed = seed | 0
    this.#mask = capacity - 1
    this.#hi = new Uint32Array(capacity)
    this.#lo = new Uint32Array(capacity)
    this.#slot = new Int32Array(capacity).fill(empty)
  }

  get size(): number {
    return this.#size
  }

  /** Finaliser of MurmurHash3 over both words. */
  #home(hi: number, lo: number): number {
    let h = Math.imul(hi ^ this.#seed, 0x85ebca6b)
    h = Math.imul((h ^ (h >>> 15)) + lo, 0xc2b2ae35)
    h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f)
    return (h ^ (h >>> 16)) & this.#mask
  }

  /** The slot of an id, or -1. */
  get(hi: number, lo: number): number {
    let at = this.#home(hi, lo)
    while (true) {
      const slot = this.#slot[at]!
      if (slot === empty || (this.#lo[at] === lo && this.#hi[at] === hi)) return slot
      at = (at + 1) & this.#mask
    }
  }

  /** Adds an id that is not there yet. */
  add(hi: number, lo: number, slot: number): void {
    // At most two thirds full, so that probing stays short.
    if (3 * (this.#size + 1) > 2 * (this.#mask + 1)) this.#grow()
    this.#put(hi, lo, slot)
    this.#size++
  }

  #put(hi: number, lo: number, slot: number): void {
    let at = this.#home(hi, lo)
    while (this.#slot[at] !== empty) at = (at + 1) & this.#mask
    this.#hi[at] = hi
    this.#lo[at] = lo
    this.#slot[at] = slot
  }

  #grow(): void {
    const { 0: hi, 1: lo, 2: slots } = [this.#hi, this.#lo, this.#slot] as const
    const capacity = 2 * (this.#mask + 1)
    this.#mask = capacity - 1
    this.#hi = new Uint32Array(capacity)
    this.#lo = new Uint32Array(capacity)
    this.#slot = new Int32Array(capacity).fill(empty)
    for (let i = 0; i < slots.length; i++) if (slots[i] !== empty) this.#put(hi[i]!, lo[i]!, slots[i]!)
  }

  /** Removes an id, closing the gap so that no lookup ends early. */
  remove(hi: number, lo: number): void {
    let at = this.#home(hi, lo)
    while (this.#lo[at] !== lo || this.#hi[at] !== hi || this.#slot[at] === empty) {
      if (this.#slot[at] === empty) return
      at = (at + 1) & this.#mask
    }
    this.#size--
    let gap = at
    let next = (at + 1) & this.#mask
    while (this.#slot[next] !== empty) {
      const home = this.#home(this.#hi[next]!, this.#lo[next]!)
      // Move `next` into the gap unless its home lies cyclically behind the gap.
      if (((next - home) & this.#mask) >= ((next - gap) & this.#mask)) {
        this.#hi[gap] = this.#hi[next]!
        this.#lo[gap] = this.#lo[next]!
        this.#slot[gap] = this.#slot[next]!
        gap = next
      }
      next = (next + 1) & this.#mask
    }
    this.#slot[gap] = empty
  }
}
