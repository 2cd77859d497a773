/** Which events a node has seen, and in which order it delivers them. */
import { setNewest } from "../domain/OldestKey.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { MonotonicBits } from "./MonotonicBits.ts"

/** How long an event waits for earlier ones of its origin, in ms. */
export const OrderWait = 1000

/** The most origins that are remembered. Beyond, the one that was silent for longest is forgotten. */
export const MaxOrigins = 4096

/** The most runs of one origin, by incarnation, that are remembered. */
const MaxRuns = 4

/** The most events that wait for earlier ones. Beyond, all are delivered at once. */
export const MaxHeld = 1024

interface Held<E> {
  readonly event: E
  readonly since: number
}

/** The events of one origin in one incarnation. */
interface Run<E> {
  readonly incarnation: number
  readonly seen: MonotonicBits
  readonly held: Map<number, Held<E>>
  /** The number of the event that is delivered next. */
  next: number
}

/** The events of all origins. Times are in ms of the monotonic clock. */
export class EventInbox<E> {
  /** Events that had come before. */
  duplicates = 0
  /** Those that were heard last are at the end. */
  readonly #origins = new Map<bigint, Array<Run<E>>>()
  readonly #waiting = new Set<Run<E>>()
  #held = 0
  readonly #maxOrigins: number

  constructor(maxOrigins = MaxOrigins) {
    this.#maxOrigins = maxOrigins
  }

  /** How many origins are remembered. */
  get size(): number {
    return this.#origins.size
  }

  /** How many events wait for earlier ones. */
  get held(): number {
    return this.#held
  }

  /** Takes an event, which `make` copies. Returns whether it is new; then `release` delivers it, now or later. */
  receive(origin: bigint, incarnation: number, number: number, now: number, make: () => E): boolean {
    const run = this.#runOf(origin, incarnation, number)
    if (run === undefined || !run.seen.add(number)) {
      this.duplicates++
      return false
    }
    run.held.set(number, { event: make(), since: now })
    this.#waiting.add(run)
    this.#held++
    return true
  }

  #runOf(origin: bigint, incarnation: number, number: number): Run<E> | undefined {
    const runs = this.#origins.get(origin) ?? []
    setNewest(this.#origins, origin, runs, this.#maxOrigins)
    const known = runs.find((run) => run.incarnation === incarnation)
    if (known !== undefined) return known
    // The lowest incarnation is first. Below it, what was seen is not known any more.
    const at = runs.findIndex((run) => SerialNumber.compare(run.incarnation, incarnation) > 0)
    if (at === 0 && runs.length >= MaxRuns) return undefined
    // A node that raises its incarnation counts on, one that restarts begins at 1.
    const next = runs.reduce((next, run) => (number >= run.next ? Math.max(next, run.next) : next), 1)
    const run: Run<E> = { incarnation, seen: new MonotonicBits(), held: new Map(), next }
    runs.splice(at < 0 ? runs.length : at, 0, run)
    if (runs.length > MaxRuns) runs.shift()
    return run
  }

  /** When `release` next has something to do although nothing comes, in ms, or Infinity. */
  get next(): number {
    let next = Infinity
    for (const { held } of this.#waiting)
      for (const { since } of held.values()) next = Math.min(next, since + OrderWait)
    return next
  }

  /**
   * Delivers the events whose turn it is: in the order of their origin, but none waits longer than `OrderWait` for an
   * earlier one. One that comes after its turn is delivered late.
   */
  release(now: number, deliver: (event: E) => void): void {
    const crowded = this.#held > MaxHeld
    for (const run of this.#waiting) {
      const numbers = [...run.held.keys()].sort((a, b) => a - b)
      const oldest = Math.min(...[...run.held.values()].map(({ since }) => since))
      const waits = !crowded && now - oldest < OrderWait
      for (const number of numbers) {
        if (number > run.next && waits) break
        const held = run.held.get(number)
        run.held.delete(number)
        run.next = Math.max(run.next, number + 1)
        this.#held--
        if (held !== undefined) deliver(held.event)
      }
      if (run.held.size === 0) this.#waiting.delete(run)
    }
  }
}
