/**
 * Bounds the log lines about changes of membership: whoever can make members up can also make them come and go, many
 * thousands of times a second. Lines beyond the bound are counted by what they would have said.
 */
import { refilled } from "../domain/TokenBucket.ts"

/** Lines that may be logged at once. */
export const Burst = 500
/** Lines a second after that. */
export const PerSecond = 10
/** After this time, in ms, the lines that were left out are summarised. */
export const SummaryAfter = 1000

export class LineBudget {
  readonly #leftOut = new Map<string, number>()
  #tokens = Burst
  #at: number

  constructor(now: number) {
    this.#at = now
  }

  /** Whether a line may be logged now; if not, it is counted under `what`, as `count` lines. */
  take(what: string, count: number, now: number): boolean {
    this.#tokens = refilled(this.#tokens, this.#at, now, PerSecond / 1000, Burst)
    this.#at = now
    if (this.#tokens >= 1) {
      this.#tokens--
      return true
    }
    this.#leftOut.set(what, (this.#leftOut.get(what) ?? 0) + count)
    return false
  }

  /** One line for all that was left out since the last one, if anything was. */
  summary(): string | undefined {
    if (this.#leftOut.size === 0) return undefined
    const parts = [...this.#leftOut].map(([what, count]) => `${count} ${what}`)
    const total = this.#leftOut.values().reduce((sum, count) => sum + count, 0)
    this.#leftOut.clear()
    return `${total} more changes without a line each: ${parts.join(", ")}`
  }
}
