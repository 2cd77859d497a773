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
import type * as Message from "../../src/wire/Message.ts"
import { claim, countsOf, Lab, parts, sender } from "../cluster/Lab.ts"

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

/** A node that does nothing on its own, a member of it, and a puppet that has not proved its address. */
const withPuppet = Effect.fnUntraced(function* (probes: ClusterConfig.ClusterOptions["probes"] = {}) {
  const lab = yield* Lab.make()
  const options = {
    gossip: { antiEntropyInterval: 0, interval: 6_000_000 },
    probes: { interval: 6_000_000, timeout: 3_000_000, ...probes }
  }
  const node = yield* lab.start(1, options)
  yield* lab.start(2, { ...options, peers: [node.address] })
  yield* TestClock.adjust(100)
  const puppet = yield* lab.puppet(50)
  const own = claim("Alive", 50, "10.0.0.50:7946")
  let version = 0
  const sendSnapshot = (...entries: ReadonlyArray<Message.MessageEntry>) =>
    puppet.send(
      {
        _tag: "AntiEntropy",
        ...sender(50, 0, ++version),
        tableVersion: BigInt(version),
        chunkIndex: 0,
        totalChunks: 1,
        entries: [own, ...entries]
      },
      node
    )
  const prove = puppet.send({ _tag: "Ack", ...sender(50, 0, 2), entries: [own] }, node)
  return { lab, node, puppet, prove, sendSnapshot, counters: parts(node).antiEntropy.counters }
})

describe("AntiEntropy", () => {
  it.effect("answers the snapshots of a member at most once a second", () =>
    Effect.gen(function* () {
      const { counters, node, prove, sendSnapshot } = yield* withPuppet()
      yield* sendSnapshot()
      yield* TestClock.adjust(10)
      yield* prove
      yield* TestClock.adjust(2000)
      const answers: Array<number> = []
      for (const wait of [1, 998, 1, 1000]) {
        // It lacks node 2.
        yield* sendSnapshot(claim("Alive", 1, node.address))
        yield* TestClock.adjust(wait)
        answers.push(counters.answersSent)
      }
      // They arrive 1, 2, 1000 and 1001 ms after the first was sent.
      assert.deepStrictEqual(answers, [1, 1, 1, 2])
    })
  )

  it.effect("sends no table to a newcomer that proves its address while the node leaves", () =>
    Effect.gen(function* () {
      for (const leaves of [false, true]) {
        const { counters, lab, node, prove, sendSnapshot } = yield* withPuppet()
        yield* sendSnapshot()
        yield* TestClock.adjust(10)
        assert.strictEqual(counters.chunksSent, 0)
        // The puppet does not acknowledge the LEAVE, so the node is leaving for a while.
        if (leaves) yield* lab.stop(node)
        yield* prove
        yield* TestClock.adjust(10)
        assert.strictEqual(counters.chunksSent, leaves ? 0 : 1)
      }
    })
  )

  it.effect("stops a long answer when its receiver is no member any more", () =>
    Effect.gen(function* () {
      for (const leaves of [false, true]) {
        const { lab, node, prove, puppet, sendSnapshot } = yield* withPuppet({ deadRetention: 1 })
        yield* sendSnapshot()
        yield* TestClock.adjust(10)
        yield* prove
        for (let at = 0; at < 1000; at += 50) {
          const entries = Array.from({ length: 50 }, (_, i) => claim("Alive", 1000 + at + i, `10.1.${at / 50}.${i}:1`))
          yield* puppet.send({ _tag: "Gossip", ...sender(2), entries }, node)
        }
        yield* TestClock.adjust(2000)
        const from = lab.now
        yield* sendSnapshot(claim("Alive", 1, node.address))
        yield* TestClock.adjust(5)
        if (leaves) yield* puppet.send({ _tag: "Leave", ...sender(50, 0, 9) }, node)
        yield* TestClock.adjust(500)
        const answers = lab.sent(({ message, to }) => to === "n50" && message._tag === "Gossip", from)
        assert.lengthOf(answers, leaves ? 8 : 18)
      }
    })
  )
})

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
