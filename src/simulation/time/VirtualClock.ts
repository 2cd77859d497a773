/** A machine's clock in virtual time. It can run fast or slow, and its timers can be stopped. */
import { type Clock, Duration, Effect } from "effect"
import { type TimelineEntry, NanosPerMilli, type Timeline } from "./Timeline.ts"

/**
 * When every simulation begins: 2026-01-01 UTC, in ms since 1970.
 *
 * @category constants
 * @since 0.2.0
 */
export const Beginning = Date.UTC(2026, 0, 1)

/**
 * A sleeping fiber.
 *
 * @category models
 * @since 0.2.0
 */
export class Sleeper implements TimelineEntry {
  at: number
  sequence = 0
  pending = false
  readonly owner: VirtualClock
  /** When to wake it, by the owner's clock, in ns. */
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
 * An Effect `Clock` on a timeline, with a rate and an offset of its own. While it is frozen its time advances but no
 * sleeper wakes, as in a stopped process. Once it has ended, no sleeper ever wakes.
 *
 * @category models
 * @since 0.2.0
 */
export class VirtualClock implements Clock.Clock {
  readonly #timeline: Timeline
  /** How far the wall clock is behind the timeline, in ns. */
  #behind: number
  #mode: Mode = "running"
  #rate = 1
  // This clock showed `#reading` when the timeline was at `#origin`, both in ns.
  #reading = 0
  #origin = 0
  #sleeping = 0
  /** Sleepers that came due while the clock was frozen, in the order of their times. */
  readonly #held = new Set<Sleeper>()

  /** `behind`: how far the wall clock is behind the timeline, in ms. The monotonic time has no such offset. */
  constructor(timeline: Timeline, behind = 0) {
    this.#timeline = timeline
    this.#behind = Math.round(behind * NanosPerMilli)
  }

  /** The number of sleepers. */
  get sleeping(): number {
    return this.#sleeping
  }

  /** The rate: 1.02 is 2 % fast. */
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
      const sleeper = new Sleeper(this, this.#instantOf(deadline), deadline, resume)
      this.#sleeping++
      this.#timeline.add(sleeper)
      return Effect.sync(() => {
        if (this.#timeline.cancel(sleeper) || this.#held.delete(sleeper)) this.#sleeping--
      })
    })
  }

  // --- faults ----------------------------------------------------------------

  /** Sets the rate from now on: a finite number above 0. */
  skew(rate: number): void {
    if (!(rate > 0 && rate < Infinity))
      throw new RangeError(`the rate of a clock must be finite and above 0, and is ${rate}`)
    this.#reading = this.nanos
    this.#origin = this.#timeline.now
    this.#rate = rate
    this.#timeline.remap(this, (due) => (due instanceof Sleeper ? this.#instantOf(due.deadline) : due.at))
  }

  /** Sets the wall clock by so many ms, forwards or back. Neither the monotonic time nor a sleeper notices it. */
  setWallClock(by: number): void {
    this.#behind -= Math.round(by * NanosPerMilli)
  }

  /** Wakes nobody until `thaw`. */
  freeze(): void {
    if (this.#mode === "running") this.#mode = "frozen"
  }

  /** Wakes the sleepers that came due meanwhile at this instant, in the order of their times. */
  thaw(): void {
    if (this.#mode !== "frozen") return
    this.#mode = "running"
    for (const sleeper of this.#held) this.#timeline.putBack(sleeper)
    this.#held.clear()
  }

  /** Wakes nobody from now on. */
  end(): void {
    this.#mode = "ended"
    this.#held.clear()
    this.#sleeping = 0
    this.#timeline.drop(this)
  }

  /** Called when a sleeper comes due. */
  due(sleeper: Sleeper): void {
    if (this.#mode === "frozen") {
      this.#held.add(sleeper)
    } else {
      this.#sleeping--
      sleeper.resume(Effect.void)
    }
  }

  /** The first instant of the timeline, in ns, at which this clock shows `reading` or more. */
  #instantOf(reading: number): number {
    const wanted = reading - this.#reading
    let after = Math.ceil(wanted / this.#rate)
    // The quotient is rounded, so it may be off by one.
    if (this.#gain(after - 1) >= wanted) after--
    else if (this.#gain(after) < wanted) after++
    return this.#origin + after
  }

  /** How far this clock advances in so many ns of the timeline. */
  #gain(nanos: number): number {
    return Math.floor(nanos * this.#rate)
  }
}
