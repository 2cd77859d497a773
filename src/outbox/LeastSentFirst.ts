/**
 * What waits to be passed on, in the order in which it goes out.
 *
 * @since 0.2.0
 */

/** Something that waits, with how often it was sent. */
export interface Waiting {
  sent: number
}

/**
 * Items, least-sent first, and of those that were sent as often the older first. There are few, so they are kept in an
 * array. At the bound the one that was sent most often makes room.
 */
export class LeastSentFirst<A extends Waiting> {
  readonly #items: Array<A> = []
  readonly #most: number
  readonly #onFirst: () => void

  /** `onFirst` is called when an item is added while there was none. */
  constructor(most: number, onFirst: () => void) {
    this.#most = most
    this.#onFirst = onFirst
  }

  get items(): ReadonlyArray<A> {
    return this.#items
  }

  add(item: A): void {
    if (this.#items.length >= this.#most) this.#items.pop()
    this.#insert(item)
    if (this.#items.length === 1) this.#onFirst()
  }

  /** Drops the items of which this holds. */
  remove(isDropped: (item: A) => boolean): void {
    for (let i = this.#items.length - 1; i >= 0; i--) if (isDropped(this.#items[i]!)) this.#items.splice(i, 1)
  }

  /** Counts that items were sent once more. Those that were sent `limit` times are dropped. */
  countSent(items: ReadonlyArray<A>, limit: number): void {
    for (const item of items) {
      this.#items.splice(this.#items.indexOf(item), 1)
      item.sent++
      if (item.sent < limit) this.#insert(item)
    }
  }

  #insert(item: A): void {
    const after = this.#items.findIndex(({ sent }) => sent > item.sent)
    this.#items.splice(after < 0 ? this.#items.length : after, 0, item)
  }
}
