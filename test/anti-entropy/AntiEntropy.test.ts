import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random, Result } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import * as AntiEntropy from "../../src/anti-entropy/AntiEntropy.ts"
import { TableDigest } from "../../src/anti-entropy/TableDigest.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { CurrentConfig } from "../../src/config/CurrentConfig.ts"
import * as ReliableDelivery from "../../src/delivery/ReliableDelivery.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as FailureDetector from "../../src/failure-detector/FailureDetector.ts"
import * as Gossip from "../../src/gossip/Gossip.ts"
import * as Events from "../../src/events/Events.ts"
import * as Queries from "../../src/queries/Queries.ts"
import * as Join from "../../src/join/Join.ts"
import * as ChangeFeed from "../../src/membership/ChangeFeed.ts"
import * as LocalView from "../../src/membership/LocalView.ts"
import { SelfSlot } from "../../src/membership/MemberTable.ts"
import * as Outbox from "../../src/outbox/Outbox.ts"
import * as Transport from "../../src/transport/Transport.ts"
import type * as Message from "../../src/wire/Message.ts"
import {
  claim,
  countsOf,
  entriesOf,
  Lab,
  type LabNode,
  parts,
  sender,
  pass,
  scenario,
  virtual
} from "../cluster/Lab.ts"

const silentProbes = { interval: 6_000_000, timeout: 3_000_000, suspectTimeout: 6_000_000 }

/** Whether a message is a chunk of a snapshot, in either form. */
const isChunk = (message: Message.Message): boolean =>
  message._tag === "AntiEntropy" || (message._tag === "AntiEntropy1" && message.chunk !== undefined)

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
    ReliableDelivery.layer,
    Events.layer,
    Queries.layer
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
  const node = yield* lab.start(1, { extensions: {}, ...options })
  yield* lab.start(2, { extensions: {}, ...options, peers: [node.address] })
  yield* pass(100)
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
  scenario("answers the snapshots of a member at most once a second", () =>
    Effect.gen(function* () {
      const { counters, node, prove, sendSnapshot } = yield* withPuppet()
      yield* sendSnapshot()
      yield* pass(10)
      yield* prove
      yield* pass(2000)
      const answers: Array<number> = []
      for (const wait of [1, 998, 1, 1000]) {
        // It lacks node 2.
        yield* sendSnapshot(claim("Alive", 1, node.address))
        yield* pass(wait)
        answers.push(counters.answersSent)
      }
      // They arrive 1, 2, 1000 and 1001 ms after the first was sent.
      assert.deepStrictEqual(answers, [1, 1, 1, 2])
    })
  )

  scenario("sends no table to a newcomer that proves its address while the node leaves", () =>
    Effect.gen(function* () {
      for (const leaves of [false, true]) {
        yield* virtual(
          Effect.gen(function* () {
            const { counters, lab, node, prove, sendSnapshot } = yield* withPuppet()
            yield* sendSnapshot()
            yield* pass(10)
            assert.strictEqual(counters.chunksSent, 0)
            // The puppet does not acknowledge the LEAVE, so the node is leaving for a while.
            if (leaves) yield* lab.stop(node)
            yield* prove
            yield* pass(10)
            assert.strictEqual(counters.chunksSent, leaves ? 0 : 1)
          })
        )
      }
    })
  )

  scenario("stops a long answer when its receiver is no member any more", () =>
    Effect.gen(function* () {
      for (const leaves of [false, true]) {
        yield* virtual(
          Effect.gen(function* () {
            const { lab, node, prove, puppet, sendSnapshot } = yield* withPuppet({ deadRetention: 1 })
            yield* sendSnapshot()
            yield* pass(10)
            yield* prove
            for (let at = 0; at < 1000; at += 50) {
              const entries = Array.from({ length: 50 }, (_, i) =>
                claim("Alive", 1000 + at + i, `10.1.${at / 50}.${i}:1`)
              )
              yield* puppet.send({ _tag: "Gossip", ...sender(2), entries }, node)
            }
            yield* pass(2000)
            const from = lab.now
            yield* sendSnapshot(claim("Alive", 1, node.address))
            yield* pass(5)
            if (leaves) yield* puppet.send({ _tag: "Leave", ...sender(50, 0, 9) }, node)
            yield* pass(500)
            const answers = lab.sent(({ message, to }) => to === "n50" && message._tag === "Gossip", from)
            // With 49 members, and the sender, in each.
            assert.lengthOf(answers, leaves ? 8 : 21)
          })
        )
      }
    })
  )
})

/** Node 1, which alone has rounds, one a second, and node 2. Neither sends anything else. The puppet is only told to send. */
const compared = Effect.gen(function* () {
  const lab = yield* Lab.make()
  const options = (antiEntropyInterval: number) => ({
    extensions: {},
    gossip: { antiEntropyInterval, interval: 6_000_000, healInterval: 6_000_000 },
    probes: { interval: 6_000_000, timeout: 3_000_000, suspectTimeout: 6_000_000 }
  })
  const starter = yield* lab.start(1, options(1000))
  const receiver = yield* lab.start(2, { ...options(0), peers: [starter.address] })
  // Rounds prove the addresses.
  yield* pass(3500)
  const puppet = yield* lab.puppet(50)
  let heartbeat = 0
  const tell = (node: LabNode, ...entries: ReadonlyArray<Message.MessageEntry>) =>
    Effect.andThen(
      puppet.send(
        { _tag: "Gossip", ...sender(60, 0, heartbeat++), entries: [claim("Alive", 60, "10.0.0.60:1"), ...entries] },
        node
      ),
      pass(1)
    )
  // Both know the node in whose name the puppet speaks.
  yield* tell(starter)
  yield* tell(receiver)
  yield* pass(1000)
  const from = lab.now
  const messages = () =>
    lab
      .sent(({ message }) => message._tag === "AntiEntropy1" || message._tag === "Gossip1", from)
      .map(({ from, message }) => {
        if (message._tag !== "AntiEntropy1") return `${from} ${message._tag}`
        const { buckets, chunk, digest } = message
        return `${from} ${digest ? "digest" : ""}${buckets ? "buckets" : ""}${chunk ? "chunk" : ""}`
      })
  return { lab, starter, receiver, tell, messages }
})

describe("a round between members of level 1", () => {
  scenario("ends after a digest when the tables agree", () =>
    Effect.gen(function* () {
      const { lab, messages, receiver } = yield* compared
      const since = lab.now
      yield* pass(6000)
      assert.deepStrictEqual([...new Set(messages())], ["n1 digest"])
      assert.isAtLeast(parts(receiver).antiEntropy.counters.digestsEqual, 3)
      // The member in whose name the puppet speaks never answered, so it gets no table.
      const chunks = lab.sent(({ from, message }) => from === "n1" && isChunk(message), since)
      assert.deepStrictEqual(chunks, [])
    })
  )

  scenario("brings each what only the other knows", () =>
    Effect.gen(function* () {
      const { lab, messages, receiver, starter, tell } = yield* compared
      yield* tell(starter, claim("Alive", 71, "10.0.0.71:1"))
      yield* tell(receiver, claim("Alive", 72, "10.0.0.72:1"))
      // A round may go to the third member.
      yield* pass(6000)
      assert.deepStrictEqual(messages().slice(0, 4), ["n1 digest", "n2 buckets", "n1 chunk", "n2 Gossip1"])
      assert.deepStrictEqual([...new Set(messages().slice(4))], ["n1 digest"])
      for (const node of [starter, receiver]) {
        for (const id of [71n, 72n]) assert.strictEqual(yield* lab.status(node, id), "alive")
      }
    })
  )
})

/** What one member that is not us asks of a node, in the form of extension level 1, and what it gets back. */
const asked = Effect.gen(function* () {
  const lab = yield* Lab.make()
  const started = lab.now
  const node = yield* lab.start(1, {
    extensions: {},
    gossip: { antiEntropyInterval: 20_000, interval: 6_000_000, healInterval: 6_000_000 },
    probes: { interval: 6_000_000, timeout: 3_000_000 }
  })
  const puppet = yield* lab.puppet(50)
  let heartbeat = 0
  const header = (): Message.Sender => ({ ...sender(50, 0, heartbeat++), level: 1 })
  const own = claim("Alive", 50, "10.0.0.50:7946")
  const tell = (...entries: ReadonlyArray<Message.MessageEntry>) =>
    Effect.andThen(puppet.send({ _tag: "Gossip", ...header(), entries: [own, ...entries] }, node), pass(2))
  const send = (sections: Partial<Message.AntiEntropy1>) =>
    Effect.andThen(puppet.send({ _tag: "AntiEntropy1", ...header(), ...sections }, node), pass(2))
  yield* tell(claim("Alive", 60, "10.0.0.60:1"))
  const received = (tag: Message.Message["_tag"]) => puppet.received.filter(({ message }) => message._tag === tag)
  const digest = { memberCount: 1, hash: 5n }
  // It asks where we are before it answers there.
  yield* send({ digest })
  const answer = puppet.send({ _tag: "Ack", ...header(), entries: [] }, node)
  const unproved = [received("Ping").length, received("AntiEntropy1").length]
  yield* answer
  yield* pass(2)
  const proved = received("AntiEntropy1").length
  puppet.received.length = 0
  const { counters } = parts(node).antiEntropy
  /** The only other member is doubted, and the node sends the puppet its digest, the seventh time after a pause of 5.7 s. */
  const round = Effect.gen(function* () {
    const of60 = (status: "Suspect" | "Dead") => claim(status, 60, "10.0.0.60:1", 0, 2 ** 20)
    yield* tell(of60("Suspect"), of60("Dead"))
    yield* pass(started + 16_100 - lab.now)
    assert.strictEqual(counters.rounds, 7)
    assert.lengthOf(received("AntiEntropy1"), 7)
  })
  return { lab, node, send, received, digest, round, unproved, proved, counters }
})

describe("what a member of level 1 asks", () => {
  scenario("by a digest is answered by buckets, once its address is proved, and at most once a second", () =>
    Effect.gen(function* () {
      const { counters, digest, proved, received, send, unproved } = yield* asked
      assert.deepStrictEqual([unproved, proved], [[1, 0], 1])
      for (const wait of [1, 900, 100, 1]) {
        yield* send({ digest })
        yield* pass(wait)
      }
      const answers = received("AntiEntropy1").flatMap(({ message }) =>
        message._tag === "AntiEntropy1" && message.buckets !== undefined ? [message.buckets] : []
      )
      assert.deepStrictEqual(
        answers.map(({ length }) => length),
        [1]
      )
      assert.strictEqual(counters.digestsDifferent, 5)
    })
  )

  scenario("by buckets is answered after a digest of ours, and once", () =>
    Effect.gen(function* () {
      const { counters, received, round, send } = yield* asked
      const buckets = [1]
      yield* send({ buckets })
      assert.strictEqual(counters.chunksSent, 0)
      yield* round
      yield* send({ buckets })
      yield* send({ buckets })
      assert.strictEqual(counters.chunksSent, 1)
      const chunks = received("AntiEntropy1").flatMap(({ message }) =>
        message._tag === "AntiEntropy1" && message.chunk !== undefined ? [message] : []
      )
      assert.deepStrictEqual(
        chunks.map(({ differing, entries }) => [differing, entries?.map(({ nodeId }) => Number(nodeId))]),
        // The death of the third is checked for as long as a PING may take here.
        [[[true], [1, 50, 60]]]
      )
    })
  )

  it.effect("by buckets more than 5 s after our digest, or that are our own, is not answered", () =>
    Effect.gen(function* () {
      for (const [wait, equal] of [
        [5001, false],
        [4900, true],
        [4900, false]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const { counters, node, round, send } = yield* asked
            yield* round
            yield* pass(wait)
            const { hashes } = new TableDigest(parts(node).view.table).buckets(0)
            yield* send({ buckets: equal ? [...hashes] : [1] })
            assert.strictEqual(counters.chunksSent, wait < 5000 && !equal ? 1 : 0)
          })
        )
      }
    })
  )
})

describe("many newcomers at once", () => {
  /** A node that was told of 500 members, and twenty newcomers that start at once with it as their peer. */
  const crowd = Effect.gen(function* () {
    const lab = yield* Lab.make()
    const options = {
      extensions: {},
      gossip: { antiEntropyInterval: 0, interval: 6_000_000 },
      probes: silentProbes
    } as const
    const node = yield* lab.start(1, options)
    const teller = yield* lab.puppet(90)
    for (let at = 0; at < 500; at += 50) {
      const entries = Array.from({ length: 50 }, (_, i) => claim("Alive", 1000 + at + i, `10.1.${at / 50}.${i}:1`))
      yield* teller.send({ _tag: "Gossip", ...sender(90, 0, at), entries }, node)
    }
    yield* pass(10)
    const newcomers = yield* Effect.forEach(
      Array.from({ length: 20 }, (_, i) => 2 + i),
      (number) => lab.start(number, { ...options, peers: [node.address] })
    )
    return { lab, newcomers, options }
  })

  scenario("get the table, and beyond what can be sent at once from those that got it first", () =>
    Effect.gen(function* () {
      const { lab, newcomers } = yield* crowd
      const got = Effect.map(Effect.forEach(newcomers, countsOf), (known) => known.filter(({ alive }) => alive > 500))
      // 500 changes wait at the node, so the table goes out after 50 ms, and takes another 40.
      yield* pass(150)
      assert.lengthOf(yield* got, 16)
      const named = lab
        .sent(({ from, message }) => from === "n1" && message._tag.startsWith("Gossip"))
        .map(({ message, to }) => [to, entriesOf(message).map(({ nodeId }) => `n${nodeId}`)] as const)
      const first = newcomers.map(({ name }) => name).filter((name) => !named.some(([to]) => to === name))
      assert.lengthOf(first, 16)
      for (const [to, names] of named) assert.sameMembers([...names], ["n1", to, ...first])
      yield* pass(350)
      assert.lengthOf(yield* got, 20)
      // The node itself sent 16 tables and no more.
      const tables = lab.sent(({ message, to }) => isChunk(message) && to !== "n1")
      assert.strictEqual(new Set(tables.filter(({ from }) => from === "n1").map(({ to }) => to)).size, 16)
      // What the newcomers heard of each other while they waited is in the table, so nobody passes it on.
      for (const newcomer of newcomers) {
        const { outbox, view } = parts(newcomer)
        const queued = Array.from({ length: view.table.top }, (_, slot) => slot).filter(
          (slot) => slot > SelfSlot && (outbox.queue.has(slot) || outbox.tags.has(slot))
        )
        assert.deepStrictEqual(queued, [])
      }
      // They ask no more.
      const from = lab.now
      yield* pass(5000)
      assert.deepStrictEqual(
        lab.sent(({ message }) => isChunk(message), from),
        []
      )
    })
  )

  scenario("get the table also where others introduce themselves to one that waits for it", () =>
    Effect.gen(function* () {
      const { lab, newcomers, options } = yield* crowd
      yield* pass(100)
      const sentOn = new Set(
        lab.sent(({ from, message }) => from === "n1" && message._tag.startsWith("Gossip")).map(({ to }) => to)
      )
      const waiting = newcomers.filter(({ name }) => sentOn.has(name))
      assert.lengthOf(waiting, 4)
      const later = yield* Effect.forEach(waiting, ({ address }, i) =>
        lab.start(40 + i, { ...options, peers: [address] })
      )
      yield* pass(1000)
      for (const one of [...waiting, ...later]) assert.isAbove((yield* countsOf(one)).alive, 500)
    })
  )

  scenario("pass on no members that they hear of while they wait for the table", () =>
    Effect.gen(function* () {
      const { lab, newcomers } = yield* crowd
      yield* pass(100)
      const waiting = newcomers.find(({ name }) =>
        lab.seen.some(({ from, message, to }) => from === "n1" && to === name && message._tag.startsWith("Gossip"))
      )
      const teller = yield* lab.puppet(91)
      const { outbox, view } = parts(waiting!)
      const isPassedOn = Effect.fnUntraced(function* (number: number) {
        const entries = [claim("Alive", number, `10.2.0.1:${number}`)]
        yield* teller.send({ _tag: "Gossip", ...sender(91, 0, number), entries }, waiting!)
        yield* pass(1)
        const slot = view.slotOf(NodeId.fromWords(0, number))
        assert.isAbove(slot, SelfSlot)
        return outbox.queue.has(slot)
      })
      assert.isFalse(yield* isPassedOn(7001))
      yield* pass(1000)
      assert.isTrue(yield* isPassedOn(7002))
    })
  )

  scenario("are not sent on to members that left", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const options = {
        gossip: { antiEntropyInterval: 0, interval: 6_000_000 },
        probes: silentProbes,
        maxDatagram: 576
      }
      const node = yield* lab.start(1, { extensions: {}, ...options })
      const teller = yield* lab.puppet(90)
      for (let at = 0; at < 500; at += 50) {
        const entries = Array.from({ length: 50 }, (_, i) => claim("Alive", 1000 + at + i, `10.1.${at / 50}.${i}:1`))
        yield* teller.send({ _tag: "Gossip", ...sender(90, 0, at), entries }, node)
      }
      yield* pass(10)
      for (let i = 0; i < 20; i++) {
        const former = yield* lab.start(100 + i, { extensions: {}, ...options, peers: [node.address] })
        yield* pass(1000)
        yield* lab.stop(former)
      }
      yield* pass(3000)
      const newcomers = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => 2 + i),
        (number) => lab.start(number, { extensions: {}, ...options, peers: [node.address] })
      )
      yield* pass(500)
      for (const newcomer of newcomers) assert.isAbove((yield* countsOf(newcomer)).alive, 500)
    })
  )

  scenario("do not pass on the table that they asked for", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { extensions: {} })
      for (let i = 2; i <= 8; i++) yield* lab.start(i, { extensions: {}, peers: [a.address] })
      yield* pass(20_000)
      const newcomer = yield* lab.start(9, { extensions: {}, peers: [a.address] })
      yield* pass(100)
      assert.strictEqual((yield* countsOf(newcomer)).alive, 9)
      assert.strictEqual(parts(newcomer).outbox.queue.size, 0)
    })
  )
})

describe("AntiEntropy.layerNone", () => {
  scenario("starts no rounds, answers the snapshots of others, and gives newcomers the table", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const { counters } = yield* start(lab)
      const options = { extensions: {}, peers: ["10.0.0.1:7946"], gossip: { antiEntropyInterval: 7000 } } as const
      for (const number of [2, 3]) yield* lab.start(number, options)
      yield* pass(30_000)
      const from = lab.now
      const newcomer = yield* lab.start(4, { ...options, probes: { interval: "1 hour", timeout: "1 minute" } })
      yield* pass(6)
      assert.strictEqual((yield* countsOf(newcomer)).alive, 4)
      const tables = lab.sent(({ from, message }) => from === "n1" && isChunk(message))
      // One for each node that asked when it joined.
      assert.deepStrictEqual(
        tables.map(({ at, to }) => [to, at >= from]),
        [
          ["n2", false],
          ["n3", false],
          ["n4", true]
        ]
      )
      yield* pass(60_000)
      assert.strictEqual(counters.rounds, 0)
      // The others have their rounds, and compare by digests.
      assert.isAbove(counters.digestsEqual, 5)
      assert.strictEqual(counters.snapshotsCompleted, 3)
      assert.isAbove(parts(newcomer).antiEntropy.counters.rounds, 5)
    })
  )
})
