import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle, detection, Seeds, Spread } from "./support.ts"

/** The longest wait between two contacts of a bootstrap peer. */
const LongestBackoff = 10_000

describe("bootstrap peers", () => {
  for (const [words, late] of [
    ["thirty seconds", 30_000],
    ["some minutes", 200_000]
  ] as const) {
    it.effect.each(Seeds)(`one that comes up ${words} late is found in 12 s, and all through it (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { notes } = chronicle(simulation)
          const nodes = yield* simulation.start(8, { config: { peers: ["10.0.0.9:7946"] } })
          yield* Effect.sleep(late)
          // Nobody is listed who never spoke.
          assert.deepStrictEqual(notes, [])
          const [peer] = yield* simulation.start(1, { config: { peers: [] } })
          assert.strictEqual(peer.address, "10.0.0.9:7946")
          yield* simulation.untilConverged(LongestBackoff + Spread)
          assert.strictEqual(peer.liveCounts().alive, nodes.length + 1)
        }),
        { seed }
      )
    )
  }

  it.effect.each(Seeds)("one that is alive among dead ones is enough to join at once (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = chronicle(simulation)
        const peers = ["10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946", "10.0.0.4:7946", "10.0.0.77:7946"]
        const [alive, ...dying] = yield* simulation.start(4, { config: { peers } })
        yield* simulation.untilConverged("10 seconds")
        for (const node of dying) yield* simulation.kill(node)
        const newcomers = yield* simulation.start(8, { config: { peers } })
        // From the one who does not know yet they hear of the dead too, so they agree about the living only.
        yield* simulation.until(
          "all newcomers know each other and the living peer",
          () => newcomers.every(({ statusOf }) => [alive, ...newcomers].every(({ id }) => statusOf(id) === "alive")),
          Spread
        )
        for (const node of dying) yield* simulation.untilEveryoneSees(node, ["dead", "unknown"], detection(12))
        yield* simulation.untilConverged(Spread)
        // A peer's address alone makes no member.
        assert.deepStrictEqual(new Set(find({}).map(({ of }) => of)), new Set(simulation.nodes.map(({ id }) => id)))
        for (const of of [alive, ...newcomers]) assert.deepStrictEqual(find({ kind: "Died", of }), [])
      }),
      { seed }
    )
  )
})
