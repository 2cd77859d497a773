/**
 * Periodic work on the monotonic clock, as streams of ticks.
 *
 * `Schedule` is not used, for two reasons. It computes delays from the wall clock in whole milliseconds, so it jumps when
 * the clock of the machine is set, and its recurrences drift by the work done in between. And it does not tell how late a
 * recurrence is, from which a node recognises that its process was paused (`PauseWatch`).
 *
 * A tick of a stream costs about 0.9 us more than one of a loop that sleeps and calls a function (6.8 instead of 6.0 us on
 * the simulator's clock). In the simulator an idle node spends about 30 us for each tick, so the difference is 3 %.
 */
import { type Clock, Effect, Stream } from "effect"
import * as MonotonicTime from "./MonotonicTime.ts"
import type { PauseWatch } from "./PauseWatch.ts"
import { sleepUntil } from "./Sleep.ts"

/**
 * When ticks come.
 *
 * @category models
 * @since 0.2.0
 */
export interface TickTimes {
  /** Milliseconds until the first tick. */
  readonly first: number
  /** Milliseconds until the next tick; positive. Asked for after each tick was consumed. */
  readonly period: () => number
}

/**
 * When ticks come, and what is done at each.
 *
 * @category models
 * @since 0.2.0
 */
export interface TickOptions extends TickTimes {
  /** `now` is the time in ms of the monotonic clock, never before the time at which the tick was due. */
  readonly tick: (now: number) => void
}

/**
 * A stream that emits the time in ms of the monotonic clock once per period, for ever. The time is never before the one
 * at which the tick was due. `MonotonicTime.nextDeadline` says when the next tick is due; nothing is buffered, so a slow
 * consumer gets later ticks and not more of them. How late each tick is goes to `watch` before the tick is emitted.
 */
export const stream = (clock: Clock.Clock, watch: PauseWatch, { first, period }: TickTimes): Stream.Stream<number> =>
  Stream.fromPull(
    Effect.sync(() => {
      let deadline = MonotonicTime.millis(clock) + first
      let now = -Infinity
      const emit = (): readonly [number] => {
        now = Math.max(deadline, MonotonicTime.millis(clock))
        watch.fired(deadline, now)
        return [now]
      }
      return Effect.suspend(() => {
        if (now !== -Infinity) deadline = MonotonicTime.nextDeadline(deadline, now, period())
        return Effect.map(sleepUntil(clock, deadline), emit)
      })
    })
  )

/** Calls `tick` for each tick of `stream`, for ever. */
export const forever = (clock: Clock.Clock, watch: PauseWatch, options: TickOptions): Effect.Effect<void> =>
  Stream.runForEachArray(stream(clock, watch, options), ([now]) => Effect.sync(() => options.tick(now)))
