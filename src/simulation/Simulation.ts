/**
 * A cluster of full nodes in virtual time.
 *
 * @since 0.2.0
 */
import { Clock, Context, Effect, Exit, Fiber, Latch, Random, Scheduler } from "effect"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import { TagPool } from "../membership/TagPool.ts"
import { type InvariantBroken, VirtualTimeStuck } from "./SimulationError.ts"
import * as Faults from "./Faults.ts"
import { introduce } from "./Introduction.ts"
import { watchInvariants } from "./invariants/Invariants.ts"
import { seeded } from "./Machine.ts"
import { type Conditions, neutral } from "./network/Conditions.ts"
import { VirtualNetwork } from "./network/VirtualNetwork.ts"
import { NodeRegistry } from "./NodeRegistry.ts"
import * as Starting from "./Starting.ts"
import { makeInRealTime } from "./time/RealTime.ts"
import { NanosPerMilli, Timeline } from "./time/Timeline.ts"
import { VirtualClock } from "./time/VirtualClock.ts"
import type { Verbs } from "./Verbs.ts"
import * as Waiters from "./Waiters.ts"

/** Events between two yields to the real event loop. */
const EventsAtOnce = 2000

/**
 * The parameters of a simulation.
 *
 * @category models
 * @since 0.2.0
 */
export interface SimulationOptions {
  /** Decides everything that is random; 1 by default. */
  readonly seed?: number | string
  /** The configuration of every node, beyond bind address, id and peers. */
  readonly config?: ClusterConfig.ClusterOptions
  /** The default conditions of the network; by default 1 ms of latency and no loss. */
  readonly network?: Partial<Conditions>
  /** Whether log lines of nodes are shown; `false` by default. */
  readonly logs?: boolean
  /** Whether nodes are checked against the invariants of the protocol; `true` by default. */
  readonly invariants?: boolean
}

/**
 * The verbs and waiters of a running simulation.
 *
 * **When to use**
 *
 * Inside the scenario that `run` gets: start nodes, disturb them, and wait for what should follow.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Simulation } from "effect-gossip/testing"
 *
 * const scenario = Effect.gen(function*() {
 *   const { kill, start, untilConverged, untilEveryoneSees } = yield* Simulation.Simulation
 *   const [first] = yield* start(5)
 *   yield* untilConverged("10 seconds")
 *   yield* kill(first)
 *   yield* untilEveryoneSees(first, "dead", "30 seconds")
 * })
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Simulation extends Context.Service<Simulation, Verbs>()("effect-gossip/simulation/Simulation") {}

/**
 * Runs a scenario in virtual time, as fast as the machine can.
 *
 * **Details**
 *
 * Everything in the scenario happens on the virtual clock, `Effect.sleep` included, and one seed gives one history. At
 * the end, the layers of the nodes are closed, and the nodes end without leaving.
 *
 * Fails with `InvariantBroken` when a node does what the protocol rules out, with `VirtualTimeStuck` when fibers run for
 * ever without sleeping, and with the failures of the scenario.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Simulation } from "effect-gossip/testing"
 *
 * it.effect("a cluster converges on a bad network", () =>
 *   Simulation.run(
 *     Effect.gen(function*() {
 *       const { start, untilConverged } = yield* Simulation.Simulation
 *       yield* start(20)
 *       yield* untilConverged("10 seconds")
 *     }),
 *     { seed: 7, network: { loss: 0.05 } }
 *   ))
 * ```
 *
 * @category running
 * @since 0.2.0
 */
export const run = <A, E, R>(
  scenario: Effect.Effect<A, E, R>,
  options: SimulationOptions = {}
): Effect.Effect<A, E | InvariantBroken | VirtualTimeStuck, Exclude<R, Simulation>> =>
  Effect.gen(function* () {
    const outer = yield* Effect.context<Exclude<R, Simulation>>()
    const timeline = new Timeline()
    const seed = String(options.seed ?? 1)
    const random = yield* seeded(`${seed} scenario`)
    const inner = outer.pipe(
      Context.add(Clock.Clock, new VirtualClock(timeline)),
      Context.add(Scheduler.Scheduler, timeline.tasks),
      Context.add(Random.Random, random)
    )
    const networkRandom = yield* seeded(`${seed} network`)
    let failure: InvariantBroken | undefined
    const fail = (broken: InvariantBroken): void => {
      failure ??= broken
    }
    const program = Effect.gen(function* () {
      const { end, verbs } = make(timeline, () => networkRandom.nextDoubleUnsafe(), fail, seed, options)
      if (options.invariants !== false) watchInvariants(verbs)
      return yield* Effect.onExit(Effect.provideService(scenario, Simulation, verbs), () => end)
    })
    const fiber = Effect.runForkWith(inner)(program)
    // The program may end in real time, when the timeline has nothing to do.
    fiber.addObserver(() => timeline.onWork())
    const ended = () => fiber.pollUnsafe() !== undefined
    yield* drive(timeline, () => failure !== undefined || ended()).pipe(
      Effect.ensuring(
        Effect.suspend(() => {
          fiber.interruptUnsafe()
          // The finalizers of the scenario need virtual time too.
          return Effect.ignore(drive(timeline, ended))
        })
      )
    )
    if (failure !== undefined) return yield* failure
    return yield* Fiber.join(fiber)
  })

/** Advances virtual time until `done`. */
const drive = (timeline: Timeline, done: () => boolean): Effect.Effect<void, VirtualTimeStuck> =>
  Effect.gen(function* () {
    const work = Latch.makeUnsafe(false)
    timeline.onWork = () => work.openUnsafe()
    while (true) {
      work.closeUnsafe()
      switch (timeline.run(EventsAtOnce, done)) {
        case "done":
          return
        case "stuck":
          return yield* new VirtualTimeStuck({ at: timeline.millis })
        case "spent":
          yield* Effect.yieldNow
          break
        default:
          yield* work.await
          // The code that brought the work may still be on the stack, and continues first.
          yield* Effect.yieldNow
      }
    }
  })

/** Makes the verbs, and the effect that ends the simulation. */
const make = (
  timeline: Timeline,
  random: () => number,
  fail: (failure: InvariantBroken) => void,
  seed: string,
  options: SimulationOptions
) => {
  const network = new VirtualNetwork(
    {
      now: () => timeline.millis,
      at: (ms, run) => {
        timeline.at(Math.round(ms * NanosPerMilli), run)
      }
    },
    random,
    { ...neutral, latency: 1, ...options.network }
  )
  const registry = new NodeRegistry()
  const inRealTime = makeInRealTime(timeline)
  const environment = { timeline, network, seed, logs: options.logs ?? false, tagPool: new TagPool(), inRealTime }

  const verbs: Verbs = {
    seed,
    network,
    timeline,
    nodes: registry.nodes,
    now: () => timeline.millis,
    ...Starting.make(environment, registry, options.config),
    introduce,
    ...Faults.make(network, registry),
    ...Waiters.make(timeline, registry),
    inRealTime,
    observe: (observer) => registry.observe(observer),
    notify: (verb, subjects, detail) => registry.notify(verb, subjects, detail),
    fail
  }

  const end = Effect.gen(function* () {
    registry.removeObservers()
    const { lives } = registry
    for (const node of lives) {
      node.host.detach()
      // The fibers of a stopped process would never end.
      if (node.condition === "frozen") node.control.thaw()
    }
    const running = lives.filter(({ condition }) => condition !== "killed" && condition !== "crashed")
    const exits = yield* Effect.forEach(running, ({ condition, control }) =>
      Effect.exit(condition === "leaving" ? control.stop : control.closeLayer)
    )
    for (const node of lives) node.control.kill()
    yield* Exit.asVoidAll(exits)
  })
  return { verbs, end }
}
