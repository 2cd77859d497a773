/** One timer for many deadlines. */
import { type Clock, Effect, FiberHandle, type Scope } from "effect"
import * as MonotonicTime from "./MonotonicTime.ts"
import type { PauseWatch } from "./PauseWatch.ts"
import { sleepUntil } from "./Ticks.ts"

/** A timer that is set to the earliest deadline of whoever made it. */
export interface Alarm {
  /** To be called, synchronously, whenever the earliest deadline may have come nearer. */
  readonly reset: () => void
}

/** What an alarm watches and does. */
export interface AlarmOptions {
  /** The earliest deadline, in ms of the monotonic clock; Infinity for none. */
  readonly next: () => number
  /** Does what is due. */
  readonly fire: (now: number) => void
}

/**
 * Makes an alarm that calls `fire` when the earliest deadline has come. A deadline
 * that moved away or was dropped costs at most one idle wake-up. At any time one
 * fiber sleeps, or none, and it ends with the scope. `supervise` wraps that fiber.
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
      // The watch may move deadlines away, so what is due is asked for again.
      watch.fired(armed, now)
      if (next() <= now) fire(now)
      firing = false
    }
  })

  return {
    reset: () => {
      // The sleeper asks for the next deadline itself once `fire` returns.
      if (!firing && next() < armed) run(supervise(sleep))
    }
  }
})
