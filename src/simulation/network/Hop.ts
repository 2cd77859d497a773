/** One part of a datagram's path: its conditions, and the line that serializes datagrams at a bandwidth. */
import type { Conditions } from "./Conditions.ts"

export class Hop {
  readonly conditions: Conditions
  /** When the line will have sent everything that it accepted, in ms. */
  #freeAt = -Infinity

  constructor(conditions: Conditions) {
    this.conditions = conditions
  }

  /** Whether the line has nothing left to send. */
  isIdle(now: number): boolean {
    return this.#freeAt <= now
  }

  /** How many ms a datagram waits for the line and takes to be sent, or -1 if the queue has no room for it. */
  take(bytes: number, now: number): number {
    const { bandwidth, queue } = this.conditions
    if (bandwidth === Infinity) return 0
    const wait = Math.max(this.#freeAt - now, 0)
    // Rounded to whole bytes, because a time in ms is not exact enough to compare fractions of a byte.
    const unsent = Math.round((wait * bandwidth) / 1000)
    if (unsent > 0 && unsent + bytes > queue) return -1
    const busy = wait + (bytes * 1000) / bandwidth
    this.#freeAt = now + busy
    return busy
  }
}
