/**
 * The newest changes, for whoever follows them at a pace of its own: each follower only remembers how far it has read,
 * so a slow one costs nothing but what it misses.
 */
import type { Change } from "./ChangeJson.ts"

/** Changes that are kept. */
export const Capacity = 1024

/** What a follower gets at once. */
export interface Batch {
  /** Changes that are lost to it before the first of `entries`; null where nobody knows how many. */
  readonly missed: number | null
  readonly entries: ReadonlyArray<Change>
  /** How far it has read then. */
  readonly cursor: number | undefined
}

export class EventLog {
  readonly #ring: Array<Change> = []
  readonly #capacity: number
  readonly #waiting = new Set<() => void>()
  #start = 0
  #latest = 0
  #ended = false

  constructor(capacity = Capacity) {
    this.#capacity = capacity
  }

  /** Where to begin to read in order to get only what comes from now on. */
  get now(): number | undefined {
    return this.#ring.length === 0 ? undefined : this.#latest
  }

  /** Whether nothing comes any more. */
  get ended(): boolean {
    return this.#ended
  }

  append(change: Change): void {
    if (this.#ring.length < this.#capacity) this.#ring.push(change)
    else {
      this.#ring[this.#start] = change
      this.#start = (this.#start + 1) % this.#capacity
    }
    this.#latest = change.sequence
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  /**
   * Up to `limit` changes after the one with the sequence `cursor`; without one, from the first that was logged. A cursor
   * beyond the newest change is from a former life of the node: all of this one is new to it.
   */
  read(cursor: number | undefined, limit: number): Batch {
    const former = cursor !== undefined && cursor > this.#latest
    const after = former ? 0 : (cursor ?? (this.#ring.length === 0 ? 0 : this.#at(0).sequence - 1))
    const entries: Array<Change> = []
    for (let i = this.#firstAfter(after); i < this.#ring.length && entries.length < limit; i++) {
      const entry = this.#at(i)
      // Changes that did not reach this log either end the batch, so that what is missed is told in its place.
      const previous = entries.at(-1)
      if (previous !== undefined && entry.sequence !== previous.sequence + 1) break
      entries.push(entry)
    }
    const [first] = entries
    const last = entries.at(-1)
    const missed = former ? null : (first?.sequence ?? this.#latest + 1) - after - 1
    return { missed, entries, cursor: last?.sequence ?? (cursor === undefined ? undefined : this.#latest) }
  }

  /** Calls back once, when there is more to read or nothing comes any more. Returns how to call that off. */
  onMore(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }

  #at(index: number): Change {
    return this.#ring[(this.#start + index) % this.#ring.length]!
  }

  /** The index of the first change after a sequence. */
  #firstAfter(sequence: number): number {
    let low = 0
    let high = this.#ring.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#at(middle).sequence <= sequence) low = middle + 1
      else high = middle
    }
    return low
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}
