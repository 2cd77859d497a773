/**
 * Slots in the order in which their time runs out. All slots of a list have the same time, so it is a queue: the oldest is
 * first, and a renewed one goes to the end. Every operation takes constant time.
 */

const none = -1

/**
 * Links of several lists. A slot is in at most one of them.
 *
 * @category models
 * @since 0.2.0
 */
export class AgeLinks {
  previous = new Int32Array(0)
  next = new Int32Array(0)
  /** When the slot was added or last renewed, in ms of the monotonic clock. */
  began = new Float64Array(0)
}

/**
 * Slots in the order in which their time runs out.
 *
 * @category models
 * @since 0.2.0
 */
export class AgeList {
  readonly #links: AgeLinks
  #head = none
  #tail = none
  #length = 0

  constructor(links: AgeLinks) {
    this.#links = links
  }

  get length(): number {
    return this.#length
  }

  /** The oldest slot, or -1. */
  get oldest(): number {
    return this.#head
  }

  /** When the oldest slot was added or last renewed, or Infinity. */
  get oldestBegan(): number {
    return this.#head === none ? Infinity : this.#links.began[this.#head]!
  }

  add(slot: number, now: number): void {
    const links = this.#links
    links.began[slot] = now
    links.previous[slot] = this.#tail
    links.next[slot] = none
    if (this.#tail === none) this.#head = slot
    else links.next[this.#tail] = slot
    this.#tail = slot
    this.#length++
  }

  remove(slot: number): void {
    const links = this.#links
    const previous = links.previous[slot]!
    const next = links.next[slot]!
    if (previous === none) this.#head = next
    else links.next[previous] = next
    if (next === none) this.#tail = previous
    else links.previous[next] = previous
    this.#length--
  }

  renew(slot: number, now: number): void {
    this.remove(slot)
    this.add(slot, now)
  }
}
