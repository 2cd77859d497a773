import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { FewSeeds, Seeds } from "./Seeds.ts"
import { LossySpread, Spread, detection } from "./TimeBounds.ts"
import { everyNth } from "../../Campaign.ts"
import { recordViews } from "./ViewRecord.ts"

describe("a cluster of twelve of which every node restarts at once", () => {
  for (const identity of ["same", "new"] as const) {
    it.effect.each(Seeds)(`with the ${identity} identities agrees again in two seconds (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const nodes = yield* simulation.start(12)
          yield* simulation.untilConverged("10 seconds")
          yield* Effect.sleep("1 minute")
          const { find } = recordViews(simulation)
          for (const node of nodes) yield* simulation.restart(node, { identity })
          yield* simulation.untilConverged(Spread)
          // Messages of the former lives that are still in flight have no effect.
          yield* Effect.sleep("1 minute")
          yield* simulation.untilConverged(0)
          assert.deepStrictEqual(find({ kind: "Suspected" }), [])
          assert.deepStrictEqual(new Set(find({}).map(({ of }) => of)), new Set(simulation.nodes.map(({ id }) => id)))
          simulation.nodes.forEach((node, i) => {
            assert.strictEqual(node.id === nodes[i]?.id, identity === "same")
          })
        }),
        { seed }
      )
    )
  }
})

describe("a cluster of twelve of which half restarts at once", () => {
  it.effect.each(Seeds)("with the same identities continues without a death (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = recordViews(simulation)
        const nodes = yield* simulation.start(12)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("1 minute")
        for (const node of nodes.slice(6)) yield* simulation.restart(node)
        yield* simulation.untilConverged(Spread)
        yield* Effect.sleep("1 minute")
        assert.deepStrictEqual(find({ kind: "Died" }), [])
        assert.deepStrictEqual(find({ kind: "Suspected" }), [])
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("with new identities lists the new ones at once, and only the old ones die (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = recordViews(simulation)
        const nodes = yield* simulation.start(12)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("1 minute")
        const former = nodes.slice(6)
        for (const node of former) yield* simulation.restart(node, { identity: "new" })
        const present = simulation.nodes
        yield* simulation.until(
          "all nodes that are up see each other alive",
          () => present.every(({ id, statusOf }) => present.every((of) => of.id === id || statusOf(of.id) === "alive")),
          Spread
        )
        // The old ids are in rings of eighteen members until they are dead.
        yield* simulation.untilConverged(detection(18))
        yield* Effect.sleep("1 minute")
        const died = new Set(find({ kind: "Died" }).map(({ of }) => of))
        assert.deepStrictEqual(died, new Set(former.map(({ id }) => id)))
      }),
      { seed }
    )
  )
})

describe("a rolling restart of ten nodes where one datagram of ten is lost", () => {
  for (const [end, words, down] of [
    ["stop", "each of which leaves for three seconds", 3000],
    ["kill", "each of which is killed for three seconds", 3000],
    ["kill", "each of which is killed until it is dead in all views", detection(10)]
  ] as const) {
    it.effect.each(FewSeeds)(`${words}, removes no node that is up, and all agree at the end (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { falseDeaths } = recordViews(simulation)
          const nodes = yield* simulation.start(10, { config: { peers: ["10.0.0.1:7946", "10.0.0.2:7946"] } })
          yield* simulation.untilConverged("10 seconds")
          for (const node of everyNth(nodes, 3)) {
            yield* simulation[end](node)
            yield* Effect.sleep(down)
            const again = yield* simulation.restart(node)
            yield* simulation.untilEveryoneSees(again, "alive", LossySpread)
            yield* simulation.until("it sees all others", () => again.liveCounts().alive === nodes.length, LossySpread)
          }
          // Longer than a suspicion and the anti-entropy interval, so no late effect is missed.
          yield* Effect.sleep("1 minute")
          yield* simulation.untilConverged(LossySpread)
          assert.deepStrictEqual(falseDeaths(), [])
        }),
        { seed, network: { loss: 0.1 } }
      )
    )
  }
})
