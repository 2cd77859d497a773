/**
 * The order in which members are probed: a ring that is shuffled anew at each wrap
 * (SWIM, section 4.3). Every member is probed once per wrap, so from one probe of a
 * member to the next there are at most 2n - 1 probes. Newcomers are inserted at a
 * random place. Every operation takes constant time, because a wrap is shuffled step
 * by step, with each draw.
 */
export class ProbeRing {
  readonly #random: () => number
  readonly #slots: Array<number> = []
  readonly #index = new Map<number, number>()
  /** Slots before the cursor have been probed in this wrap. The others are in no particular order. */
  #cursor = 0

  constructor(random: () => number) {
    this.#random = random
  }

  get size(): number {
    return this.#slots.length
  }

  has(slot: number): boolean {
    return this.#index.has(slot)
  }

  /** Inserts a slot at a random place of the wrap, before or after the cursor. */
  add(slot: number): void {
    if (this.#index.has(slot)) return
    const place = Math.floor(this.#random() * (this.#slots.length + 1))
    this.#index.set(slot, this.#slots.length)
    this.#slots.push(slot)
    // Only the side of the cursor matters.
    if (place < this.#cursor) this.#swap(this.#cursor++, this.#slots.length - 1)
  }

  remove(slot: number): void {
    let at = this.#index.get(slot)
    if (at === undefined) return
    if (at < this.#cursor) {
      this.#swap(at, --this.#cursor)
      at = this.#cursor
    }
    this.#swap(at, this.#slots.length - 1)
    this.#slots.pop()
    this.#index.delete(slot)
  }

  /** The next member to probe, or -1 for none: a random one of those that remain in this wrap. */
  next(): number {
    const length = this.#slots.length
    if (length === 0) return -1
    if (this.#cursor >= length) this.#cursor = 0
    const drawn = this.#cursor + Math.floor(this.#random() * (length - this.#cursor))
    this.#swap(this.#cursor, drawn)
    return this.#slots[this.#cursor++]!
  }

  #swap(a: number, b: number): void {
    if (a === b) return
    const slotA = this.#slots[a]!
    const slotB = this.#slots[b]!
    this.#slots[a] = slotB
    this.#slots[b] = slotA
    this.#index.set(slotB, a)
    this.#index.set(slotA, b)
  }
}
