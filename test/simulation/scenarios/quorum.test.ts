import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, type Scope, Stream } from "effect"
import * as Quorum from "../../../src/coordination/Quorum.ts"
import type { NodeId } from "../../../src/domain/NodeId.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import type { SimNode } from "../../../src/simulation/SimNode.ts"
import type { Verbs } from "../../../src/simulation/Verbs.ts"
import { isLong } from "../../Campaign.ts"
import { Seeds } from "./Seeds.ts"

const StableAfter = 10_000

/** A local health of 8 is good enough again after 7 probes, which take 9, 8, 7, ... and 3 probe intervals of 1 s. */
const LongestRecovery = 43_000

type Node = SimNode<Quorum.Quorum>

/** The newest state of a node, as its program sees it. */
const stateOf = (node: Node) => Context.get(node.context, Quorum.Quorum).state

/**
 * Starts nodes with a quorum and watches their states. `clashes` has every moment at which two nodes may act although one
 * of them counts the other as gone: two parts of one cluster act.
 */
const startWatched = Effect.fnUntraced(function* (simulation: Verbs, strategy: Quorum.Strategy, count: number) {
  const clashes: Array<string> = []
  const acting = new Map<NodeId, ReadonlySet<NodeId>>()
  const watch = (node: Node) =>
    node.run(
      Stream.runForEach(Context.get(node.context, Quorum.Quorum).states, (state) =>
        Effect.sync(() => {
          if (state._tag === "Minority") return void acting.delete(node.id)
          acting.set(node.id, new Set(state.members.map(({ id }) => id)))
          for (const [other, members] of acting) {
            const apart = !members.has(node.id) || !acting.get(node.id)!.has(other)
            if (apart) clashes.push(`${simulation.now()}: ${node.name} and ${other}`)
          }
        })
      )
    )
  const layer = Quorum.layer({ strategy, stableAfter: StableAfter })
  const start = Effect.fnUntraced(function* (more: number) {
    const nodes: ReadonlyArray<Node> = yield* simulation.startWith(layer, more)
    for (const node of nodes) yield* Effect.forkScoped(watch(node), { startImmediately: true })
    return nodes
  })
  // A process that is frozen or has ended does not act.
  simulation.observe({ ended: ({ id }) => void acting.delete(id), changed: ({ id }) => void acting.delete(id) })
  const nodes = yield* start(count)
  yield* simulation.untilConverged("10 seconds")
  yield* Effect.sleep(StableAfter + 1000)
  return { nodes, clashes, start }
})

const activeOf = Effect.fnUntraced(function* (nodes: ReadonlyArray<Node>) {
  const active: Array<string> = []
  for (const node of nodes) if ((yield* stateOf(node))._tag === "Active") active.push(node.name)
  return active
})
const namesOf = (nodes: ReadonlyArray<Node>) => nodes.map(({ name }) => name)

const scenario = <E>(
  seed: number,
  program: (simulation: Verbs) => Effect.Effect<void, E, Scope.Scope | Simulation.Simulation>
) => Simulation.run(Effect.scoped(Effect.flatMap(Simulation.Simulation, program)), { seed })

const strategies = [
  ["staticQuorum", Quorum.staticQuorum(6)],
  ["keepMajority", Quorum.keepMajority],
  // The first node is the oldest.
  ["keepOldest", Quorum.keepOldest]
] as const
const all = strategies.flatMap(([name, strategy]) => Seeds.map((seed) => [name, strategy, seed] as const))
/** All strategies in the campaign, and one of them in `npm test`. */
const casesOf = (name: (typeof strategies)[number][0]) => all.filter((one) => isLong || one[0] === name)

describe("a quorum", () => {
  it.effect.each(casesOf("keepMajority"))(
    "%s is held by the larger part of a split alone (%o, seed %i)",
    ([, strategy, seed]) =>
      scenario(seed, (simulation) =>
        Effect.gen(function* () {
          const { clashes, nodes } = yield* startWatched(simulation, strategy, 10)
          assert.deepStrictEqual(yield* activeOf(nodes), namesOf(nodes))
          const small = nodes.slice(7)
          yield* simulation.partition(small)
          yield* Effect.sleep("30 seconds")
          assert.deepStrictEqual(yield* activeOf(nodes), namesOf(nodes.slice(0, 7)))
          yield* simulation.heal
          yield* simulation.untilConverged("30 seconds")
          yield* Effect.sleep(StableAfter + 1000)
          assert.deepStrictEqual(yield* activeOf(nodes), namesOf(nodes))
          assert.deepStrictEqual(clashes, [])
        })
      )
  )

  it.effect.each(casesOf("staticQuorum"))(
    "%s is held by no third of a cluster, but for that of the oldest, and by all again after the heal (%o, seed %i)",
    ([, strategy, seed]) =>
      scenario(seed, (simulation) =>
        Effect.gen(function* () {
          const { clashes, nodes } = yield* startWatched(simulation, strategy, 9)
          yield* simulation.partition(nodes.slice(0, 3), nodes.slice(3, 6))
          yield* Effect.sleep("30 seconds")
          assert.deepStrictEqual(
            yield* activeOf(nodes),
            strategy === Quorum.keepOldest ? namesOf(nodes.slice(0, 3)) : []
          )
          yield* simulation.heal
          yield* simulation.untilConverged("30 seconds")
          yield* Effect.sleep(StableAfter + 1000)
          assert.deepStrictEqual(yield* activeOf(nodes), namesOf(nodes))
          assert.deepStrictEqual(clashes, [])
        })
      )
  )

  it.effect.each(casesOf("keepOldest"))(
    "%s is not held by one node that is cut off again and again (%o, seed %i)",
    ([, strategy, seed]) =>
      scenario(seed, (simulation) =>
        Effect.gen(function* () {
          const { clashes, nodes } = yield* startWatched(simulation, strategy, 10)
          const [alone, ...others] = nodes
          for (const apart of [2, 5, 12, 25]) {
            yield* simulation.partition([alone!])
            yield* Effect.sleep(apart * 1000)
            if (apart > 10) assert.deepStrictEqual(yield* activeOf(nodes), namesOf(others))
            yield* simulation.heal
            yield* Effect.sleep(apart * 500)
          }
          yield* simulation.untilConverged("30 seconds")
          yield* Effect.sleep(StableAfter + LongestRecovery)
          assert.deepStrictEqual(yield* activeOf(nodes), namesOf(nodes))
          assert.deepStrictEqual(clashes, [])
        })
      )
  )

  it.effect.each(casesOf("keepMajority"))(
    "%s is held all the time while each node restarts in turn (%o, seed %i)",
    ([, strategy, seed]) =>
      scenario(seed, (simulation) =>
        Effect.gen(function* () {
          const { clashes, nodes, start } = yield* startWatched(simulation, strategy, 9)
          const up = [...nodes]
          for (let i = 0; i < nodes.length - 1; i++) {
            const leaving = up.pop()!
            yield* simulation.stop(leaving)
            // All others have been active since the beginning, and so are those that started early enough.
            yield* Effect.sleep("2 seconds")
            const active = yield* activeOf(up)
            assert.includeMembers(active, namesOf(up))
            up.unshift(...(yield* start(1)))
            yield* Effect.sleep(StableAfter + 3000)
          }
          assert.deepStrictEqual(yield* activeOf(up), namesOf(up))
          assert.deepStrictEqual(clashes, [])
        })
      )
  )

  it.effect.each(Seeds)(
    "is lost by a node whose process was paused, before it sees that others took over (seed %i)",
    (seed) =>
      scenario(seed, (simulation) =>
        Effect.gen(function* () {
          const { clashes, nodes } = yield* startWatched(simulation, Quorum.keepMajority, 5)
          const [paused, other] = nodes
          yield* simulation.freeze(paused!)
          yield* Effect.sleep("30 seconds")
          assert.deepStrictEqual(yield* activeOf(nodes.slice(1)), namesOf(nodes.slice(1)))
          const state = yield* stateOf(other!)
          assert.notInclude(
            state.members.map(({ id }) => id),
            paused!.id
          )
          yield* simulation.thaw(paused!)
          yield* Effect.sleep(1)
          assert.deepInclude(yield* stateOf(paused!), { _tag: "Minority", reason: "WasPaused" })
          yield* simulation.untilConverged("30 seconds")
          yield* Effect.sleep(StableAfter + 1000)
          assert.deepStrictEqual(yield* activeOf(nodes), namesOf(nodes))
          assert.deepStrictEqual(clashes, [])
        })
      )
  )

  it.effect("runs an effect while it is held, and interrupts it when it is lost", () =>
    scenario(1, (simulation) =>
      Effect.gen(function* () {
        const { nodes } = yield* startWatched(simulation, Quorum.keepMajority, 3)
        const [node, ...others] = nodes
        const log: Array<string> = []
        const work = Effect.sync(() => log.push("start")).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Effect.sync(() => log.push("stop")))
        )
        const { whileActive } = Context.get(node!.context, Quorum.Quorum)
        yield* Effect.forkScoped(node!.run(whileActive(work)), { startImmediately: true })
        yield* Effect.sleep(1)
        assert.deepStrictEqual(log, ["start"])
        yield* simulation.partition(others)
        yield* Effect.sleep("20 seconds")
        assert.deepStrictEqual(log, ["start", "stop"])
        yield* simulation.heal
        yield* Effect.sleep("40 seconds")
        assert.deepStrictEqual(log, ["start", "stop", "start"])
        assert.strictEqual(yield* whileActive(Effect.succeed(42)), 42)
        assert.deepStrictEqual(yield* Effect.flip(whileActive(Effect.fail("failed"))), "failed")
      })
    )
  )
})
