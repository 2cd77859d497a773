/** Time and chance as one node has them. */
import { type Clock as ClockType, Clock, Context, Effect, Layer, Random } from "effect"
import * as MonotonicTime from "./MonotonicTime.ts"
import { PauseWatch } from "./PauseWatch.ts"

/**
 * What every loop and timer of a node is built on: Effect's clock and random
 * generator as they were when the node was made, and one watch for pauses.
 */
export class NodeClock extends Context.Service<
  NodeClock,
  {
    readonly clock: ClockType.Clock
    readonly watch: PauseWatch
    /** Milliseconds of the monotonic clock. */
    readonly now: () => number
    /** A number in [0, 1). */
    readonly random: () => number
  }
>()("effect-gossip/time/NodeClock") {
  /** `pauseThreshold`: how late, in ms, a timer must be to count as a pause of the process. */
  static readonly layer = (pauseThreshold: number): Layer.Layer<NodeClock> =>
    Layer.effect(
      NodeClock,
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        const random = yield* Random.Random
        return NodeClock.of({
          clock,
          watch: new PauseWatch(pauseThreshold),
          now: () => MonotonicTime.millis(clock),
          random: () => random.nextDoubleUnsafe()
        })
      })
    )
}
