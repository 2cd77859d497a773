/**
 * How long a probe should wait for its acknowledgement. Each member has a smoothed
 * round trip and its variation (RFC 6298, section 2); a member without samples is
 * given the median of the others.
 */
import { extended, grownLength } from "../membership/ArrayGrowth.ts"

/** Weight of a new sample in the smoothed round trip (RFC 6298: alpha). */
const Alpha = 1 / 8
/** Weight of a new sample in the variation (RFC 6298: beta). */
const Beta = 1 / 4
/** How many variations are added to the smoothed round trip (RFC 6298: K). */
const Variations = 4
/** The most recent waits that the median is taken over. */
const Recent = 31

/** The least time that a probe waits for an acknowledgement, in ms: timers and schedulers are not finer. */
export const LeastWait = 20

/** Times in ms. */
export class RoundTrips {
  /** Smoothed round trip by slot; NaN without samples. */
  #smoothed = new Float64Array(0)
  #variation = new Float64Array(0)
  readonly #recent: Array<number> = []
  #next = 0
  #median = NaN

  /** Notes a measured round trip to the member of a slot. */
  sample(slot: number, took: number): void {
    if (slot >= this.#smoothed.length) this.#reserve(slot)
    const smoothed = this.#smoothed[slot]!
    if (Number.isNaN(smoothed)) {
      this.#smoothed[slot] = took
      this.#variation[slot] = took / 2
    } else {
      this.#variation[slot] = (1 - Beta) * this.#variation[slot]! + Beta * Math.abs(smoothed - took)
      this.#smoothed[slot] = (1 - Alpha) * smoothed + Alpha * took
    }
    this.#recent[this.#next] = this.#expected(slot)
    this.#next = (this.#next + 1) % Recent
    this.#median = NaN
  }

  /** Forgets the member of a slot, which another node may get. */
  forget(slot: number): void {
    if (slot < this.#smoothed.length) this.#smoothed[slot] = NaN
  }

  /**
   * The time within which an acknowledgement is expected: the smoothed round trip plus four variations, at least
   * `LeastWait` and at most `most`. Without any samples at all it is `most`.
   */
  wait(slot: number, most: number): number {
    const measured = this.#expected(slot)
    const expected = Number.isNaN(measured) ? this.#typical() : measured
    return Number.isNaN(expected) ? most : Math.min(most, Math.max(LeastWait, expected))
  }

  /** NaN without samples. */
  #expected(slot: number): number {
    return (this.#smoothed[slot] ?? NaN) + Variations * (this.#variation[slot] ?? NaN)
  }

  /** The median of the recent waits, or NaN. */
  #typical(): number {
    if (Number.isNaN(this.#median) && this.#recent.length > 0) {
      const sorted = [...this.#recent].sort((a, b) => a - b)
      this.#median = sorted[sorted.length >> 1]!
    }
    return this.#median
  }

  #reserve(slot: number): void {
    const length = grownLength(slot)
    this.#smoothed = extended(new Float64Array(length).fill(NaN), this.#smoothed)
    this.#variation = extended(new Float64Array(length), this.#variation)
  }
}
