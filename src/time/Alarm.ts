/** One timer for many deadlines. */
import { type Clock, Effect, FiberHandle, type Scope } from "effect"
import * as MonotonicTime from "./MonotonicTime.ts"
import type { PauseWatch } from "./PauseWatch.ts"
import { sleepUntil } from "./Sleep.ts"

/**
 * A timer that is set to the earliest of its owner's deadlines.
 *
 * @category models
 * @since 0.2.0
 */
export interface Alarm {
  /**
   * To be called, synchronously, whenever the earliest deadline may have come nearer. A deadline that moves away needs no
   * call.
   */
  readonly reset: () => void
}

/**
 * What an alarm waits for, and what it does then.
 *
 * @category models
 * @since 0.2.0
 */
export interface AlarmOptions {
  /** The earliest deadline, in ms of the monotonic clock; Infinity for none. */
  readonly next: () => number
  /** Does what is due. `now` is in ms of the monotonic clock, never before the earliest deadline. */
  readonly fire: (now: number) => void
}

/**
 * Makes an alarm that calls `fire` when the earliest deadline has come. A deadline that moved away or was dropped costs at
 * most one wake-up for nothing. At most one fiber sleeps at any time, none while there is no deadline, and it ends with
 * the scope; after that the alarm does nothing. `supervise` wraps that fiber.
 */
export const make = Effect.fnUntraced(function* (
  clock: Clock.Clock,
  watch: PauseWatch,
  { fire, next }: AlarmOptions,
  supervise: (effect: Effect.Effect<void>) => Effect.Effect<void> = (effect) => effect
): Effect.fn.Return<Alarm, never, Scope.Scope> {
  const run = yield* FiberHandle.makeRuntime<never>()
  let armed = Infinity
  let firing = false

  const sleep = Effect.gen(function* () {
    while (true) {
      armed = next()
      if (armed === Infinity) return
      yield* sleepUntil(clock, armed)
      const now = Math.max(armed, MonotonicTime.millis(clock))
      firing = true
      // A listener of the watch may move deadlines away, so the earliest is asked for again.
      watch.fired(armed, now)
      if (next() <= now) fire(now)
      firing = false
    }
  })

  return {
    reset: () => {
      // While `fire` runs, the fiber is awake and asks for the earliest deadline afterwards.
      if (!firing && next() < armed) run(supervise(sleep))
    }
  }
})
