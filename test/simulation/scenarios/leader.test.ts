import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Random } from "effect"
import * as Leader from "../../../src/coordination/Leader.ts"
import * as Quorum from "../../../src/coordination/Quorum.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import type { SimNode } from "../../../src/simulation/SimNode.ts"
import type { Verbs } from "../../../src/simulation/Verbs.ts"
import { isLong } from "../../Campaign.ts"
import { Seeds } from "./Seeds.ts"

const StableAfter = 10_000
const Size = 7
const Steps = isLong ? 30 : 12

const withoutQuorum = Leader.layer()
const withQuorum = Layer.provide(
  Leader.layerQuorum(),
  Quorum.layer({ strategy: Quorum.keepMajority, stableAfter: StableAfter })
)

type Node = SimNode<Leader.Leader>
const leaderAt = (node: Node) =>
  Effect.map(
    Context.get(node.context, Leader.Leader).leader,
    Option.map(({ id }) => id)
  )

/** Starts nodes and measures for how long several of them lead at once, in ms, and for how long nobody does. */
const startMeasured = Effect.fnUntraced(function* (simulation: Verbs, layer: typeof withoutQuorum | typeof withQuorum) {
  const leading = new Set<Node>()
  const found = { several: 0, nobody: 0, leaders: 0 }
  let since = 0
  /** Counts the time since the last change. A frozen process does nothing. */
  const count = (): void => {
    const now = simulation.now()
    const acting = [...leading].filter(({ condition }) => condition === "up").length
    if (acting > 1) found.several += now - since
    if (acting === 0) found.nobody += now - since
    since = now
  }
  const lead = (node: Node) =>
    node.run(
      Context.get(node.context, Leader.Leader).whileLeading(
        Effect.acquireUseRelease(
          Effect.sync(() => {
            count()
            leading.add(node)
            found.leaders++
          }),
          () => Effect.never,
          () =>
            Effect.sync(() => {
              count()
              leading.delete(node)
            })
        )
      )
    )
  simulation.observe({
    ended: (node) => {
      count()
      for (const leader of leading) if (leader.id === node.id) leading.delete(leader)
    }
  })
  const nodes = yield* simulation.startWith(layer, Size)
  for (const node of nodes) yield* Effect.forkScoped(lead(node), { startImmediately: true })
  yield* simulation.untilConverged("10 seconds")
  yield* Effect.sleep(StableAfter + 1000)
  count()
  Object.assign(found, { several: 0, nobody: 0 })
  return { nodes, found, count }
})

/** Splits, pauses and heals a cluster at random. */
const trouble = Effect.fnUntraced(function* (simulation: Verbs, nodes: ReadonlyArray<Node>) {
  for (let step = 0; step < Steps; step++) {
    const node = nodes[yield* Random.nextIntBetween(0, nodes.length - 1)]!
    switch (yield* Random.nextIntBetween(0, 3)) {
      case 0:
        yield* simulation.partition(nodes.slice(0, yield* Random.nextIntBetween(1, nodes.length - 1)))
        break
      case 1:
        yield* simulation.partition([node])
        break
      case 2:
        yield* node.condition === "up" ? simulation.freeze(node) : simulation.thaw(node)
        break
      default:
        yield* simulation.heal
    }
    yield* Effect.sleep(yield* Random.nextIntBetween(500, 40_000))
  }
  yield* simulation.heal
  for (const node of nodes) if (node.condition !== "up") yield* simulation.thaw(node)
  yield* Effect.sleep("90 seconds")
})

describe("a leader", () => {
  it.effect.each(Seeds)(
    "is the same at every node, leads alone, and is followed by the next oldest (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.scoped(
          Effect.gen(function* () {
            const simulation = yield* Simulation.Simulation
            const { count, found, nodes } = yield* startMeasured(simulation, withQuorum)
            const [first, second, ...others] = nodes
            for (const node of nodes) assert.deepStrictEqual(yield* leaderAt(node), Option.some(first.id))
            yield* simulation.kill(first)
            const start = simulation.now()
            yield* simulation.untilEveryoneSees(first, "dead", "30 seconds")
            yield* simulation.until(
              "the second leads",
              Effect.map(leaderAt(second), Option.contains(second.id)),
              "1 minute"
            )
            // The others wait for as long as a leader that is cut off has to notice it.
            assert.isAtLeast(simulation.now() - start, StableAfter)
            // They learned of the death up to a second later.
            yield* Effect.sleep("2 seconds")
            for (const node of others) assert.deepStrictEqual(yield* leaderAt(node), Option.some(second.id))
            count()
            assert.strictEqual(found.several, 0)
          })
        ),
        { seed }
      )
  )

  it.effect("without a quorum is followed by the next oldest as soon as its death is known", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [first, second, third] = yield* simulation.startWith(withoutQuorum, 3)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("5 seconds")
        yield* simulation.kill(first)
        yield* simulation.untilEveryoneSees(first, "dead", "30 seconds")
        yield* Effect.sleep("1 second")
        for (const node of [second, third]) assert.deepStrictEqual(yield* leaderAt(node), Option.some(second.id))
      }),
      { seed: 1 }
    )
  )

  it.effect.each(Seeds)("with a quorum is never there twice, whatever happens to the cluster (seed %i)", (seed) =>
    Simulation.run(
      Effect.scoped(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { count, found, nodes } = yield* startMeasured(simulation, withQuorum)
          yield* trouble(simulation, nodes)
          count()
          assert.strictEqual(found.several, 0)
          // It came and went, and there is one in the end.
          assert.isAbove(found.nobody, 0)
          assert.isAbove(found.leaders, 1)
          for (const node of nodes) assert.deepStrictEqual(yield* leaderAt(node), Option.some(nodes[0].id))
        })
      ),
      { seed, invariants: false }
    )
  )

  it.effect.each(Seeds)("without a quorum can be there twice while the cluster is split (seed %i)", (seed) =>
    Simulation.run(
      Effect.scoped(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { count, found, nodes } = yield* startMeasured(simulation, withoutQuorum)
          yield* trouble(simulation, nodes)
          count()
          assert.isAbove(found.several, 1000)
          for (const node of nodes) assert.deepStrictEqual(yield* leaderAt(node), Option.some(nodes[0].id))
        })
      ),
      { seed, invariants: false }
    )
  )
})
