/** Refusals: which datagrams are answered by ICMP port unreachable, and which sockets learn of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import type { Host } from "../../../src/simulation/network/Host.ts"
import type { VirtualNetwork } from "../../../src/simulation/network/VirtualNetwork.ts"
import * as MonotonicTime from "../../../src/time/MonotonicTime.ts"
import { duo, open } from "./TextSockets.ts"

const timeout = 1000

/** Starts to probe a port of `b`. The fiber gives the answer with the time in ms that it took. */
const start = (from: Host, target = "10.0.0.2:7") =>
  Effect.gen(function* () {
    const { probePort } = from.network
    if (probePort === undefined) return yield* Effect.die("no port probes")
    const clock = yield* TestClock.testClockWith(Effect.succeed)
    const began = MonotonicTime.millis(clock)
    const address = NetAddress.inetAddressFromStringUnsafe(target)
    return yield* probePort({ target: address, payload: Uint8Array.of(1), timeout }).pipe(
      Effect.map((answer) => ({
        tag: answer._tag,
        text: answer._tag === "Replied" ? new TextDecoder().decode(answer.payload) : "",
        after: MonotonicTime.millis(clock) - began
      })),
      Effect.forkChild({ startImmediately: true })
    )
  })

const probe = (from: Host, target?: string) =>
  Effect.gen(function* () {
    const fiber = yield* start(from, target)
    yield* TestClock.adjust(timeout)
    return yield* Fiber.join(fiber)
  })

const refused = (after: number) => ({ tag: "Refused", text: "", after })
const silent = { tag: "Silent", text: "", after: timeout }

describe("a port probe on a virtual network", () => {
  it.effect("is refused by a host without a socket at the port, after the delay of both directions", () =>
    Effect.gen(function* () {
      const { hosts, network, seen } = yield* duo({ latency: 5 })
      network.link("b", "a").latency = 7
      assert.deepStrictEqual(yield* probe(hosts[0]), refused(12))
      assert.deepStrictEqual(
        seen.map(({ fate, from, to }) => [from, to, fate]),
        [["a", "b", "unbound"]]
      )
      const { dropped, refused: refusals, sent } = network.counters
      assert.deepStrictEqual([sent, dropped.unbound, refusals], [1, 1, 1])
    })
  )

  it.effect("gets the reply of the socket at the port", () =>
    Effect.gen(function* () {
      const { b, hosts } = yield* duo({ latency: 5 })
      const fiber = yield* start(hosts[0], "10.0.0.2:1")
      yield* TestClock.adjust(5)
      yield* b.send("pong", b.got[0]!.from)
      yield* TestClock.adjust(timeout)
      assert.deepStrictEqual(yield* Fiber.join(fiber), { tag: "Replied", text: "pong", after: 10 })
    })
  )

  it.effect("accepts a reply from the target only, and leaves no socket behind", () =>
    Effect.gen(function* () {
      const { b, hosts, network, seen } = yield* duo({ latency: 5 })
      const other = yield* open(hosts[1], "10.0.0.2:2")
      const fiber = yield* start(hosts[0], "10.0.0.2:1")
      yield* TestClock.adjust(5)
      const { from } = b.got[0]!
      yield* other.send("not asked", from)
      yield* TestClock.adjust(timeout)
      assert.deepStrictEqual(yield* Fiber.join(fiber), silent)
      yield* b.send("late", from)
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(
        seen.map(({ fate }) => fate),
        ["carried", "unbound", "unbound"]
      )
      assert.strictEqual(network.counters.refused, 0)
    })
  )

  const silences: ReadonlyArray<readonly [string, (network: VirtualNetwork, b: Host) => unknown]> = [
    ["the host is unplugged", (_, b) => b.detach()],
    ["the link is cut", (network) => (network.link("a", "b").cut = true)],
    ["the link back is cut", (network) => (network.link("b", "a").cut = true)],
    ["the link back loses the refusal", (network) => (network.link("b", "a").loss = 1)],
    ["the hosts are partitioned", (network) => network.partition([["a"], ["b"]])]
  ]
  it.effect.each(silences)("gets no answer if %s", ([, arrange]) =>
    Effect.gen(function* () {
      const { hosts, network } = yield* duo()
      arrange(network, hosts[1])
      assert.deepStrictEqual(yield* probe(hosts[0]), silent)
      assert.strictEqual(network.counters.refused, 0)
    })
  )

  it.effect("gets no answer from an address that no host has", () =>
    Effect.gen(function* () {
      const { hosts } = yield* duo()
      assert.deepStrictEqual(yield* probe(hosts[0], "10.0.0.9:1"), silent)
    })
  )

  const rejections: ReadonlyArray<readonly [string, (network: VirtualNetwork, a: Host, b: Host) => unknown]> = [
    ["the link", (network) => (network.link("a", "b").reject = 1)],
    ["the egress of its own host", (_, a) => (a.egress().reject = 1)],
    ["the ingress of the other host", (_, __, b) => (b.ingress().reject = 1)]
  ]
  it.effect.each(rejections)("is refused although the process runs, if %s rejects datagrams", ([, arrange]) =>
    Effect.gen(function* () {
      const { a, b, hosts, network, seen } = yield* duo({ latency: 5 })
      arrange(network, ...hosts)
      const { tag } = yield* probe(hosts[0], "10.0.0.2:1")
      assert.strictEqual(tag, "Refused")
      yield* a.send("unconnected", "10.0.0.2:1")
      yield* TestClock.adjust(timeout)
      assert.deepStrictEqual(
        seen.map(({ fate }) => fate),
        ["rejected", "rejected"]
      )
      // Only a connected socket learns of it.
      assert.strictEqual(network.counters.refused, 1)
      assert.deepStrictEqual([b.got, network.reaches("a", "b")], [[], false])
      network.heal()
      assert.isTrue(network.reaches("a", "b"))
      yield* a.send("healed", "10.0.0.2:1")
      yield* TestClock.adjust(5)
      assert.strictEqual(b.got[0]?.text, "healed")
    })
  )

  it.effect("is refused sometimes by a link that rejects some datagrams", () =>
    Effect.gen(function* () {
      const { hosts, network } = yield* duo()
      network.link("a", "b").reject = 0.5
      const answers = yield* Effect.forEach(Array.from({ length: 40 }), () => probe(hosts[0], "10.0.0.2:1"))
      assert.sameMembers([...new Set(answers.map(({ tag }) => tag))], ["Refused", "Silent"])
      assert.isTrue(network.reaches("a", "b"))
    })
  )

  it.effect("reports a refusal to a process that does not read as soon as it reads again", () =>
    Effect.gen(function* () {
      const { hosts } = yield* duo({ latency: 5 })
      hosts[0].hold()
      const fiber = yield* start(hosts[0])
      yield* TestClock.adjust(100)
      hosts[0].release()
      yield* TestClock.adjust(timeout)
      assert.deepStrictEqual(yield* Fiber.join(fiber), refused(100))
    })
  )
})

describe("a host whose process has ended", () => {
  it.effect("refuses, sends nothing, and opens no socket", () =>
    Effect.gen(function* () {
      const { a, b, hosts, network, seen } = yield* duo({ latency: 5 })
      hosts[1].hold()
      yield* a.send("too late", "10.0.0.2:1")
      yield* TestClock.adjust(10)
      assert.strictEqual(hosts[1].held, 1)
      hosts[1].exit()
      assert.deepStrictEqual([hosts[1].held, hosts[1].holding], [0, false])
      yield* b.send("from nobody", "10.0.0.1:1")
      assert.strictEqual((yield* Effect.exit(open(hosts[1], "10.0.0.2:3")))._tag, "Failure")
      assert.deepStrictEqual(yield* probe(hosts[0], "10.0.0.2:1"), refused(10))
      assert.deepStrictEqual(
        seen.map(({ fate }) => fate),
        ["unbound", "unbound"]
      )
      assert.deepStrictEqual([a.got, network.counters.refused], [[], 1])
    })
  )

  it.effect("is replaced by a new host with its name and address", () =>
    Effect.gen(function* () {
      const { a, hosts, network } = yield* duo({ latency: 5 })
      hosts[1].exit()
      const next = network.host("b", ["10.0.0.2"])
      assert.notStrictEqual(next, hosts[1])
      const socket = yield* open(next, "10.0.0.2:1")
      hosts[1].exit()
      yield* a.send("hello", "10.0.0.2:1")
      yield* TestClock.adjust(5)
      assert.strictEqual(socket.got[0]?.text, "hello")
    })
  )
})
