/** Time and chance as one node has them, and what runs on them. */
import { Cause, Clock, Context, Effect, Layer, Random, type Scope } from "effect"
import * as Alarm from "./Alarm.ts"
import * as MonotonicTime from "./MonotonicTime.ts"
import { PauseWatch } from "./PauseWatch.ts"
import * as Ticks from "./Ticks.ts"

/**
 * What every loop and timer of a node is built on: Effect's clock and random
 * generator as they were when the node was made, and one watch for pauses.
 */
export class NodeClock extends Context.Service<
  NodeClock,
  {
    readonly clock: Clock.Clock
    readonly watch: PauseWatch
    /** Milliseconds of the monotonic clock. */
    readonly now: () => number
    /** A number in [0, 1). */
    readonly random: () => number
    /** 32 random bits that no stranger knows, for hash tables that strangers fill. */
    readonly seed: number
    /** Loops and timers that should run and do not: each died of a defect, which was logged. */
    readonly dead: ReadonlySet<string>
    /** Runs a loop of the node until the scope closes. */
    readonly fork: (name: string, loop: Effect.Effect<never>) => Effect.Effect<void, never, Scope.Scope>
    /** Runs periodic work of the node until the scope closes; see `Ticks.forever`. */
    readonly every: (name: string, options: Ticks.TickOptions) => Effect.Effect<void, never, Scope.Scope>
    /** A timer of the node for many deadlines; see `Alarm.make`. */
    readonly alarm: (name: string, options: Alarm.AlarmOptions) => Effect.Effect<Alarm.Alarm, never, Scope.Scope>
  }
>()("effect-gossip/time/NodeClock") {}

/** `pauseThreshold`: how late, in ms, a timer must be to count as a pause of the process. */
export const layer = (pauseThreshold: number): Layer.Layer<NodeClock> =>
  Layer.effect(
    NodeClock,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const random = yield* Random.Random
      const watch = new PauseWatch(pauseThreshold)
      const dead = new Set<string>()

      // A fiber that nobody joins dies unseen, and a node without one of its loops only seems to live.
      const supervise =
        (name: string) =>
        <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
          Effect.tapCause(effect, (cause) => {
            if (Cause.hasInterruptsOnly(cause)) return Effect.void
            dead.add(name)
            return Effect.logError(`a defect ended the node's ${name}, without which it does not work`, cause)
          })
      const fork = (name: string, loop: Effect.Effect<never>) => Effect.asVoid(Effect.forkScoped(supervise(name)(loop)))

      return NodeClock.of({
        clock,
        watch,
        now: () => MonotonicTime.millis(clock),
        random: () => random.nextDoubleUnsafe(),
        seed: Math.floor(random.nextDoubleUnsafe() * 0x100000000),
        dead,
        fork,
        every: (name, options) => fork(name, Ticks.forever(clock, watch, options)),
        alarm: (name, options) => Alarm.make(clock, watch, options, supervise(name))
      })
    })
  )
