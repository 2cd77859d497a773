/** A machine's clock in virtual time: it can run fast or slow, and its timers can be held up. */
import { type Clock, Duration, Effect } from "effect"
import { type Due, NanosPerMilli, type Timeline } from "./Timeline.ts"

/** 2026-01-01 UTC, when every simulation begins, in ms since 1970. */
export const Beginning = Date.UTC(2026, 0, 1)

/** Somebody who sleeps. */
class Sleeper implements Due {
  at: number
  sequence = 0
  ahead = false
  readonly owner: VirtualClock
  /** When to wake by the owner's own clock, in ns. */
  readonly deadline: number
  readonly resume: (effect: Effect.Effect<void>) => void

  constructor(owner: VirtualClock, at: number, deadline: number, resume: (effect: Effect.Effect<void>) => void) {
    this.owner = owner
    this.at = at
    this.deadline = deadline
    this.resume = resume
  }

  fire(): void {
    this.owner.due(this)
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
  /** How far the wall clock is behind, in ns. */
  readonly #behind: number
  #mode: Mode = "running"
  #rate = 1
  // The own reading was `#reading` when the timeline's was `#origin`, both in ns.
  #reading = 0
  #origin = 0
  #sleeping = 0
  /** Those whose time came while it was frozen, in its order. */
  readonly #held = new Set<Sleeper>()

  /** `behind`: how far the wall clock is behind, in ms; the monotonic reading is the timeline's. */
  constructor(timeline: Timeline, behind = 0) {
    this.#timeline = timeline
    this.#behind = Math.round(behind * NanosPerMilli)
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
    return this.#reading + this.#gain(this.#timeline.now - this.#origin)
  }

  // --- Clock ---------------------------------------------------------------

  currentTimeMillisUnsafe(): number {
    return Beginning + Math.floor((this.nanos - this.#behind) / NanosPerMilli)
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(Beginning) * BigInt(NanosPerMilli) + BigInt(this.nanos - this.#behind)
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
      const sleeper = new Sleeper(this, this.#globally(deadline), deadline, resume)
      this.#sleeping++
      this.#timeline.add(sleeper)
      return Effect.sync(() => {
        if (this.#timeline.cancel(sleeper) || this.#held.delete(sleeper)) this.#sleeping--
      })
    })
  }

  // --- what can happen to it -------------------------------------------------

  /** Runs at another rate from now on; a finite number above 0. */
  skew(rate: number): void {
    if (!(rate > 0 && rate < Infinity)) throw new RangeError(`a clock cannot run at the rate ${rate}`)
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
    for (const sleeper of this.#held) this.#timeline.putBack(sleeper)
    this.#held.clear()
  }

  /** Wakes nobody any more. */
  end(): void {
    this.#mode = "ended"
    this.#held.clear()
    this.#sleeping = 0
    this.#timeline.drop(this)
  }

  /** A sleeper's time has come. */
  due(sleeper: Sleeper): void {
    if (this.#mode === "frozen") {
      this.#held.add(sleeper)
    } else {
      this.#sleeping--
      sleeper.resume(Effect.void)
    }
  }

  /** The first instant at which this clock shows `reading` or more, in ns of the timeline. */
  #globally(reading: number): number {
    const wanted = reading - this.#reading
    let after = Math.ceil(wanted / this.#rate)
    // The quotient is rounded, and may be one off.
    if (this.#gain(after - 1) >= wanted) after--
    else if (this.#gain(after) < wanted) after++
    return this.#origin + after
  }

  /** How far it runs in so many ns of the timeline. */
  #gain(nanos: number): number {
    return Math.floor(nanos * this.#rate)
  }
}
