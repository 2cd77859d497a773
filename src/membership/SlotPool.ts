/** A set of slots with constant-time add, remove and random choice. */
import { extended, grownLength } from "./ArrayGrowth.ts"

/**
 * Where the place of each slot in its pool is kept. Pools share it when a slot is in at most one of them.
 *
 * @category models
 * @since 0.2.0
 */
export interface Positions {
  readonly position: (slot: number) => number
  readonly setPosition: (slot: number, position: number) => void
}

const empty = new Int32Array(0)

/**
 * A set of slots from which random ones are drawn.
 *
 * @category models
 * @since 0.2.0
 */
export class SlotPool {
  readonly #positions: Positions
  #items = empty
  #length = 0

  constructor(positions: Positions) {
    this.#positions = positions
  }

  get length(): number {
    return this.#length
  }

  at(index: number): number {
    return this.#items[index]!
  }

  add(slot: number): void {
    if (this.#length === this.#items.length) {
      this.#items = extended(new Int32Array(grownLength(this.#length)), this.#items)
    }
    this.#items[this.#length] = slot
    this.#positions.setPosition(slot, this.#length++)
  }

  remove(slot: number): void {
    const index = this.#positions.position(slot)
    const last = this.#items[--this.#length]!
    this.#items[index] = last
    this.#positions.setPosition(last, index)
  }

  /**
   * Swaps a random slot, one of those at `index` and after it, with the slot at `index`, and returns it. Called for 0, 1,
   * 2 and so on it draws without repetition (Fisher and Yates). A draw takes constant time, since the order of a pool
   * means nothing.
   */
  draw(index: number, random: () => number): number {
    return this.swap(index, index + Math.floor(random() * (this.#length - index)))
  }

  /** The same for a caller that has chosen the place `other` of the random slot. */
  swap(index: number, other: number): number {
    const drawn = this.#items[other]!
    const displaced = this.#items[index]!
    this.#items[index] = drawn
    this.#items[other] = displaced
    this.#positions.setPosition(drawn, index)
    this.#positions.setPosition(displaced, other)
    return drawn
  }
}
