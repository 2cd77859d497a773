/** Work that does not happen in virtual time: a promise of the platform, for example. */
import { Context, Effect, Semaphore } from "effect"
import type { Timeline } from "./Timeline.ts"

/** What an effect has while it is its turn to wait for the outside. */
interface Turn {
  readonly timeline: Timeline
  over: boolean
}

const CurrentTurn = Context.Reference<Turn | undefined>("effect-gossip/simulation/Outside/CurrentTurn", {
  defaultValue: () => undefined
})

/**
 * Makes effects wait for the outside world while virtual time stands still, one
 * after the other in the order in which they were asked for, so that how long the
 * outside takes changes nothing in the simulation. Nothing in them may sleep in
 * virtual time.
 */
export const outsideOf = (
  timeline: Timeline
): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  const one = Semaphore.makeUnsafe(1)
  return (effect) =>
    Effect.flatMap(CurrentTurn, (turn) =>
      // Part of something that has its turn already, and would wait for the end of that for ever.
      turn?.timeline === timeline && !turn.over
        ? effect
        : Effect.acquireUseRelease(
            Effect.sync((): Turn => {
              timeline.beginOutside()
              return { timeline, over: false }
            }),
            (turn) => one.withPermits(1)(Effect.provideService(effect, CurrentTurn, turn)),
            (turn) =>
              Effect.sync(() => {
                turn.over = true
                timeline.endOutside()
              })
          )
    )
}
