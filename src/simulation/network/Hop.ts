/** A part of the way of datagrams: its conditions, and the line that sends them one after the other. */
import type { Conditions } from "./Conditions.ts"

export class Hop {
  readonly conditions: Conditions
  /** When the line will have sent all that it took, in ms. */
  #freeAt = -Infinity

  constructor(conditions: Conditions) {
    this.conditions = conditions
  }

  /** Whether the line has nothing left to send. */
  isIdle(now: number): boolean {
    return this.#freeAt <= now
  }

  /** For how many ms a datagram waits for the bandwidth and is sent, or -1 if the queue has no room for it. */
  take(bytes: number, now: number): number {
    const { bandwidth, queue } = this.conditions
    if (bandwidth === Infinity) return 0
    const wait = Math.max(this.#freeAt - now, 0)
    // Whole bytes, since a time has not digits enough to tell them from a little less.
    const unsent = Math.round((wait * bandwidth) / 1000)
    if (unsent > 0 && unsent + bytes > queue) return -1
    const busy = wait + (bytes * 1000) / bandwidth
    this.#freeAt = now + busy
    return busy
  }
}
