/** Periodic work on the monotonic clock. */
import { type Clock, Duration, Effect } from "effect"
import * as MonotonicTime from "./MonotonicTime.ts"
import type { PauseWatch } from "./PauseWatch.ts"

/** Sleeps until `deadline`, in ms of the monotonic clock; 1 ms early is there. */
export const sleepUntil = (clock: Clock.Clock, deadline: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const wait = deadline - MonotonicTime.millis(clock)
    if (wait <= 0) return Effect.void
    return Effect.flatMap(clock.sleep(Duration.millis(wait)), () =>
      deadline - MonotonicTime.millis(clock) > MonotonicTime.EarlyBy ? sleepUntil(clock, deadline) : Effect.void
    )
  })

/** When and what to do periodically. */
export interface TickOptions {
  /** Milliseconds until the first tick. */
  readonly first: number
  /** Milliseconds until the next tick; positive. */
  readonly period: () => number
  readonly tick: (now: number) => void
}

/**
 * Calls `tick` once per period, for ever.
 *
 * Deadlines are held here, so they do not drift with the time that ticks take, and
 * the period is asked for anew after each tick. After a tick that came later than
 * a whole period the next is a period away: what was missed is not made up for.
 * Every tick's lateness goes to `watch`.
 */
export const forever = (clock: Clock.Clock, watch: PauseWatch, options: TickOptions): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { first, period, tick } = options
    let deadline = MonotonicTime.millis(clock) + first
    while (true) {
      yield* sleepUntil(clock, deadline)
      // Early by less than a timer's grain is on time.
      const now = Math.max(deadline, MonotonicTime.millis(clock))
      watch.fired(deadline, now)
      tick(now)
      const next = period()
      deadline = now - deadline > next ? now + next : deadline + next
    }
  })
