/**
 * The newest changes, for followers that read at their own pace: a follower only keeps its position, so a slow one costs
 * the node nothing, and misses changes.
 */
import type { Change } from "./ChangeJson.ts"

/** The number of changes that are kept. */
export const Capacity = 1024

/**
 * Changes that a follower reads at once.
 *
 * @category models
 * @since 0.2.0
 */
export interface Batch {
  /** The number of changes that are lost before the first of `entries`; null if it is unknown. */
  readonly missed: number | null
  readonly entries: ReadonlyArray<Change>
  /** Its position after this batch. */
  readonly cursor: number | undefined
}

/**
 * The newest changes of a node. A client that reads slowly costs nothing but the changes that it misses.
 *
 * @category models
 * @since 0.2.0
 */
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

  /** The position from which a follower reads only new changes. */
  get now(): number | undefined {
    return this.#ring.length === 0 ? undefined : this.#latest
  }

  /** Whether no more changes will follow. */
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
   * beyond the newest change is from an earlier run of the node, so all changes of this run are new to the follower.
   */
  read(cursor: number | undefined, limit: number): Batch {
    const isEarlierRun = cursor !== undefined && cursor > this.#latest
    const after = isEarlierRun ? 0 : (cursor ?? (this.#ring.length === 0 ? 0 : this.#at(0).sequence - 1))
    const entries: Array<Change> = []
    for (let i = this.#firstAfter(after); i < this.#ring.length && entries.length < limit; i++) {
      const entry = this.#at(i)
      // A gap in the log ends the batch, so that it is reported in its place.
      const previous = entries.at(-1)
      if (previous !== undefined && entry.sequence !== previous.sequence + 1) break
      entries.push(entry)
    }
    const [first] = entries
    const last = entries.at(-1)
    const missed = isEarlierRun ? null : (first?.sequence ?? this.#latest + 1) - after - 1
    return { missed, entries, cursor: last?.sequence ?? (cursor === undefined ? undefined : this.#latest) }
  }

  /** Calls back once, when there is more to read or the log has ended. Returns a function that cancels that. */
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
