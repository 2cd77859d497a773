/**
 * The accusations that wait to be passed on, least-sent first.
 *
 * @since 0.2.0
 */
import type { Accusation } from "../wire/sections/Accusation.ts"

/** The most accusations that wait. Beyond, the one that was sent most often makes room. */
const MaxAccusations = 256

interface Waiting {
  readonly slot: number
  accusation: Accusation
  sent: number
}

/**
 * Accusations of members.
 *
 * **Details**
 *
 * There are few: some per suspect, and suspects are rare. So they are kept in an
 * array in the order in which they go out.
 *
 * @category models
 * @since 0.2.0
 */
export class AccusationQueue {
  readonly #waiting: Array<Waiting> = []
  readonly #onFirst: () => void

  /** `onFirst` is called when an accusation is queued while none was. */
  constructor(onFirst: () => void = () => {}) {
    this.#onFirst = onFirst
  }

  /** How many accusations are queued. */
  get size(): number {
    return this.#waiting.length
  }

  /** Queues an accusation of the member of a slot. One by the same accuser at the same incarnation is replaced. */
  add(slot: number, accusation: Accusation): void {
    const waiting = this.#waiting
    const known = waiting.findIndex(
      (other) =>
        other.slot === slot &&
        other.accusation.accuserHi === accusation.accuserHi &&
        other.accusation.accuserLo === accusation.accuserLo &&
        other.accusation.incarnation === accusation.incarnation
    )
    if (known >= 0) waiting.splice(known, 1)
    else if (waiting.length >= MaxAccusations) waiting.pop()
    // Those that were not sent yet come first, in the order in which they came.
    const after = waiting.findIndex(({ sent }) => sent > 0)
    waiting.splice(after < 0 ? waiting.length : after, 0, { slot, accusation, sent: 0 })
    if (waiting.length === 1) this.#onFirst()
  }

  /** Drops the accusations of a slot: its member refuted them, died, or is forgotten. */
  remove(slot: number): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) if (this.#waiting[i]!.slot === slot) this.#waiting.splice(i, 1)
  }

  /**
   * Hands accusations to `write`, least-sent first, until it returns `false`. Each that was written counts as sent once
   * more; at `limit` it leaves the queue.
   */
  take(limit: number, write: (accusation: Accusation) => boolean): void {
    const waiting = this.#waiting
    let written = 0
    while (written < waiting.length && write(waiting[written]!.accusation)) written++
    if (written === 0) return
    for (const sent of waiting.splice(0, written)) {
      sent.sent++
      if (sent.sent >= limit) continue
      const after = waiting.findIndex((other) => other.sent > sent.sent)
      waiting.splice(after < 0 ? waiting.length : after, 0, sent)
    }
  }
}
