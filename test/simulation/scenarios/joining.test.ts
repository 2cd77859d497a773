import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { FewSeeds, Seeds } from "./Seeds.ts"
import { Spread, detection } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

/** The longest wait between two contacts of a bootstrap peer. */
const LongestBackoff = 10_000

describe("bootstrap peers", () => {
  for (const [words, late] of [
    ["thirty seconds", 30_000],
    ["some minutes", 200_000]
  ] as const) {
    it.effect.each(Seeds)(
      `one that starts ${words} late is found within 12 s, and all others through it (seed %i)`,
      (seed) =>
        Simulation.run(
          Effect.gen(function* () {
            const simulation = yield* Simulation.Simulation
            const { changes } = recordViews(simulation)
            const nodes = yield* simulation.start(8, { config: { peers: ["10.0.0.9:7946"] } })
            yield* Effect.sleep(late)
            // A peer that never sent a message is not listed.
            assert.deepStrictEqual(changes, [])
            const [peer] = yield* simulation.start(1, { config: { peers: [] } })
            assert.strictEqual(peer.address, "10.0.0.9:7946")
            yield* simulation.untilConverged(LongestBackoff + Spread)
            assert.strictEqual(peer.liveCounts().alive, nodes.length + 1)
          }),
          { seed }
        )
    )
  }

  it.effect.each(Seeds)("a single live one among dead ones is enough to join at once (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = recordViews(simulation)
        const peers = ["10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946", "10.0.0.4:7946", "10.0.0.77:7946"]
        const [alive, ...dying] = yield* simulation.start(4, { config: { peers } })
        yield* simulation.untilConverged("10 seconds")
        for (const node of dying) yield* simulation.kill(node)
        const newcomers = yield* simulation.start(8, { config: { peers } })
        // The live peer has not noticed the deaths yet, so the new nodes list the dead too.
        yield* simulation.until(
          "all newcomers know each other and the living peer",
          () => newcomers.every(({ statusOf }) => [alive, ...newcomers].every(({ id }) => statusOf(id) === "alive")),
          Spread
        )
        for (const node of dying) yield* simulation.untilEveryoneSees(node, ["dead", "unknown"], detection(12))
        yield* simulation.untilConverged(Spread)
        // The address of a peer alone does not make a member.
        assert.deepStrictEqual(new Set(find({}).map(({ of }) => of)), new Set(simulation.nodes.map(({ id }) => id)))
        for (const of of [alive, ...newcomers]) assert.deepStrictEqual(find({ kind: "Died", of }), [])
      }),
      { seed }
    )
  )
})

describe("a crowd that joins through one peer", () => {
  const Crowd = 80
  /** Short ones, so that the table of a small crowd takes as many as that of a large one otherwise. */
  const config = { maxDatagram: 576 }
  /** What each takes if it gets the table about once: one of 81 members with their tags is 12 datagrams. */
  const DatagramsPerNode = 50

  it.effect.each(FewSeeds)("has one view within 2 s, for few datagrams (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [peer] = yield* simulation.start(1, { config: { ...config, peers: [] } })
        yield* simulation.start(Crowd, { config: { ...config, peers: [peer.address] } })
        yield* simulation.untilConverged("2 seconds")
        assert.isBelow(simulation.network.counters.sent, DatagramsPerNode * Crowd)
      }),
      { seed, network: { latency: 0.5, jitter: 0.1 } }
    )
  )

  for (const [words, loss, peerDies] of [
    ["the peer and members that it named die at once", 0, true],
    ["one datagram of twenty is lost, and members that the peer named die at once", 0.05, false]
  ] as const) {
    it.effect.each(FewSeeds)(`has one view also where ${words} (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const [peer] = yield* simulation.start(1, { config: { ...config, peers: [] } })
          const crowd = yield* simulation.start(Crowd, { config: { ...config, peers: [peer.address] } })
          // The peer has named those that got the table first, and nobody has asked them yet.
          yield* Effect.sleep(120)
          const complete = crowd.filter((node) => node.liveCounts().alive > Crowd / 2)
          assert.isNotEmpty(complete)
          assert.isBelow(complete.length, Crowd / 2)
          for (const node of [...(peerDies ? [peer] : []), ...complete.slice(0, 8)]) yield* simulation.kill(node)
          yield* simulation.untilConverged("30 seconds")
        }),
        { seed, network: { latency: 0.5, jitter: 0.1, loss } }
      )
    )
  }
})
