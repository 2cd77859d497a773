/**
 * The order in which members are probed: a ring that is shuffled anew at each wrap
 * (SWIM, section 4.3). Every member is probed once per wrap, so from one probe of a
 * member to the next there are at most 2n - 1 probes. Newcomers are inserted at a
 * random place. Every operation takes constant time, because a wrap is shuffled step
 * by step, with each draw.
 */
import { extended, grownLength } from "../membership/ArrayGrowth.ts"

const none = -1

const avoidNone = (): boolean => false

/** A copy with room for an element at `at`. */
const longer = (array: Int32Array<ArrayBuffer>, at: number): Int32Array<ArrayBuffer> =>
  extended(new Int32Array(grownLength(at)).fill(none), array)

/** The members that are probed, by slot. */
export class ProbeRing {
  readonly #random: () => number
  #slots = new Int32Array(0)
  /** Where each slot stands in the ring, or -1. */
  #index = new Int32Array(0)
  #length = 0
  /** Slots before the cursor have been probed in this wrap. The others are in no particular order. */
  #cursor = 0

  constructor(random: () => number) {
    this.#random = random
  }

  get size(): number {
    return this.#length
  }

  has(slot: number): boolean {
    return slot < this.#index.length && this.#index[slot] !== none
  }

  /** Inserts a slot at a random place of the wrap, before or after the cursor. */
  add(slot: number): void {
    if (this.has(slot)) return
    const place = Math.floor(this.#random() * (this.#length + 1))
    if (slot >= this.#index.length) this.#index = longer(this.#index, slot)
    if (this.#length >= this.#slots.length) this.#slots = longer(this.#slots, this.#length)
    this.#put(this.#length++, slot)
    // Only the side of the cursor matters.
    if (place < this.#cursor) this.#swap(this.#cursor++, this.#length - 1)
  }

  remove(slot: number): void {
    if (!this.has(slot)) return
    let at = this.#index[slot]!
    if (at < this.#cursor) {
      this.#swap(at, --this.#cursor)
      at = this.#cursor
    }
    this.#swap(at, --this.#length)
    this.#index[slot] = none
  }

  /**
   * The next member to probe, or -1 for none: a random one of those that remain in this wrap. If that is one to `avoid`,
   * another one that remains is taken, or the next wrap begins, unless all are to be avoided.
   */
  next(avoid: (slot: number) => boolean = avoidNone): number {
    const length = this.#length
    if (length === 0) return -1
    if (this.#cursor >= length) this.#cursor = 0
    let drawn = this.#cursor + Math.floor(this.#random() * (length - this.#cursor))
    if (avoid(this.#slots[drawn]!)) {
      const other = this.#slots.subarray(0, length).findIndex((slot, at) => at >= this.#cursor && !avoid(slot))
      const before = other >= 0 ? -1 : this.#slots.subarray(0, this.#cursor).findIndex((slot) => !avoid(slot))
      if (before >= 0) this.#cursor = 0
      if (other >= 0 || before >= 0) drawn = Math.max(other, before)
    }
    this.#swap(this.#cursor, drawn)
    return this.#slots[this.#cursor++]!
  }

  #swap(a: number, b: number): void {
    const slot = this.#slots[a]!
    this.#put(a, this.#slots[b]!)
    this.#put(b, slot)
  }

  #put(at: number, slot: number): void {
    this.#slots[at] = slot
    this.#index[slot] = at
  }
}
