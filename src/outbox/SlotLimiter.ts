/** Allows something at most once in an interval for each slot of the member table. */
import { extended, grownLength } from "../membership/ArrayGrowth.ts"

/** Times are in ms of the monotonic clock. */
export class SlotLimiter {
  readonly #interval: number
  /** When each slot was last allowed. */
  #allowedAt = new Float64Array(0)

  constructor(interval: number) {
    this.#interval = interval
  }

  /** Whether the interval since the slot was last allowed is over. If so, a new one starts. */
  allows(slot: number, now: number): boolean {
    if (slot >= this.#allowedAt.length) {
      this.#allowedAt = extended(new Float64Array(grownLength(slot)).fill(-Infinity), this.#allowedAt)
    }
    if (now - this.#allowedAt[slot]! < this.#interval) return false
    this.#allowedAt[slot] = now
    return true
  }

  /** Forgets when the slot was last allowed, because it may belong to another node from now on. */
  forget(slot: number): void {
    if (slot < this.#allowedAt.length) this.#allowedAt[slot] = -Infinity
  }
}
