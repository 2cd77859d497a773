/**
 * The suspicions that are running, and when each expires. A suspicion belongs to one
 * incarnation of its subject: repeated claims of it restart nothing, and only a
 * higher incarnation begins a new one.
 */
import { DeadlineQueue } from "../time/DeadlineQueue.ts"

/** A member that is suspect from now on. */
export interface SuspicionOptions {
  /** Slot of the member. */
  readonly slot: number
  readonly incarnation: number
  /** How long the suspicion lasts, in ms. */
  readonly timeout: number
}

interface Suspicion {
  readonly incarnation: number
  readonly timeout: number
  /** When it began, in ms of the monotonic clock, and later by the pauses of this process since. */
  startedAt: number
}

export class Suspicions {
  readonly #running = new Map<number, Suspicion>()
  readonly #deadlines = new DeadlineQueue()

  get size(): number {
    return this.#running.size
  }

  /** When the next suspicion expires, in ms of the monotonic clock; Infinity for none. */
  get next(): number {
    return this.#deadlines.next
  }

  /** Starts a suspicion, unless one of the member's incarnation is running. */
  start({ incarnation, slot, timeout }: SuspicionOptions, now: number): void {
    if (this.#running.get(slot)?.incarnation === incarnation) return
    const suspicion = { incarnation, timeout, startedAt: now }
    this.#running.set(slot, suspicion)
    this.#schedule(slot, suspicion)
  }

  /** The member is no longer suspect. */
  clear(slot: number): void {
    if (this.#running.delete(slot)) this.#deadlines.delete(slot)
  }

  /** This process was paused for `ms`, which is not the members' fault. */
  shift(ms: number): void {
    for (const suspicion of this.#running.values()) suspicion.startedAt += ms
    this.#deadlines.shift(ms)
  }

  /** Ends every suspicion that is due, and calls `expire` with its member and with the time that it was to last. */
  due(now: number, expire: (slot: number, timeout: number, now: number) => void): void {
    for (let slot = this.#deadlines.popDue(now); slot >= 0; slot = this.#deadlines.popDue(now)) {
      const { timeout } = this.#running.get(slot)!
      this.#running.delete(slot)
      expire(slot, timeout, now)
    }
  }

  #schedule(slot: number, { startedAt, timeout }: Suspicion): void {
    this.#deadlines.set(slot, startedAt + timeout)
  }
}
