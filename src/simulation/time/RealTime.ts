/** Work that needs real time, such as a promise of the platform. */
import { Context, Effect, Semaphore } from "effect"
import type { Timeline } from "./Timeline.ts"

/** A part of the work during which the timeline is suspended. */
interface Turn {
  readonly timeline: Timeline
  over: boolean
}

const CurrentTurn = Context.Reference<Turn | undefined>("effect-gossip/simulation/RealTime/CurrentTurn", {
  defaultValue: () => undefined
})

/**
 * Runs effects in real time while virtual time stands still. They run one at a time, in the order of the requests, so
 * that how long they take changes nothing in the simulation. They must not sleep in virtual time.
 */
export const makeInRealTime = (
  timeline: Timeline
): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  const one = Semaphore.makeUnsafe(1)
  return (effect) =>
    Effect.flatMap(CurrentTurn, (turn) =>
      // An effect inside another one must not wait for the end of that, which would never come.
      turn?.timeline === timeline && !turn.over
        ? effect
        : Effect.acquireUseRelease(
            Effect.sync((): Turn => {
              timeline.suspend()
              return { timeline, over: false }
            }),
            (turn) => one.withPermits(1)(Effect.provideService(effect, CurrentTurn, turn)),
            (turn) =>
              Effect.sync(() => {
                turn.over = true
                timeline.resume()
              })
          )
    )
}
