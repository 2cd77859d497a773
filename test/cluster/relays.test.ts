import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { NetAddress } from "effect/net"
import { SelfSlot } from "../../src/membership/MemberTable.ts"
import { IndirectAck } from "../../src/wire/Header.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import {
  Lab,
  type LabNode,
  type Seen,
  claim,
  countsOf,
  entriesOf,
  parts,
  sender,
  pass,
  scenario,
  virtual
} from "./Lab.ts"

// The defaults, in ms.
const Interval = 1000
const Timeout = 500

const started = Effect.fnUntraced(function* (lab: Lab, count: number, options = {}) {
  const nodes: Array<LabNode> = [yield* lab.start(1, options)]
  for (let i = 2; i <= count; i++) nodes.push(yield* lab.start(i, { peers: [nodes[0]!.address], ...options }))
  yield* pass(Interval - 1)
  for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, count)
  return nodes
})

const isKind =
  (tag: Message.Message["_tag"], from: string, to?: string) =>
  (seen: Seen): boolean =>
    seen.message._tag === tag && seen.from === from && (to === undefined || seen.to === to)

/** PINGs of a node's own probes of another: those that go out when its cycles begin. */
const probesOf = (lab: Lab, from: LabNode, to: LabNode, since: number) =>
  lab.sent((seen) => isKind("Ping", from.name, to.name)(seen) && seen.at % Interval === 0, since)

const isRelayed = ({ message }: Seen) => (message.flags & IndirectAck) !== 0

describe("relays", () => {
  scenario(
    "keep a member from suspicion when one link of ten is cut: each probe over that link succeeds through a relay",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const nodes = yield* started(lab, 5)
        const [a, b] = nodes
        lab.network.separate([a!.name], [b!.name], true)
        const cut = lab.now
        yield* pass(240_000 + Interval - 1)
        for (const node of nodes) {
          assert.isTrue(node.changes.every(({ _tag, ms }) => _tag === "Joined" && ms < cut))
          assert.strictEqual(parts(node).detector.health.score, 0)
          assert.strictEqual(parts(node).detector.counters.failures, 0)
        }
        let relayed = 0
        for (const [from, to] of [
          [a!, b!],
          [b!, a!]
        ] as const) {
          const probes = probesOf(lab, from, to, cut).length
          // One in four of 240 or 241 probes, as fairly as the ring is: both ends of the time lie within a round of it.
          assert.isAtLeast(probes, 59)
          assert.isAtMost(probes, 61)
          const { counters } = parts(from).detector
          assert.deepInclude(counters, { directTimeouts: probes, savedByRelay: probes, pingReqs: 2 * probes })
          relayed += counters.pingReqs
        }
        for (const node of nodes.slice(2)) relayed -= parts(node).detector.counters.relayed
        assert.strictEqual(relayed, 0)
      })
  )

  scenario(
    "send a PING to the target at once, and pass on an ACK that begins with the numbers of the target's header",
    () =>
      Effect.gen(function* () {
        const Latency = 3
        const lab = yield* Lab.believing({ latency: Latency })
        const nodes = yield* started(lab, 4)
        const [a, b] = nodes
        yield* pass(6000)
        lab.network.separate([a!.name], [b!.name], true)
        const cut = lab.now
        yield* pass(30_000)
        const probes = probesOf(lab, a!, b!, cut)
        assert.isAtLeast(probes.length, 8)
        for (const { at } of probes) {
          const asked = at + Timeout
          const requests = lab.sent((seen) => isKind("PingReq", a!.name)(seen) && seen.at === asked)
          assert.deepStrictEqual(requests.map(({ to }) => to).toSorted(), ["n3", "n4"])
          for (const { to: relay } of requests) {
            const sentAt = (later: number, from: string, to: string) => (seen: Seen) =>
              seen.at === asked + later && seen.from === from && seen.to === to
            const [ping] = lab.sent(sentAt(Latency, relay, b!.name))
            assert.strictEqual(ping!.message._tag, "Ping")
            const [ack] = lab.sent(sentAt(2 * Latency, b!.name, relay))
            assert.strictEqual(ack!.message._tag, "Ack")
            assert.isFalse(isRelayed(ack!))
            const passedOn = lab.sent(sentAt(3 * Latency, relay, a!.name)).find(isRelayed)
            assert.strictEqual(passedOn!.message._tag, "Ack")
            const [first, second] = entriesOf(passedOn!.message)
            const { heartbeat, incarnation } = ack!.message
            const { address, ...about } = first!
            assert.deepEqual(about, { nodeId: b!.id, heartbeat, incarnation, status: "Alive" })
            assert.strictEqual(NetAddress.formatInet(address), b!.address)
            assert.strictEqual(second!.nodeId, passedOn!.message.senderId)
          }
        }
      })
  )

  scenario("answer a node that they do not know, and answer each request once", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [, b] = yield* started(lab, 2)
      const stranger = yield* lab.puppet(9)
      const request: Message.PingReq = {
        _tag: "PingReq",
        ...sender(9),
        targetId: claim("Alive", 2, b!.address).nodeId,
        targetAddress: NetAddress.inetAddressFromStringUnsafe("10.0.0.77:1")
      }
      const asked = lab.now
      yield* stranger.send(request, "10.0.0.1:7946")
      yield* pass(10_000)
      // At the address that the relay knows, whatever the request says.
      assert.strictEqual(lab.sent(({ to }) => to === "10.0.0.77").length, 0)
      const relayed = stranger.received.filter(({ message }) => (message.flags & IndirectAck) !== 0)
      assert.deepStrictEqual(
        relayed.map(({ at, message }) => [at, message._tag, entriesOf(message)[0]!.nodeId]),
        [[asked + 4, "Ack", b!.id]]
      )
    })
  )

  scenario("ignore a request for an unknown member, for a tombstone, and for themselves", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const nodes = yield* started(lab, 3, { probes: { deadRetention: 5000 } })
      const [a, b, c] = nodes
      yield* lab.kill(c!)
      yield* pass(25_000)
      assert.strictEqual(yield* lab.status(a!, c!), "unknown")
      assert.isAtLeast(parts(a!).view.slotOf(claim("Alive", 3, c!.address).nodeId), 0)
      const stranger = yield* lab.puppet(9)
      const asked = lab.now
      for (const [target, address] of [
        [99, "10.0.0.99:7946"],
        [3, c!.address],
        [1, a!.address]
      ] as const) {
        yield* stranger.send(
          {
            _tag: "PingReq",
            ...sender(9),
            targetId: claim("Alive", target, address).nodeId,
            targetAddress: NetAddress.inetAddressFromStringUnsafe(address)
          },
          a!
        )
      }
      yield* pass(400)
      const said = lab.sent(({ from }) => from === a!.name, asked)
      assert.deepStrictEqual(
        said.filter(({ message, to }) => to !== b!.name && (message._tag === "Ack" || to !== "n9")),
        []
      )
      assert.strictEqual(parts(a!).detector.relays.size, 0)
    })
  )

  scenario("tell a suspect that it is suspected when they send it a PING for another node", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [a, b] = yield* started(lab, 2)
      // Off the times at which n1 probes of itself.
      yield* pass(300)
      const stranger = yield* lab.puppet(9)
      const about = claim("Suspect", 2, b!.address, 0, 100)
      yield* stranger.send({ _tag: "Gossip", ...sender(9), entries: [about] }, a!)
      yield* stranger.send({ _tag: "PingReq", ...sender(9), targetId: about.nodeId, targetAddress: about.address }, a!)
      const asked = lab.now
      yield* pass(2)
      const [ping] = lab.sent(isKind("Ping", a!.name, b!.name), asked)
      assert.strictEqual(ping!.at, asked + 1)
      assert.deepEqual(entriesOf(ping!.message)[0], about)
      yield* pass(2)
      assert.strictEqual(parts(b!).view.incarnation, 1)
      const [suspected, recovered] = a!.changes
        .filter((change) => "member" in change && change.member.id === b!.id)
        .slice(1)
      assert.deepStrictEqual([suspected!._tag, recovered!._tag], ["Suspected", "Recovered"])
    })
  )

  describe("a relayed ACK", () => {
    interface Said {
      /** When, in ms after the PING. */
      readonly after: number
      readonly flags: number
      /** Id, and how far incarnation and heartbeat are ahead of what the target itself last said. */
      readonly entries: ReadonlyArray<readonly [id: number, incarnation: number, heartbeat: number]>
    }

    /** Whether a probe succeeds whose only answer is the given ACK of its relay. */
    const fares = ({ after, entries, flags }: Said) =>
      virtual(
        Effect.gen(function* () {
          const lab = yield* Lab.believing()
          // Only n1 probes, so that nobody else suspects anybody; incarnations are above 0.
          const idle = { probes: { interval: "1 hour" } } as const
          const target = yield* lab.start(2, idle)
          const relay = yield* lab.start(3, { peers: [target.address], ...idle })
          yield* pass(5000)
          const prober = yield* lab.start(1, { peers: [target.address], probes: { suspectTimeout: "1 hour" } })
          const began = lab.now
          yield* pass(4500)
          lab.network.separate([target.name], [prober.name, relay.name], true)
          const cut = lab.now
          const probes = () => lab.sent(isKind("Ping", prober.name, target.name), cut)
          while (probes().length === 0) yield* pass(Interval / 2)
          const { at } = probes()[0]!
          assert.strictEqual((at - began) % Interval, 0)
          const heard = lab.seen.findLast(
            ({ fate, from, to }) => fate === "carried" && from === target.name && to === prober.name
          )!.message
          const { outbox, view } = parts(relay)
          yield* pass(at + after - lab.now)
          const message: Message.Message = {
            _tag: "Ack",
            ...sender(3, view.incarnation, view.table.heartbeat(SelfSlot), flags),
            entries: entries.map(([id, incarnation, heartbeat]) =>
              claim("Alive", id, `10.0.0.${id}:7946`, heard.incarnation + incarnation, heard.heartbeat + heartbeat)
            )
          }
          const to = PackedAddress.pack(NetAddress.inetAddressFromStringUnsafe(prober.address))
          outbox.sendTo(to, Result.getOrThrow(Message.encode(message)))
          yield* pass(at + Interval - lab.now)
          const { counters } = parts(prober).detector
          const suspected = prober.changes.some(({ _tag, ms }) => _tag === "Suspected" && ms === at + Interval)
          assert.strictEqual(suspected, counters.failures === 1)
          assert.strictEqual(counters.savedByRelay, suspected ? 0 : 1)
          return !suspected
        }),
        { wallClock: Date.UTC(2020, 0, 1, 0, 0, 100) }
      )

    const newest = [2, 0, 0] as const

    it.effect("makes the probe succeed when its entry is at least as new as the newest message of the target", () =>
      Effect.gen(function* () {
        assert.isTrue(yield* fares({ after: 700, flags: IndirectAck, entries: [newest] }))
        assert.isTrue(yield* fares({ after: 700, flags: IndirectAck, entries: [[2, 0, 1]] }))
        // The last moment: it arrives 1 ms before the end.
        assert.isTrue(
          yield* fares({
            after: 998,
            flags: IndirectAck,
            entries: [
              [2, 0, 50],
              [3, 0, 0]
            ]
          })
        )
      })
    )

    it.effect("does not count when its entry has an older incarnation or heartbeat", () =>
      Effect.gen(function* () {
        assert.isFalse(yield* fares({ after: 700, flags: IndirectAck, entries: [[2, 0, -1]] }))
        assert.isFalse(yield* fares({ after: 700, flags: IndirectAck, entries: [[2, -1, 1000]] }))
      })
    )

    it.effect(
      "does not count when its first entry is not the target, when it has no entry or no flag, or before a request",
      () =>
        Effect.gen(function* () {
          assert.isFalse(yield* fares({ after: 700, flags: IndirectAck, entries: [[3, 0, 0], newest] }))
          assert.isFalse(yield* fares({ after: 700, flags: IndirectAck, entries: [] }))
          assert.isFalse(yield* fares({ after: 700, flags: 0, entries: [newest] }))
          assert.isFalse(yield* fares({ after: 400, flags: IndirectAck, entries: [newest] }))
        })
    )
  })
})
