/**
 * Notices when this process did not run: a timer that fires much later than asked
 * says something about us and not about the others.
 *
 * Every timer of a node reports here. Several of them fire late after one pause,
 * and each pause is to be counted once, so lateness counts only from the last
 * timer that fired.
 */
export class PauseWatch {
  /** Lateness from here on is a pause, in ms. */
  readonly threshold: number
  /** How many pauses were noticed. */
  pauses = 0
  #lastFired = -Infinity
  readonly #listeners: Array<(length: number, now: number) => void> = []

  constructor(threshold: number) {
    this.threshold = threshold
  }

  /** `listener` gets the length of each pause, in ms. */
  onPause(listener: (length: number, now: number) => void): void {
    this.#listeners.push(listener)
  }

  /** A timer that was due at `deadline` fired at `now`, both in ms. Call it before acting on the timer. */
  fired(deadline: number, now: number): void {
    const late = now - Math.max(deadline, this.#lastFired)
    this.#lastFired = Math.max(now, this.#lastFired)
    if (late < this.threshold) return
    this.pauses++
    for (const listener of this.#listeners) listener(late, now)
  }
}
