import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { NetAddress } from "effect/net"
import * as AntiEntropy from "../../src/anti-entropy/AntiEntropy.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as JoinWait from "../../src/cluster/JoinWait.ts"
import type { ClusterOptions } from "../../src/config/ClusterConfig.ts"
import * as ReliableDelivery from "../../src/delivery/ReliableDelivery.ts"
import * as FailureDetector from "../../src/failure-detector/FailureDetector.ts"
import { jitterFraction } from "../../src/failure-detector/SuspicionTiming.ts"
import * as Gossip from "../../src/gossip/Gossip.ts"
import * as Events from "../../src/events/Events.ts"
import * as Queries from "../../src/queries/Queries.ts"
import * as Join from "../../src/join/Join.ts"
import * as ChangeFeed from "../../src/membership/ChangeFeed.ts"
import * as LocalView from "../../src/membership/LocalView.ts"
import * as Membership from "../../src/membership/Membership.ts"
import * as Metrics from "../../src/metrics/Metrics.ts"
import * as Outbox from "../../src/outbox/Outbox.ts"
import * as Transport from "../../src/transport/Transport.ts"
import { IndirectAck } from "../../src/wire/Header.ts"
import type { Message, MessageEntry } from "../../src/wire/Message.ts"
import {
  claim,
  countsOf,
  entriesOf,
  Lab,
  type LabNode,
  parts,
  type Seen,
  sender,
  story,
  pass,
  scenario
} from "../cluster/Lab.ts"

// The defaults, in ms.
const Interval = 1000
const Timeout = 500
const Latency = 1

/** The components of a node that observes: those of `Cluster.layerParts`, with `FailureDetector.layerNone`. */
const observing = Layer.merge(Cluster.layerNode, JoinWait.layerReminder).pipe(
  Layer.provideMerge(Metrics.layer),
  Layer.provideMerge(
    Layer.mergeAll(
      FailureDetector.layerNone,
      Gossip.layer,
      Join.layer,
      AntiEntropy.layer,
      ReliableDelivery.layer,
      Events.layer,
      Queries.layer
    )
  ),
  Layer.provideMerge(Layer.mergeAll(Outbox.layer, Membership.layer)),
  Layer.provideMerge(ChangeFeed.layer),
  Layer.provideMerge(LocalView.layer),
  Layer.provideMerge(Transport.layer),
  Layer.provideMerge(Cluster.layerBase)
)

/** `n1` to `n<members>`, and an observer with the next number. */
const withObserver = Effect.fnUntraced(function* (members: number, options: ClusterOptions = {}) {
  const lab = yield* Lab.believing()
  const peers = ["10.0.0.1:7946"]
  const nodes: Array<LabNode> = [yield* lab.start(1, options)]
  for (let i = 2; i <= members; i++) nodes.push(yield* lab.start(i, { ...options, peers }))
  const observer = yield* lab.start(members + 1, { ...options, peers }, { parts: observing })
  yield* pass(Interval - 1)
  for (const node of [...nodes, observer]) assert.strictEqual((yield* countsOf(node)).alive, members + 1)
  return { lab, nodes, observer, since: lab.now }
})

const names = (nodes: ReadonlyArray<LabNode>) => nodes.map(({ name }) => name)

const sentBy =
  (tag: Message["_tag"], from: LabNode, to?: LabNode) =>
  ({ message, ...seen }: Seen): boolean =>
    message._tag === tag && seen.from === from.name && (to === undefined || seen.to === to.name)

const changesOf = (node: LabNode, of: LabNode) =>
  node.changes.filter((change) => "member" in change && change.member.id === of.id)

/** A GOSSIP of these entries. From n1, which is known by newer messages, it proves nothing about its sender. */
const gossip = (entries: ReadonlyArray<MessageEntry>, from = 1): Message => ({
  _tag: "Gossip",
  ...sender(from),
  entries
})

describe("a member", () => {
  scenario("probes also if its first round is due while it starts", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const atOnce = Layer.provide(Cluster.layerParts, Layer.succeed(FailureDetector.FirstRound, 0))
      const first = yield* lab.start(1, {}, { parts: atOnce })
      const second = yield* lab.start(2, { peers: ["10.0.0.1:7946"] })
      yield* pass(10 * Interval)
      assert.isAbove(lab.sent(sentBy("Ping", first, second)).length, 5)
    })
  )
})

describe("an observer", () => {
  scenario("probes nobody, acknowledges the probes of others, and is a member like any other", () =>
    Effect.gen(function* () {
      // Anti-entropy sends PINGs to addresses that nothing proves yet.
      const { lab, nodes, observer, since } = yield* withObserver(3, { gossip: { antiEntropyInterval: 0 } })
      yield* pass(20 * Interval)
      assert.deepStrictEqual(lab.sent(sentBy("Ping", observer), since), [])
      assert.isAbove(lab.sent(sentBy("Ack", observer), since).length, 10)
      for (const node of [...nodes, observer]) {
        assert.strictEqual((yield* countsOf(node)).alive, 4)
        assert.isTrue(node.changes.every(({ _tag }) => _tag === "Joined"))
      }
      assert.strictEqual(parts(observer).detector.counters.pings, 0)
    })
  )

  scenario("accuses nobody, and takes the suspicions and verdicts of others", () =>
    Effect.gen(function* () {
      const { lab, nodes, observer, since } = yield* withObserver(4)
      const lost = nodes[3]!
      yield* lab.kill(lost)
      yield* pass(20_000)
      assert.deepStrictEqual(
        changesOf(observer, lost)
          .slice(1)
          .map((change) => [change._tag, "cause" in change ? change.cause._tag : ""]),
        [
          ["Suspected", "Claimed"],
          ["Died", "DeathConfirmed"]
        ]
      )
      // It sent PINGs to the lost member as a relay, and one more to check the verdict.
      const died = changesOf(observer, lost).at(-1)!.ms
      const asked = lab.sent(
        ({ at, message, to }) => message._tag === "PingReq" && to === observer.name && at < died,
        since
      )
      const pings = lab.sent((seen) => sentBy("Ping", observer, lost)(seen) && seen.at < died, since)
      assert.strictEqual(pings.length, asked.length + 1)
      assert.strictEqual(parts(observer).detector.counters.pings, 0)
    })
  )

  scenario("accuses nobody even if it reaches nobody", () =>
    Effect.gen(function* () {
      const { lab, nodes, observer } = yield* withObserver(3)
      lab.network.separate([observer.name], names(nodes), true)
      yield* pass(60_000)
      assert.strictEqual((yield* countsOf(observer)).alive, 4)
      assert.isTrue(observer.changes.every(({ _tag }) => _tag === "Joined"))
    })
  )

  scenario("is a relay for the probes of others", () =>
    Effect.gen(function* () {
      const { lab, nodes, observer } = yield* withObserver(2)
      const [a, b] = nodes
      lab.network.separate([a!.name], [b!.name], true)
      yield* pass(20 * Interval)
      for (const node of nodes) {
        const { counters, health } = parts(node).detector
        assert.deepInclude(counters, { failures: 0 })
        assert.isAbove(counters.savedByRelay, 5)
        assert.strictEqual(health.score, 0)
      }
      const saved = nodes.reduce((sum, node) => sum + parts(node).detector.counters.savedByRelay, 0)
      assert.strictEqual(parts(observer).detector.counters.relayed, saved)
      // Its only PINGs are those that it was asked for.
      assert.strictEqual(lab.sent(sentBy("Ping", observer), Interval).length, saved)
    })
  )

  scenario("lets a suspicion expire after twice the time, if nobody else does", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const observer = yield* lab.start(1, {}, { parts: observing })
      const accuser = yield* lab.puppet(2)
      yield* accuser.send(gossip([claim("Suspect", 3, "10.0.0.3:7946", 0, 5)], 2), observer)
      yield* pass(Latency)
      const suspected = lab.now
      assert.strictEqual(yield* lab.status(observer, 3n), "suspect")
      // The observer and the suspect are two: entries are merged before the header that tells of the accuser.
      const lasts = 2 * (3000 * (1 + 0.5 * Math.log2(2)) + jitterFraction(0, 1, 0, 3) * 1000)
      yield* pass(lasts - 1)
      assert.strictEqual(yield* lab.status(observer, 3n), "suspect")
      // Nobody has answered a PING, so the check of the death lasts as long as a probe waits.
      yield* pass(501.1)
      assert.strictEqual(yield* lab.status(observer, 3n), "dead")
      const [at, what] = story(observer, suspected).at(-1)!
      assert.closeTo(at, lasts + 500, 1e-3)
      assert.strictEqual(what, "Died 3: SuspicionExpired")
    })
  )

  scenario("takes a refutation", () =>
    Effect.gen(function* () {
      const { lab, nodes, observer } = yield* withObserver(3)
      const subject = nodes[2]!
      lab.network.separate([subject.name], names([...nodes.slice(0, 2), observer]), true)
      while ((yield* lab.status(observer, subject)) !== "suspect") yield* pass(100)
      lab.network.separate([subject.name], names([...nodes.slice(0, 2), observer]), false)
      yield* pass(30_000)
      assert.strictEqual(yield* lab.status(observer, subject), "alive")
      assert.strictEqual(parts(observer).detector.suspicions(), 0)
      assert.isFalse(observer.changes.some(({ _tag }) => _tag === "Died"))
    })
  )

  scenario("believes a Dead claim about a live member only after three PINGs with it", () =>
    Effect.gen(function* () {
      // Nobody else finds out that the member is gone.
      const { lab, nodes, observer } = yield* withObserver(2, { probes: { interval: "1 hour" } })
      const [, subject] = nodes
      const liar = yield* lab.puppet(9)
      const from = lab.now
      const death = gossip([claim("Dead", subject!.id, subject!.address)])
      yield* liar.send(death, observer)
      yield* pass(2000)
      // The member refutes after the first.
      assert.strictEqual(lab.sent(sentBy("Ping", observer, subject), from).length, 1)
      assert.strictEqual(yield* lab.status(observer, subject!), "alive")
      lab.network.separate([subject!.name], names([nodes[0]!, observer]), true)
      const cut = lab.now
      yield* liar.send(gossip([claim("Dead", subject!.id, subject!.address, 1)]), observer)
      yield* pass(1 + 1499)
      assert.strictEqual(yield* lab.status(observer, subject!), "alive")
      yield* pass(1)
      assert.strictEqual(yield* lab.status(observer, subject!), "dead")
      const pings = lab.sent(sentBy("Ping", observer, subject), cut)
      assert.deepStrictEqual(
        pings.map(({ at, message }) => [at - cut, entriesOf(message)[0]!.status]),
        [
          [1, "Dead"],
          [501, "Dead"],
          [1001, "Dead"]
        ]
      )
    })
  )

  scenario("does not change its local health by refuting, since it has no probes that would improve it", () =>
    Effect.gen(function* () {
      const { lab, observer } = yield* withObserver(2)
      const liar = yield* lab.puppet(9)
      yield* liar.send(gossip([claim("Suspect", observer.id, observer.address, 0, 50)]), observer)
      yield* pass(10)
      assert.strictEqual(parts(observer).view.incarnation, 1)
      assert.strictEqual(parts(observer).detector.health.score, 0)
    })
  )
})

describe("the failure detector of a node that leaves", () => {
  scenario("ends its probes and judges nobody, and the node still serves as a relay", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const config = { reliableAckTimeout: "10 seconds", reliableMaxRetries: 0 } as const
      const leaver = yield* lab.start(1, config)
      const target = yield* lab.start(2, { peers: [leaver.address] })
      const stranger = yield* lab.puppet(9)
      yield* pass(2 * Interval)
      // A suspicion, a check and a probe are under way, and one member never acknowledges the LEAVE.
      yield* stranger.send(gossip([claim("Suspect", 50, "10.1.0.50:1"), claim("Alive", 51, "10.1.0.51:1")]), leaver)
      yield* pass(Latency)
      yield* stranger.send(gossip([claim("Dead", 51, "10.1.0.51:1")]), leaver)
      yield* pass(2 * Interval)
      const { detector } = parts(leaver)
      assert.deepStrictEqual([detector.suspicions(), detector.checks.size], [1, 0])
      const stopping = yield* lab.stop(leaver)
      yield* pass(Latency)
      const left = lab.now
      const pings = detector.counters.pings
      yield* pass(8000)
      assert.strictEqual(detector.counters.pings, pings)
      assert.strictEqual(lab.sent(sentBy("Ping", leaver), left).length, 0)
      assert.deepStrictEqual(
        leaver.changes.filter(({ _tag, ms }) => ms > left && (_tag === "Suspected" || _tag === "Died")),
        []
      )

      const about = claim("Alive", target.id, target.address)
      const request: Message = {
        _tag: "PingReq",
        ...sender(9, 0, 1),
        targetId: about.nodeId,
        targetAddress: NetAddress.inetAddressFromStringUnsafe(target.address)
      }
      const asked = lab.now
      yield* stranger.send(request, leaver)
      yield* pass(10)
      assert.strictEqual(lab.sent(sentBy("Ping", leaver, target), asked).length, 1)
      const relayed = stranger.received.filter(({ message }) => (message.flags & IndirectAck) !== 0)
      assert.deepStrictEqual(
        relayed.map(({ at }) => at),
        [asked + 4 * Latency]
      )
      yield* pass(Timeout + 3000)
      yield* Fiber.join(stopping)
    })
  )
})
