/**
 * From node ids to slots: open addressing over a typed array, so that looking up an
 * entry of a packet allocates nothing, where a `Map` would want a bigint, and reads
 * one line of memory.
 */

const empty = -1

/** Words of an entry: high and low half of the id, the slot, and one that aligns it. */
const Stride = 4

export class IdIndex {
  readonly #seed: number
  #mask: number
  #size = 0
  #entries: Int32Array

  /** `seed` keeps a stranger from choosing ids that collide. */
  constructor(seed: number, capacity = 64) {
    this.#seed = seed | 0
    this.#mask = capacity - 1
    this.#entries = vacant(capacity)
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

  /** Where the id's entry is, or where it would go. */
  #find(hi: number, lo: number): number {
    const entries = this.#entries
    const signedHi = hi | 0
    const signedLo = lo | 0
    let at = this.#home(hi, lo)
    while (true) {
      const word = at * Stride
      if (entries[word + 2] === empty || (entries[word + 1] === signedLo && entries[word] === signedHi)) return word
      at = (at + 1) & this.#mask
    }
  }

  /** The slot of an id, or -1. */
  get(hi: number, lo: number): number {
    return this.#entries[this.#find(hi, lo) + 2]!
  }

  /** Adds an id that is not there yet. */
  add(hi: number, lo: number, slot: number): void {
    // At most two thirds full, so that probing stays short.
    if (3 * (this.#size + 1) > 2 * (this.#mask + 1)) this.#grow()
    this.#put(hi, lo, slot)
    this.#size++
  }

  #put(hi: number, lo: number, slot: number): void {
    const entries = this.#entries
    const word = this.#find(hi, lo)
    entries[word] = hi
    entries[word + 1] = lo
    entries[word + 2] = slot
  }

  #grow(): void {
    const before = this.#entries
    const capacity = 2 * (this.#mask + 1)
    this.#mask = capacity - 1
    this.#entries = vacant(capacity)
    for (let word = 0; word < before.length; word += Stride) {
      if (before[word + 2] !== empty) this.#put(before[word]!, before[word + 1]!, before[word + 2]!)
    }
  }

  /** Removes an id, closing the gap so that no lookup ends early. */
  remove(hi: number, lo: number): void {
    const entries = this.#entries
    const found = this.#find(hi, lo)
    if (entries[found + 2] === empty) return
    this.#size--
    let gap = found / Stride
    let next = (gap + 1) & this.#mask
    while (entries[next * Stride + 2] !== empty) {
      const home = this.#home(entries[next * Stride]!, entries[next * Stride + 1]!)
      // Move `next` into the gap unless its home lies cyclically behind the gap.
      if (((next - home) & this.#mask) >= ((next - gap) & this.#mask)) {
        entries.copyWithin(gap * Stride, next * Stride, (next + 1) * Stride)
        gap = next
      }
      next = (next + 1) & this.#mask
    }
    entries[gap * Stride + 2] = empty
  }
}

const vacant = (capacity: number): Int32Array => new Int32Array(capacity * Stride).fill(empty)
