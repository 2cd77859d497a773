/**
 * The accusations that wait to be passed on, least-sent first.
 *
 * @since 0.2.0
 */
import type { Accusation } from "../wire/sections/Accusation.ts"
import { LeastSentFirst, type Waiting } from "./LeastSentFirst.ts"

/** The most accusations that wait. Beyond, the one that was sent most often makes room. */
const MaxAccusations = 256

interface WaitingAccusation extends Waiting {
  readonly slot: number
  readonly accusation: Accusation
}

/**
 * Accusations of members.
 *
 * **Details**
 *
 * There are few: some per suspect, and suspects are rare.
 *
 * @category models
 * @since 0.2.0
 */
export class AccusationQueue {
  readonly #waiting: LeastSentFirst<WaitingAccusation>

  /** `onFirst` is called when an accusation is queued while none was. */
  constructor(onFirst: () => void = () => {}) {
    this.#waiting = new LeastSentFirst(MaxAccusations, onFirst)
  }

  /** How many accusations are queued. */
  get size(): number {
    return this.#waiting.items.length
  }

  /** Queues an accusation of the member of a slot. One by the same accuser at the same incarnation is replaced. */
  add(slot: number, accusation: Accusation): void {
    const { accuserHi, accuserLo, incarnation } = accusation
    this.#waiting.remove(
      ({ accusation: other, slot: of }) =>
        of === slot &&
        other.accuserHi === accuserHi &&
        other.accuserLo === accuserLo &&
        other.incarnation === incarnation
    )
    this.#waiting.add({ slot, accusation, sent: 0 })
  }

  /** Drops the accusations of a slot: its member refuted them, died, or is forgotten. */
  remove(slot: number): void {
    this.#waiting.remove((waiting) => waiting.slot === slot)
  }

  /**
   * Hands accusations to `write`, least-sent first, until it returns `false`. Each that was written counts as sent once
   * more; at `limit` it leaves the queue.
   */
  take(limit: number, write: (accusation: Accusation) => boolean): void {
    const { items } = this.#waiting
    const end = items.findIndex(({ accusation }) => !write(accusation))
    this.#waiting.countSent(items.slice(0, end < 0 ? items.length : end), limit)
  }
}
