/**
 * Deadlines by key, earliest first, and lower keys first among equals: a binary heap
 * with an index of where each key stands in it. Every operation but `shift` takes
 * logarithmic time.
 */
export class DeadlineQueue {
  readonly #keys: Array<number> = []
  readonly #deadlines: Array<number> = []
  readonly #index = new Map<number, number>()

  get size(): number {
    return this.#keys.length
  }

  /** The earliest deadline, or Infinity. */
  get next(): number {
    return this.#deadlines[0] ?? Infinity
  }

  has(key: number): boolean {
    return this.#index.has(key)
  }

  /** Sets or moves the deadline of a key. */
  set(key: number, deadline: number): void {
    const at = this.#index.get(key)
    if (at === undefined) {
      this.#keys.push(key)
      this.#deadlines.push(deadline)
      this.#index.set(key, this.#keys.length - 1)
      this.#rise(this.#keys.length - 1)
      return
    }
    this.#deadlines[at] = deadline
    this.#sink(this.#rise(at))
  }

  /** Removes a key. Returns whether it had a deadline. */
  delete(key: number): boolean {
    const at = this.#index.get(key)
    if (at === undefined) return false
    this.#swap(at, this.#keys.length - 1)
    this.#keys.pop()
    this.#deadlines.pop()
    this.#index.delete(key)
    if (at < this.#keys.length) this.#sink(this.#rise(at))
    return true
  }

  /** Removes and returns the key with the earliest deadline if that is not after `now`, else returns -1. */
  popDue(now: number): number {
    const key = this.#keys[0]
    if (key === undefined || this.#deadlines[0]! > now) return -1
    this.delete(key)
    return key
  }

  /** Moves every deadline by `ms`, which keeps their order. */
  shift(ms: number): void {
    for (let i = 0; i < this.#deadlines.length; i++) this.#deadlines[i] = this.#deadlines[i]! + ms
  }

  #rise(from: number): number {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#precedes(at, parent)) break
      this.#swap(at, parent)
      at = parent
    }
    return at
  }

  #sink(from: number): void {
    let at = from
    while (true) {
      let child = 2 * at + 1
      if (child >= this.#keys.length) return
      if (child + 1 < this.#keys.length && this.#precedes(child + 1, child)) child++
      if (!this.#precedes(child, at)) return
      this.#swap(at, child)
      at = child
    }
  }

  #precedes(a: number, b: number): boolean {
    const difference = this.#deadlines[a]! - this.#deadlines[b]!
    return difference < 0 || (difference === 0 && this.#keys[a]! < this.#keys[b]!)
  }

  #swap(a: number, b: number): void {
    const key = this.#keys[a]!
    const deadline = this.#deadlines[a]!
    this.#keys[a] = this.#keys[b]!
    this.#deadlines[a] = this.#deadlines[b]!
    this.#keys[b] = key
    this.#deadlines[b] = deadline
    this.#index.set(this.#keys[a], a)
    this.#index.set(key, b)
  }
}
