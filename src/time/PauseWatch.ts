/**
 * Notices that the process did not run for a while: it was stopped, starved, or its
 * machine was suspended. A timer that fires much later than asked tells something
 * about this process, and nothing about the other nodes.
 */

/**
 * Collects the lateness of all timers of a node and recognises pauses of its process.
 *
 * **Details**
 *
 * One pause makes several timers late and must be counted once, so a timer's lateness is measured from the last timer
 * that fired, if that was after the timer's own deadline.
 *
 * @category models
 * @since 0.2.0
 */
export class PauseWatch {
  /** A timer that is late by this much or more, in ms, reveals a pause. */
  readonly threshold: number
  /** How many pauses were noticed. */
  pauses = 0
  #lastFired = -Infinity
  readonly #listeners: Array<(length: number, now: number) => void> = []

  constructor(threshold: number) {
    this.threshold = threshold
  }

  /**
   * Adds a listener that is called at the end of each pause, with the pause's length and the time, both in ms. It is
   * called before the late timer does its work, so it can move deadlines away.
   */
  onPause(listener: (length: number, now: number) => void): void {
    this.#listeners.push(listener)
  }

  /** Notes that a timer that was due at `deadline` fired at `now`, both in ms. To be called before the timer's work. */
  fired(deadline: number, now: number): void {
    const late = now - Math.max(deadline, this.#lastFired)
    this.#lastFired = Math.max(now, this.#lastFired)
    if (late < this.threshold) return
    this.pauses++
    for (const listener of this.#listeners) listener(late, now)
  }
}
