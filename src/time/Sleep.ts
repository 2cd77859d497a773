/** Sleeping on the monotonic clock. */
import { type Clock, Duration, Effect } from "effect"
import * as MonotonicTime from "./MonotonicTime.ts"

/**
 * Sleeps until `deadline`, in ms of the monotonic clock, or up to `MonotonicTime.EarlyBy` before it. A sleep that ends
 * earlier than that is continued.
 */
export const sleepUntil = (clock: Clock.Clock, deadline: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const wait = deadline - MonotonicTime.millis(clock)
    if (wait <= 0) return Effect.void
    return Effect.flatMap(clock.sleep(Duration.millis(wait)), () =>
      deadline - MonotonicTime.millis(clock) > MonotonicTime.EarlyBy ? sleepUntil(clock, deadline) : Effect.void
    )
  })
