import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { NetAddress } from "effect/net"
import * as Cluster from "../../src/cluster/Cluster.ts"
import { FirstRound } from "../../src/failure-detector/FailureDetector.ts"
import type { Message, MessageEntry } from "../../src/wire/Message.ts"
import { Lab, type LabNode, type Seen, countsOf, entriesOf, parts, pass, scenario, virtual } from "./Lab.ts"

// The defaults, in ms.
const Interval = 1000
const Timeout = 500
const Latency = 1

/** No suspicion ends in death in these tests. */
const patient = { probes: { suspectTimeout: "1 hour" } } as const

const started = Effect.fnUntraced(function* (lab: Lab, count: number, options = {}) {
  const nodes: Array<LabNode> = [yield* lab.start(1, options)]
  for (let i = 2; i <= count; i++) nodes.push(yield* lab.start(i, { peers: [nodes[0]!.address], ...options }))
  yield* pass(Interval - 1)
  for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, count)
  return nodes
})

const names = (nodes: ReadonlyArray<LabNode>) => nodes.map(({ name }) => name)
const nameOf = (id: bigint) => `n${id}`

/** An entry in short. */
const brief = (entry: MessageEntry | undefined) =>
  entry === undefined ? "none" : `${entry.status} ${nameOf(entry.nodeId)} at ${entry.incarnation}`

const isPing = ({ message }: Seen) => message._tag === "Ping"

/** PINGs of a node's own probes, and not those that a PING_REQ asked it for: those that go out when its cycles begin. */
const probesOf = (lab: Lab, node: LabNode, from = Interval) =>
  lab.sent((seen) => isPing(seen) && seen.from === node.name && seen.at % Interval === 0, from)

const requestsOf = (lab: Lab, node: LabNode, from = Interval) =>
  lab.sent(({ from, message }) => from === node.name && message._tag === "PingReq", from)

const asRequest = (message: Message) => {
  assert(message._tag === "PingReq")
  return message
}

/** Suspicions from a node's own probes. */
const ownSuspicions = (node: LabNode) =>
  node.changes.flatMap((change) =>
    change._tag === "Suspected" && change.cause._tag === "ProbeFailed"
      ? [{ ms: change.ms, target: change.member.id, relays: change.cause.relays.map(nameOf) }]
      : []
  )

describe("the first round", () => {
  scenario("begins at a random time within an interval, so that nodes of one start do not probe in lockstep", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const more = { parts: Layer.provide(Cluster.layerParts, Layer.succeed(FirstRound, undefined)) }
      const first = yield* lab.start(1, {}, more)
      for (let i = 2; i <= 8; i++) yield* lab.start(i, { peers: [first.address] }, more)
      yield* pass(500)
      const from = lab.now
      yield* pass(Interval)
      const offsets = lab.sent(isPing, from).map(({ at }) => Math.floor(at - from))
      assert.isAtLeast(offsets.length, 8)
      assert.isAtLeast(new Set(offsets.map((at) => Math.floor(at / 125))).size, 4)
    })
  )
})

describe("probing, to the millisecond", () => {
  scenario("a node sends one PING per interval, the ACK comes back at once, and no relay is asked", () =>
    Effect.gen(function* () {
      const Slow = 7
      const lab = yield* Lab.believing({ latency: Slow })
      const [a, b] = yield* started(lab, 2)
      yield* pass(20_000)
      for (const [from, to] of [
        [a!, b!],
        [b!, a!]
      ] as const) {
        const pings = lab.sent((seen) => isPing(seen) && seen.from === from.name, Interval)
        const times = Array.from({ length: 20 }, (_, i) => Interval * (i + 1))
        assert.deepStrictEqual(
          pings.map(({ at, to }) => [at, to]),
          times.map((at) => [at, to.name])
        )
        const acks = lab.sent((seen) => seen.message._tag === "Ack" && seen.from === to.name, Interval)
        assert.deepStrictEqual(
          acks.map(({ at, to }) => [at, to]),
          times.map((at) => [at + Slow, from.name])
        )
        // Both carry the entry of their sender first, with the numbers of the header.
        for (const { message } of [...pings, ...acks]) {
          const { heartbeat, incarnation, senderId } = message
          const [first] = entriesOf(message)
          assert.deepInclude(first!, { nodeId: senderId, heartbeat, incarnation, status: "Alive" })
        }
        const { counters, health } = parts(from).detector
        assert.deepInclude(counters, { pings: 20, pingReqs: 0, directTimeouts: 0, failures: 0 })
        assert.strictEqual(health.score, 0)
        assert.isTrue(from.changes.every(({ _tag }) => _tag === "Joined"))
      }
    })
  )

  it.effect(
    "an ACK just before the timeout avoids the relays, and an ACK just before the end of the interval avoids the suspicion",
    () =>
      Effect.gen(function* () {
        for (const [roundTrip, asks, suspects] of [
          [Timeout - 2, false, false],
          [Timeout + 2, true, false],
          [Interval - 2, true, false],
          [Interval + 2, true, true]
        ] as const) {
          yield* virtual(
            Effect.gen(function* () {
              const lab = yield* Lab.believing()
              const options = { probes: { ...patient.probes, indirectK: 1 }, gossip: { interval: "1 hour" } } as const
              const [a] = yield* started(lab, 3, options)
              for (const to of ["n2", "n3"]) lab.network.link("n1", to).latency = roundTrip - Latency
              // What relays find out comes too late.
              for (const from of ["n2", "n3"]) for (const to of ["n2", "n3"]) lab.network.link(from, to).latency = 5000
              const now = lab.now
              yield* pass(Interval + 1)
              const [probe] = probesOf(lab, a!, now)
              assert.strictEqual(requestsOf(lab, a!, now).length, asks ? 1 : 0)
              const suspected = ownSuspicions(a!)
              assert.strictEqual(suspected.length, suspects ? 1 : 0)
              if (suspects) assert.strictEqual(suspected[0]!.ms, probe!.at + Interval)
            })
          )
        }
      })
  )

  scenario(
    "without an ACK two members get a PING_REQ at the timeout, and the target is suspect at the end of the interval",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const nodes = yield* started(lab, 7, patient)
        const lost = nodes[6]!
        const others = nodes.slice(0, 6)
        lab.network.separate([lost.name], names(others), true)
        yield* pass(20 * Interval)

        const suspicions = others.flatMap((observer) =>
          ownSuspicions(observer).map((found) => ({ observer, ...found }))
        )
        assert.isAbove(suspicions.length, 0)
        for (const { ms, observer, relays, target } of suspicions) {
          assert.strictEqual(target, lost.id)
          assert.strictEqual(relays.length, 2)
          assert.strictEqual(new Set(relays).size, 2)
          for (const relay of relays) assert.notInclude([observer.name, lost.name], relay)
          // What was sent before: the PING an interval ago, and the requests to exactly these relays.
          const probe = probesOf(lab, observer, ms - Interval)[0]!
          assert.deepInclude(probe, { at: ms - Interval, to: lost.name })
          const requests = requestsOf(lab, observer, ms - Interval).filter(({ at }) => at < ms)
          assert.deepStrictEqual(
            requests.map(({ at, to }) => [at, to]),
            relays.map((to) => [ms - Interval + Timeout, to])
          )
          for (const { message } of requests) {
            const { targetAddress, targetId } = asRequest(message)
            assert.strictEqual(targetId, lost.id)
            assert.strictEqual(NetAddress.formatInet(targetAddress), lost.address)
          }
          // Each relay PINGs the target as soon as it is asked.
          for (const relay of relays) {
            const at = ms - Interval + Timeout + Latency
            assert.strictEqual(
              lab.sent((seen) => isPing(seen) && seen.at === at && seen.from === relay && seen.to === lost.name).length,
              requestsTo(lab, relay, at - Latency)
            )
          }
        }
        // All members without a failed probe of their own were told.
        for (const observer of others) {
          const about = observer.changes.filter((change) => change._tag === "Suspected")
          assert.strictEqual(about.length, 1)
          assert.strictEqual(yield* lab.status(observer, lost), "suspect")
        }
      })
  )

  scenario("suspect and dead members are not asked to relay, and no more members than there are", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const nodes = yield* started(lab, 5, { probes: { ...patient.probes, indirectK: 3 } })
      lab.network.separate(["n5"], ["n1", "n2", "n3", "n4"], true)
      yield* pass(12 * Interval)
      const all = (observer: LabNode, unable: ReadonlyArray<string>) =>
        names(nodes).filter((name) => name !== observer.name && !unable.includes(name))
      const observers = nodes.slice(0, 3)
      const first = nodes
        .slice(0, 4)
        .flatMap((observer) =>
          ownSuspicions(observer).map(({ relays }) => [relays.toSorted(), all(observer, ["n5"])] as const)
        )
      assert.isAbove(first.length, 0)
      for (const [relays, able] of first) assert.deepStrictEqual(relays, able)

      // Now n4 goes too, while n5 is suspect.
      lab.network.separate(["n4"], ["n1", "n2", "n3"], true)
      const now = lab.now
      yield* pass(12 * Interval)
      const second = observers.flatMap((observer) =>
        ownSuspicions(observer)
          .filter(({ ms, target }) => ms > now && target === 4n)
          .map(({ relays }) => [relays.toSorted(), all(observer, ["n4", "n5"])] as const)
      )
      assert.isAbove(second.length, 0)
      for (const [relays, able] of second) assert.deepStrictEqual(relays, able)
    })
  )

  scenario("with indirect_k 0 no relay is asked", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const nodes = yield* started(lab, 3, { probes: { ...patient.probes, indirectK: 0 } })
      lab.network.separate(["n3"], ["n1", "n2"], true)
      yield* pass(10 * Interval)
      assert.strictEqual(lab.sent(({ message }) => message._tag === "PingReq").length, 0)
      const found = [nodes[0]!, nodes[1]!].flatMap(ownSuspicions)
      assert.isAbove(found.length, 0)
      for (const { relays } of found) assert.deepStrictEqual(relays, [])
    })
  )

  scenario(
    "a PING to a suspect begins with the entry of the suspect, also for a PING_REQ; other PINGs begin with our own",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const nodes = yield* started(lab, 5, patient)
        const lost = nodes[4]!
        const others = nodes.slice(0, 4)
        lab.network.separate([lost.name], names(others), true)
        yield* pass(30 * Interval)
        for (const observer of others) {
          const { ms } = observer.changes.find(({ _tag }) => _tag === "Suspected")!
          const pings = lab.sent((seen) => isPing(seen) && seen.from === observer.name, ms + 0.5)
          const toLost = pings.filter(({ to }) => to === lost.name)
          assert.isAbove(toLost.length, 3)
          // Its own probes, and those that it was asked for.
          assert.isTrue(toLost.some(({ at }) => at % Interval === 0))
          assert.isTrue(toLost.some(({ at }) => at % Interval === Timeout + Latency))
          for (const { message } of toLost) {
            const [first, second] = entriesOf(message)
            assert.strictEqual(brief(first), `Suspect ${lost.name} at 0`)
            assert.strictEqual(brief(second), `Alive ${observer.name} at 0`)
          }
          for (const { message } of pings.filter(({ to }) => to !== lost.name)) {
            assert.strictEqual(brief(entriesOf(message)[0]), `Alive ${observer.name} at 0`)
          }
        }
      })
  )

  scenario("each node of eight probes every other member once in seven probes, in changing orders", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const nodes = yield* started(lab, 8)
      const Wraps = 6
      yield* pass(7 * Wraps * Interval)
      const orders = new Set<string>()
      for (const node of nodes) {
        const targets = probesOf(lab, node).map(({ to }) => to)
        assert.strictEqual(targets.length, 7 * Wraps)
        for (let wrap = 0; wrap < Wraps; wrap++) {
          const order = targets.slice(7 * wrap, 7 * (wrap + 1))
          assert.deepStrictEqual(order.toSorted(), names(nodes.filter((other) => other !== node)))
          orders.add(order.join())
        }
      }
      assert.isAbove(orders.size, 8 * Wraps - 5)
    })
  )

  scenario("every member probes a newcomer within 2n - 1 intervals, and nobody probes a dead member", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* started(lab, 4)
      yield* pass(2500)
      const newcomer = yield* lab.start(5, { peers: [nodes[0]!.address] })
      yield* pass(400)
      const joined = lab.now
      for (const node of nodes) assert.strictEqual(yield* lab.status(node, newcomer), "alive")
      // n is 4 besides the prober.
      yield* pass((2 * 4 - 1) * Interval)
      for (const node of nodes) {
        assert.isTrue(probesOf(lab, node, joined).some(({ to }) => to === newcomer.name))
      }
      yield* lab.kill(newcomer)
      yield* pass(15_000)
      for (const node of nodes) {
        const { ms } = node.changes.find(({ _tag }) => _tag === "Died")!
        assert.strictEqual(probesOf(lab, node, ms).filter(({ to }) => to === newcomer.name).length, 0)
      }
    })
  )

  scenario(
    "each failed probe adds an interval to the next cycle and a timeout to its wait, up to nine; each success takes one off",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const Count = 14
        const nodes = yield* started(lab, Count, patient)
        const [a, ...others] = nodes
        const { counters, health } = parts(a!).detector
        lab.network.separate([a!.name], names(others), true)
        // The rule: a cycle that begins at score s lasts (s + 1) intervals, and ends with a score one higher or lower.
        const Failures = 11
        let at = Interval
        let score = 0
        const cycles: Array<readonly [begins: number, asks: number]> = []
        for (let i = 0; i < Failures; i++) {
          cycles.push([at, at + Timeout * (score + 1)])
          at += Interval * (score + 1)
          score = Math.min(8, score + 1)
        }
        yield* pass(at - lab.now - 1)
        assert.deepStrictEqual(
          lab.sent((seen) => isPing(seen) && seen.from === a!.name, Interval).map(({ at }) => at),
          // A member that is suspected after a failed probe gets a second PING at once, with that claim.
          cycles.flatMap(([begins], i) => (i === 0 ? [begins] : [begins, begins]))
        )
        assert.deepStrictEqual(
          requestsOf(lab, a!).map(({ at }) => at),
          // Even the last finds two that are not suspect yet.
          cycles.flatMap(([, asks]) => [asks, asks])
        )
        assert.deepInclude(counters, { pings: Failures, directTimeouts: Failures, failures: Failures - 1 })
        assert.strictEqual(health.score, 8)

        // Links are mended as the next cycle begins: this failure is the last. Every later probe succeeds.
        const mended = at
        lab.network.separate([a!.name], names(others), false)
        yield* pass(1)
        const times: Array<number> = []
        for (let score = 8; score >= 0; score--) {
          times.push(at)
          at += Interval * (score + 1)
        }
        times.push(at, at + Interval)
        yield* pass(at + Interval - lab.now + 1)
        assert.deepStrictEqual(
          lab
            .sent((seen) => isPing(seen) && seen.from === a!.name && times.includes(seen.at), mended)
            .map(({ at }) => at),
          // The last suspect is told at once.
          [mended, ...times]
        )
        assert.strictEqual(health.score, 0)
        assert.strictEqual(counters.failures, Failures)
      })
  )
})

/** How many were asked by PING_REQ at a time, so many PINGs does the relay send. */
const requestsTo = (lab: Lab, relay: string, at: number) =>
  lab.sent((seen) => seen.message._tag === "PingReq" && seen.to === relay && seen.at === at && seen.fate === "carried")
    .length
