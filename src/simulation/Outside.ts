/** Work that does not happen in virtual time: a promise of the platform, for example. */
import { Effect, Semaphore } from "effect"
import type { Timeline } from "./Timeline.ts"

/**
 * Makes effects wait for the outside world while virtual time stands still, one
 * after the other in the order in which they were asked for, so that how long the
 * outside takes changes nothing in the simulation.
 */
export const outsideOf = (timeline: Timeline): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  const turn = Semaphore.makeUnsafe(1)
  return (effect) =>
    Effect.acquireUseRelease(
      Effect.sync(() => timeline.beginOutside()),
      () => turn.withPermits(1)(effect),
      () => Effect.sync(() => timeline.endOutside())
    )
}
