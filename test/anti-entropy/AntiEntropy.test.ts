import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random, Result } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { TestClock } from "effect/testing"
import * as AntiEntropy from "../../src/anti-entropy/AntiEntropy.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { CurrentConfig } from "../../src/config/CurrentConfig.ts"
import * as ReliableDelivery from "../../src/delivery/ReliableDelivery.ts"
import * as FailureDetector from "../../src/failure-detector/FailureDetector.ts"
import * as Gossip from "../../src/gossip/Gossip.ts"
import * as Join from "../../src/join/Join.ts"
import * as ChangeFeed from "../../src/membership/ChangeFeed.ts"
import * as LocalView from "../../src/membership/LocalView.ts"
import * as Outbox from "../../src/outbox/Outbox.ts"
import * as Transport from "../../src/transport/Transport.ts"
import { countsOf, Lab, parts } from "../cluster/Lab.ts"

/** A node at 10.0.0.1 that compares its table with nobody. */
const start = (lab: Lab) => {
  const config = Result.getOrThrow(
    ClusterConfig.make({ bind: "10.0.0.1:7946", nodeId: "1", gossip: { antiEntropyInterval: "1 second" } })
  )
  const components = Layer.mergeAll(
    FailureDetector.layer,
    Gossip.layer,
    Join.layer,
    AntiEntropy.layerNone,
    ReliableDelivery.layer
  )
  const node = Cluster.layerNode.pipe(
    Layer.provideMerge(components),
    Layer.provideMerge(Outbox.layer),
    Layer.provideMerge(ChangeFeed.layer),
    Layer.provideMerge(LocalView.layer),
    Layer.provideMerge(Transport.layer),
    Layer.provideMerge(Cluster.layerBase),
    Layer.provide(Layer.succeed(CurrentConfig, config)),
    Layer.provide(lab.network.host("n1", ["10.0.0.1"]).layer),
    Layer.provide(Layer.merge(Kdf.layerWebCrypto, SecureRandom.layerWebCrypto))
  )
  return Effect.map(Layer.build(Layer.fresh(node)), Context.get(AntiEntropy.AntiEntropy)).pipe(Random.withSeed("n1"))
}

describe("AntiEntropy.layerNone", () => {
  it.effect("starts no rounds, answers the snapshots of others, and gives newcomers the table", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const { counters } = yield* start(lab)
      const options = { peers: ["10.0.0.1:7946"], gossip: { antiEntropyInterval: 7000 } } as const
      for (const number of [2, 3]) yield* lab.start(number, options)
      yield* TestClock.adjust(30_000)
      const from = lab.now
      const newcomer = yield* lab.start(4, { ...options, probes: { interval: "1 hour", timeout: "1 minute" } })
      yield* TestClock.adjust(6)
      assert.strictEqual((yield* countsOf(newcomer)).alive, 4)
      const tables = lab.sent(({ from, message }) => from === "n1" && message._tag === "AntiEntropy")
      // One for each node that asked when it joined.
      assert.deepStrictEqual(
        tables.map(({ at, to }) => [to, at >= from]),
        [
          ["n2", false],
          ["n3", false],
          ["n4", true]
        ]
      )
      yield* TestClock.adjust(60_000)
      assert.strictEqual(counters.rounds, 0)
      assert.isAbove(counters.snapshotsCompleted, 5)
      // The others have their rounds.
      assert.isAbove(parts(newcomer).antiEntropy.counters.rounds, 5)
    })
  )
})
