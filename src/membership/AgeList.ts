/**
 * Slots in the order in which their time runs out. All slots of a list have the same time, so it is a queue: the oldest is
 * first, and a renewed one goes to the end. It takes memory only for the slots in it.
 *
 * @category models
 * @since 0.2.0
 */
export class AgeList {
  /** When each slot was added or last renewed, in ms of the monotonic clock, oldest first. */
  readonly #began = new Map<number, number>()
  #oldest = -1
  #oldestBegan = Infinity

  get length(): number {
    return this.#began.size
  }

  /** The oldest slot, or -1. */
  get oldest(): number {
    return this.#oldest
  }

  /** When the oldest slot was added or last renewed, or Infinity. */
  get oldestBegan(): number {
    return this.#oldestBegan
  }

  add(slot: number, now: number): void {
    this.#began.set(slot, now)
    if (this.#oldest === -1) this.#findOldest()
  }

  remove(slot: number): void {
    this.#began.delete(slot)
    if (slot === this.#oldest) this.#findOldest()
  }

  renew(slot: number, now: number): void {
    this.remove(slot)
    this.add(slot, now)
  }

  #findOldest(): void {
    this.#oldest = -1
    this.#oldestBegan = Infinity
    for (const [slot, began] of this.#began) {
      this.#oldest = slot
      this.#oldestBegan = began
      return
    }
  }
}
