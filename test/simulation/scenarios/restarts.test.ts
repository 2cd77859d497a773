import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle, detection, FewSeeds, LossySpread, Seeds, Spread } from "./support.ts"

describe("a cluster of twelve of which every node restarts at once", () => {
  for (const identity of ["same", "new"] as const) {
    it.effect.each(Seeds)(`with the ${identity} identities is whole again in two seconds (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const nodes = yield* simulation.start(12)
          yield* simulation.untilConverged("10 seconds")
          yield* Effect.sleep("1 minute")
          const { find } = chronicle(simulation)
          for (const node of nodes) yield* simulation.restart(node, { identity })
          yield* simulation.untilConverged(Spread)
          // What is still on its way from the former lives comes to nothing.
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
  it.effect.each(Seeds)("with the same identities goes on without a death (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = chronicle(simulation)
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

  it.effect.each(Seeds)(
    "with new identities statusOf the new ones at once, and buries only the old (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find } = chronicle(simulation)
          const nodes = yield* simulation.start(12)
          yield* simulation.untilConverged("10 seconds")
          yield* Effect.sleep("1 minute")
          const former = nodes.slice(6)
          for (const node of former) yield* simulation.restart(node, { identity: "new" })
          const present = simulation.nodes
          yield* simulation.until(
            "all who are up know each other",
            () =>
              present.every(({ id, statusOf }) => present.every((of) => of.id === id || statusOf(of.id) === "alive")),
            Spread
          )
          // The old ids stand in rings of eighteen until they are dead.
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
  for (const [manner, words, down] of [
    ["stop", "each of which leaves politely for three seconds", 3000],
    ["kill", "each of which is away without a word for three seconds", 3000],
    ["kill", "each of which is away without a word until it is held dead", detection(10)]
  ] as const) {
    it.effect.each(FewSeeds)(`${words}, has nobody removed who is up, and all agree at the end (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { wrongs } = chronicle(simulation)
          const nodes = yield* simulation.start(10, { config: { peers: ["10.0.0.1:7946", "10.0.0.2:7946"] } })
          yield* simulation.untilConverged("10 seconds")
          for (const node of nodes) {
            yield* simulation[manner](node)
            yield* Effect.sleep(down)
            const again = yield* simulation.restart(node)
            yield* simulation.untilEveryoneSees(again, "alive", LossySpread)
            yield* simulation.until("it sees all others", () => again.liveCounts().alive === nodes.length, LossySpread)
          }
          // Longer than a suspicion, and than until the next anti-entropy: nothing old comes up later.
          yield* Effect.sleep("1 minute")
          yield* simulation.untilConverged(LossySpread)
          assert.deepStrictEqual(wrongs(), [])
        }),
        { seed, network: { loss: 0.1 } }
      )
    )
  }
})
