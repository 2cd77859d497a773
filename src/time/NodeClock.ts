/**
 * The time and the random numbers of one node, and the loops and timers that run on
 * them.
 *
 * Every component of a node takes its time from here, so that `TestClock` and the
 * simulator move a whole node, and so that each late timer is noticed: a node whose
 * process was paused must not draw conclusions about others from its own lateness.
 *
 * @since 0.2.0
 */
import { Cause, Clock, Context, Duration, Effect, Layer, Random, type Scope } from "effect"
import * as Alarm from "./Alarm.ts"
import * as MonotonicTime from "./MonotonicTime.ts"
import { PauseWatch } from "./PauseWatch.ts"
import * as Ticks from "./Ticks.ts"

export type { Alarm, AlarmOptions } from "./Alarm.ts"
export type { PauseWatch } from "./PauseWatch.ts"
export type { TickOptions, TickTimes } from "./Ticks.ts"

/**
 * The clock of a node: Effect's `Clock` and `Random` as they were when the node was built, one watch for pauses of the
 * process, and the two ways to do something later, `every` and `alarm`.
 *
 * **When to use**
 *
 * Use it in a component that belongs to a node and has deadlines or periodic work of its own, so that its timers take part
 * in pause detection and its failure shows in `failedLoops`.
 *
 * **Details**
 *
 * Times are numbers, in milliseconds of the monotonic clock, since components compare and add them for every packet. Loops
 * and timers run until the scope closes in which they were started. A component that a leaving node stops first starts
 * them in the scope of `Activity`.
 *
 * @example
 * ```ts
 * import { NodeClock } from "effect-gossip"
 * import { Effect, Layer } from "effect"
 *
 * const layer = Layer.effectDiscard(
 *   Effect.gen(function*() {
 *     const clock = yield* NodeClock.NodeClock
 *     yield* clock.every("pause report", {
 *       first: 60_000,
 *       period: () => 60_000,
 *       tick: () => console.log(`${clock.watch.pauses} pauses so far`)
 *     })
 *   })
 * )
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class NodeClock extends Context.Service<
  NodeClock,
  {
    /** The clock that everything below is built on. */
    readonly clock: Clock.Clock
    /** Notices when the process did not run. Every timer of the node reports to it. */
    readonly watch: PauseWatch
    /** The time, in milliseconds of the monotonic clock, with fractions. */
    readonly now: () => number
    /** A random number, at least 0 and below 1. */
    readonly random: () => number
    /** 32 random bits for hash tables whose keys come from the network: nobody outside can know them and force collisions. */
    readonly seed: number
    /**
     * Names of the loops and timers that ended because of a defect, which was logged. Empty in a healthy node. A node does
     * not work without any of them; it has to be restarted.
     */
    readonly failedLoops: ReadonlySet<string>
    /** Runs a loop until the scope closes. A defect in it is logged, and its name is added to `failedLoops`. */
    readonly fork: (name: string, loop: Effect.Effect<never>) => Effect.Effect<void, never, Scope.Scope>
    /** Does periodic work until the scope closes. Ticks that were missed in a pause are not made up for. */
    readonly every: (name: string, options: Ticks.TickOptions) => Effect.Effect<void, never, Scope.Scope>
    /** Makes one timer for many deadlines, which works until the scope closes. */
    readonly alarm: (name: string, options: Alarm.AlarmOptions) => Effect.Effect<Alarm.Alarm, never, Scope.Scope>
  }
>()("effect-gossip/time/NodeClock") {}

/**
 * The clock of a node, from the `Clock` and `Random` of whoever builds the layer.
 *
 * **Details**
 *
 * `pauseThreshold` is how late a timer must be to count as a pause of the process. `Cluster` takes half the probe timeout:
 * a delay of that length in this process makes the result of a probe worthless.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: { readonly pauseThreshold: Duration.Input }): Layer.Layer<NodeClock> =>
  Layer.effect(
    NodeClock,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const random = yield* Random.Random
      const watch = new PauseWatch(Duration.toMillis(options.pauseThreshold))
      const failedLoops = new Set<string>()

      // Nobody joins these fibers, so a defect in one would go unnoticed.
      const supervise =
        (name: string) =>
        <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
          Effect.tapCause(effect, (cause) => {
            if (Cause.hasInterruptsOnly(cause)) return Effect.void
            failedLoops.add(name)
            return Effect.logError(`a defect ended "${name}" of this node; the node has to be restarted`, cause)
          })
      const start = (name: string, loop: Effect.Effect<void>) => Effect.asVoid(Effect.forkScoped(supervise(name)(loop)))

      return NodeClock.of({
        clock,
        watch,
        now: () => MonotonicTime.millis(clock),
        random: () => random.nextDoubleUnsafe(),
        seed: Math.floor(random.nextDoubleUnsafe() * 0x100000000),
        failedLoops,
        fork: start,
        every: (name, options) => start(name, Ticks.forever(clock, watch, options)),
        alarm: (name, options) => Alarm.make(clock, watch, options, supervise(name))
      })
    })
  )
