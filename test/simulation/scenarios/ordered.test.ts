/** An ordered deployment, such as a StatefulSet of Kubernetes: one name for all, and each node waits for the one before. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { JoinState } from "../../../src/membership/JoinState.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"

describe("nodes that have one name as their only peer", () => {
  const start = Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const { names } = simulation.network
    const config = { peers: ["gossip.svc:7946"] }
    const publish = (count: number) =>
      Effect.sync(() => {
        names.set("gossip.svc", { addresses: Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`) })
      })
    const startNext = Effect.map(simulation.start(1, { config }), ([node]) => node)
    return { simulation, publish, startNext, names }
  })
  const isJoined = (node: { readonly context: Context.Context<JoinState> }) =>
    Context.get(node.context, JoinState).isJoined()

  it.effect.each(Seeds)("come up one after the other, though nothing has the name at first (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { names, publish, simulation, startNext } = yield* start
        const first = yield* startNext
        yield* Effect.sleep("3 seconds")
        assert.isFalse(isJoined(first), "the name does not exist")
        names.set("gossip.svc", { addresses: [] })
        yield* Effect.sleep("8 seconds")
        assert.isFalse(isJoined(first), "the name has no address")
        yield* publish(1)
        yield* simulation.until("the first is ready", () => isJoined(first), "11 seconds")
        for (let count = 2; count <= 4; count++) {
          const next = yield* startNext
          // The answer may be older than the node.
          yield* Effect.sleep("2 seconds")
          assert.isTrue(isJoined(next), "another node has the name")
          yield* publish(count)
        }
        yield* simulation.untilConverged("15 seconds")
        for (const node of simulation.nodes) assert.strictEqual(node.liveCounts().alive, 4)
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("find each other when all start at once with a name without answers (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { publish, simulation, startNext } = yield* start
        for (let count = 0; count < 4; count++) yield* startNext
        yield* Effect.sleep("5 seconds")
        assert.isFalse(simulation.nodes.some((node) => node.kind === "node" && isJoined(node)))
        yield* publish(4)
        yield* simulation.untilConverged("15 seconds")
      }),
      { seed }
    )
  )
})
