/** A machine's clock in virtual time: it can run fast or slow, and its timers can be held up. */
import { type Clock, Duration, Effect } from "effect"
import { type Due, NanosPerMilli, type Timeline } from "./Timeline.ts"

/** 2026-01-01 UTC, when every simulation begins, in ms since 1970. */
export const Beginning = Date.UTC(2026, 0, 1)

/** Somebody who sleeps. */
class Sleeper implements Due {
  at: number
  sequence = 0
  cancelled = false
  /** Its time came, so it is on the timeline no more. */
  passed = false
  readonly owner: VirtualClock
  /** When to wake by the owner's own clock, in ns. */
  readonly deadline: number
  readonly fire: () => void

  constructor(owner: VirtualClock, at: number, deadline: number, wake: () => void) {
    this.owner = owner
    this.at = at
    this.deadline = deadline
    this.fire = () => owner.due(this, wake)
  }
}

type Mode = "running" | "frozen" | "ended"

/**
 * An Effect `Clock` on a timeline. Its reading is the timeline's, but for a rate and
 * an offset. While it is frozen its time goes on and its sleepers wait, as those of
 * a stopped process do; once it has ended they never wake.
 */
export class VirtualClock implements Clock.Clock {
  readonly #timeline: Timeline
  /** Added to the monotonic reading, it is Unix time in ms. */
  readonly #epoch: number
  #mode: Mode = "running"
  #rate = 1
  // The own reading was `#reading` when the timeline's was `#origin`, both in ns.
  #reading = 0
  #origin = 0
  #sleeping = 0
  #held: Array<() => void> = []

  /** `behind`: how far the wall clock is behind, in ms; the monotonic reading is the timeline's. */
  constructor(timeline: Timeline, behind = 0) {
    this.#timeline = timeline
    this.#epoch = Beginning - behind
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.#sleeping
  }

  /** How fast it runs: 1.02 gains 2 %. */
  get rate(): number {
    return this.#rate
  }

  get nanos(): number {
    return this.#reading + Math.round((this.#timeline.now - this.#origin) * this.#rate)
  }

  // --- Clock ---------------------------------------------------------------

  currentTimeMillisUnsafe(): number {
    return this.#epoch + Math.floor(this.nanos / NanosPerMilli)
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.#epoch) * BigInt(NanosPerMilli) + BigInt(this.nanos)
  }
  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(this.nanos)
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const nanos = Math.round(Duration.toMillis(duration) * NanosPerMilli)
      if (this.#mode === "ended" || nanos === Infinity) return
      const deadline = this.nanos + nanos
      let waiting = true
      const sleeper = new Sleeper(this, this.#globally(deadline), deadline, () => {
        if (!waiting) return
        waiting = false
        this.#sleeping--
        resume(Effect.void)
      })
      this.#sleeping++
      this.#timeline.add(sleeper)
      return Effect.sync(() => {
        if (!waiting) return
        waiting = false
        this.#sleeping--
        if (!sleeper.passed) this.#timeline.cancel(sleeper)
      })
    })
  }

  // --- what can happen to it -------------------------------------------------

  /** Runs at another rate from now on; a finite number above 0. */
  skew(rate: number): void {
    this.#reading = this.nanos
    this.#origin = this.#timeline.now
    this.#rate = rate
    this.#timeline.remap(this, (due) => (due instanceof Sleeper ? this.#globally(due.deadline) : due.at))
  }

  /** Wakes nobody until `thaw`. */
  freeze(): void {
    if (this.#mode === "running") this.#mode = "frozen"
  }

  /** Wakes those whose time came meanwhile, in its order, at this instant. */
  thaw(): void {
    if (this.#mode !== "frozen") return
    this.#mode = "running"
    const held = this.#held
    this.#held = []
    for (const wake of held) this.#timeline.at(this.#timeline.now, wake, this)
  }

  /** Wakes nobody any more. */
  end(): void {
    this.#mode = "ended"
    this.#held = []
    this.#sleeping = 0
    this.#timeline.drop(this)
  }

  /** A sleeper's time has come. */
  due(sleeper: Sleeper, wake: () => void): void {
    sleeper.passed = true
    if (this.#mode === "ended") return
    if (this.#mode === "frozen") this.#held.push(() => this.due(sleeper, wake))
    else wake()
  }

  /** When this clock shows `reading`, in ns of the timeline. */
  #globally(reading: number): number {
    return this.#origin + Math.ceil((reading - this.#reading) / this.#rate)
  }
}
