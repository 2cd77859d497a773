import { Context, Effect, type Fiber, Scheduler } from "effect"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Conditions } from "../../../src/simulation/network/Conditions.ts"
import type { Packet } from "../../../src/simulation/network/Packet.ts"
import type { Host } from "../../../src/simulation/network/Host.ts"
import { VirtualNetwork } from "../../../src/simulation/network/VirtualNetwork.ts"
import { TaskQueue } from "../../../src/simulation/time/TaskQueue.ts"
import { generator, HandAgenda, openAt, pair } from "./HandAgenda.ts"

describe("an observer", () => {
  it("gets each datagram when it is sent, dropped and delivered, with all its fields", () => {
    const { a, agenda, hostB, network } = pair({ latency: 10 })
    const seen: Array<readonly [number, string, Packet]> = []
    network.observe({
      sent: (packet) => seen.push([agenda.now(), "sent", packet]),
      dropped: (packet, reason) => seen.push([agenda.now(), reason, packet]),
      delivered: (packet) => seen.push([agenda.now(), "delivered", packet])
    })
    const payload = new Uint8Array([1, 2, 3])
    agenda.runTo(5)
    a.send(payload, "10.0.0.2:1")
    a.send(payload, "10.0.0.2:9")
    a.send(payload, "10.0.0.9:1")
    agenda.runTo(12)
    hostB.detach()
    a.send(payload, "10.0.0.2:1")
    agenda.runAll()
    expect(seen.map(([ms, what, { number }]) => [ms, what, number])).toEqual([
      [5, "sent", 0],
      [5, "sent", 1],
      [5, "sent", 2],
      [5, "unbound", 2],
      [12, "sent", 3],
      [12, "unplugged", 3],
      [15, "unplugged", 0],
      [15, "unplugged", 1]
    ])
    const first = seen[0]![2]
    expect(first).toMatchObject({
      number: 0,
      sentAt: 5,
      from: "a",
      to: "b",
      source: { host: "10.0.0.1", port: 1 },
      destination: { host: "10.0.0.2", port: 1 },
      forged: false,
      copy: false,
      corrupted: false
    })
    expect(first.payload).toBe(payload)
    expect(seen[6]![2]).toBe(first)
    expect(seen[2]![2]).toMatchObject({ to: "10.0.0.9", destination: { host: "10.0.0.9", port: 1 } })
    expect(seen[4]![2].to).toBe("b")
  })

  it("gets nothing after it is removed, and other observers still do", () => {
    const { network, send } = pair()
    const seen: Array<string> = []
    const stopFirst = network.observe({
      sent: () => {
        seen.push("first")
        stopFirst()
      }
    })
    network.observe({ sent: () => seen.push("second") })
    send()
    send()
    stopFirst()
    send()
    expect(seen).toEqual(["first", "second", "second", "second"])
  })

  it("may change the conditions for a datagram that is being sent", () => {
    const { agenda, fates, network, send } = pair()
    network.observe({ sent: ({ number }) => (network.link("a", "b").cut = number === 1) })
    for (let i = 0; i < 3; i++) send()
    agenda.runAll()
    expect(fates()).toEqual(["cut", "delivered", "delivered"])
  })
})

describe("the counters", () => {
  it("count datagrams and bytes, for the network and for each host", () => {
    const { a, agenda, answer, hostA, hostB, network, send } = pair()
    send(100)
    send(50)
    answer(7)
    a.send(5, "10.0.0.2:9")
    a.send(5, "10.0.0.9:1")
    network.inject(new Uint8Array(3), "10.9.9.9:9", "10.0.0.2:1")
    network.link("a", "b").cut = true
    send(1000)
    agenda.runAll()
    expect(network.counters).toEqual({
      sent: 6,
      sentBytes: 1167,
      injected: 1,
      duplicated: 0,
      corrupted: 0,
      delivered: 4,
      deliveredBytes: 160,
      refused: 0,
      dropped: { cut: 1, rejected: 0, lost: 0, oversize: 0, queue: 0, buffer: 0, unplugged: 0, unbound: 2 }
    })
    expect(hostA.traffic).toEqual({ datagramsOut: 5, bytesOut: 1160, datagramsIn: 1, bytesIn: 7 })
    expect(hostB.traffic).toEqual({ datagramsOut: 1, bytesOut: 7, datagramsIn: 3, bytesIn: 153 })
  })

  const rates = fc.constantFrom(0, 0.1, 0.5)
  const some: fc.Arbitrary<Partial<Conditions>> = fc.record(
    {
      latency: fc.constantFrom(0, 3),
      jitter: fc.constantFrom(0, 20),
      loss: rates,
      duplicate: rates,
      corrupt: rates,
      reorder: rates,
      reject: rates,
      cut: fc.constantFrom(false, false, false, true),
      bandwidth: fc.constantFrom(Infinity, 5000),
      queue: fc.constantFrom(Infinity, 200),
      mtu: fc.constantFrom(Infinity, 100)
    },
    { requiredKeys: [] }
  )
  const step = fc.record({
    do: fc.constantFrom(
      "send",
      "send",
      "send",
      "answer",
      "inject",
      "hold",
      "release",
      "part",
      "heal",
      "nowhere",
      "probe"
    ),
    bytes: fc.integer({ min: 0, max: 120 }),
    after: fc.integer({ min: 0, max: 9 })
  })

  /** Probes a port without a socket. The timeout is longer than any test. */
  const probe = ({ network: { probePort } }: Host, bytes: number, tasks: TaskQueue) => {
    if (probePort === undefined) throw new Error("no port probes")
    const target = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:7")
    const fork = Effect.runForkWith(Context.make(Scheduler.Scheduler, tasks))
    const fiber = fork(probePort({ target, payload: new Uint8Array(bytes), timeout: "1 hour" }))
    tasks.drain()
    return fiber
  }

  /** A random history, as the list of its outcomes. */
  const history = (
    parts: ReadonlyArray<Partial<Conditions>>,
    steps: ReadonlyArray<{ readonly do: string; readonly bytes: number; readonly after: number }>,
    seed: number
  ) => {
    const { a, agenda, answer, hostA, hostB, network, outcomes, send } = pair(parts[0], generator(seed))
    Object.assign(network.link("a", "b"), parts[1])
    Object.assign(hostA.egress(), parts[2])
    Object.assign(hostB.ingress(), parts[3])
    const tasks = new TaskQueue()
    const probes: Array<Fiber.Fiber<unknown>> = []
    for (const { after, bytes, do: what } of steps) {
      if (what === "send") send(bytes)
      if (what === "answer") answer(bytes)
      if (what === "inject") network.inject(new Uint8Array(bytes), "10.0.0.1:1", "10.0.0.2:1")
      if (what === "hold") hostB.hold()
      if (what === "release") hostB.release()
      if (what === "part") network.partition([["a"]])
      if (what === "heal") network.heal()
      if (what === "nowhere") a.send(bytes, "10.0.0.2:7")
      if (what === "probe") probes.push(probe(hostA, bytes, tasks))
      agenda.runTo(agenda.now() + after)
    }
    hostB.release()
    agenda.runAll()
    for (const fiber of probes) fiber.interruptUnsafe()
    tasks.drain()
    return { network, told: outcomes.map(({ fate, ms, packet }) => [ms, fate, packet.number, [...packet.payload]]) }
  }

  it("account for every datagram, and one seed has one history", () => {
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 4, maxLength: 4 }),
        fc.array(step, { maxLength: 60 }),
        fc.integer(),
        (parts, steps, seed) => {
          const { network, told } = history(parts, steps, seed)
          const { delivered, dropped, duplicated, injected, refused, sent } = network.counters
          const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0)
          expect(delivered + lost).toBe(sent + injected + duplicated)
          expect(told).toHaveLength(delivered + lost)
          expect(refused).toBeLessThanOrEqual(dropped.unbound + dropped.rejected)
          expect(history(parts, steps, seed).told).toEqual(told)
        }
      )
    )
  })
})

describe("the default conditions", () => {
  it("draw no random number", () => {
    let drawn = 0
    const { agenda, fates, hostA, hostB, network, send } = pair({ latency: 1 }, () => ++drawn)
    hostA.egress()
    hostB.ingress()
    network.link("b", "a")
    for (let i = 0; i < 10; i++) send(100)
    agenda.runAll()
    expect([drawn, fates().length]).toEqual([0, 10])
  })

  it("use one callback for all datagrams that arrive at a host at one instant, with changed links too", () => {
    const agenda = new HandAgenda()
    let asked = 0
    const network = new VirtualNetwork(
      {
        now: agenda.now,
        at: (ms, run) => {
          asked++
          agenda.at(ms, run)
        }
      },
      () => 0,
      { latency: 1 }
    )
    const hosts = [network.host("a", ["10.0.0.1"]), network.host("b", ["10.0.0.2"])] as const
    const { send } = openAt(hosts[0], "10.0.0.1:1")
    openAt(hosts[1], "10.0.0.2:1")
    hosts[0].egress()
    hosts[1].ingress()
    for (let i = 0; i < 10; i++) send(1, "10.0.0.2:1")
    network.defaults.latency = 2
    for (let i = 0; i < 10; i++) send(1, "10.0.0.2:1")
    agenda.runAll()
    expect([asked, network.counters.delivered]).toEqual([2, 20])
  })
})

describe("an injected datagram", () => {
  it("has the given source, and passes a link with default conditions and the ingress of the target", () => {
    const { agenda, hostA, hostB, network, outcomes } = pair({ latency: 10 })
    const seen: Array<Packet> = []
    network.observe({ sent: (packet) => seen.push(packet) })
    // None of these is on its path.
    hostA.egress().cut = true
    network.link("a", "b").cut = true
    network.partition([["a"]])
    hostB.ingress().latency = 5
    expect(network.inject(new Uint8Array([7]), "10.0.0.1:1", "10.0.0.2:1")).toBe(true)
    expect(outcomes).toEqual([])
    agenda.runAll()
    expect(outcomes.map(({ fate, ms }) => [ms, fate])).toEqual([[15, "delivered"]])
    expect(outcomes[0]!.packet).toBe(seen[0])
    expect(seen[0]).toMatchObject({
      forged: true,
      from: "10.0.0.1",
      to: "b",
      source: { host: "10.0.0.1", port: 1 },
      destination: { host: "10.0.0.2", port: 1 }
    })
    expect(hostA.traffic.datagramsOut).toBe(0)
    hostB.ingress().cut = true
    network.inject(new Uint8Array([7]), "10.0.0.1:1", "10.0.0.2:1")
    agenda.runAll()
    hostB.ingress().cut = false
    network.defaults.cut = true
    network.inject(new Uint8Array([7]), "10.0.0.1:1", "10.0.0.2:1")
    agenda.runAll()
    expect(outcomes.slice(1).map(({ fate }) => fate)).toEqual(["cut", "cut"])
  })

  it("accepts any spelling, and needs an address and a port at both ends", () => {
    const { agenda, network, outcomes } = pair()
    expect(network.inject(new Uint8Array(1), "[fd00:0::0:1]:5", "[::ffff:10.0.0.2]:1")).toBe(true)
    agenda.runAll()
    expect(outcomes[0]).toMatchObject({ fate: "delivered", packet: { source: { host: "fd00::1", port: 5 } } })
    for (const wrong of ["", "10.0.0.1", "10.0.0.1:x", "somewhere:1", "10.0.0.1:65536"]) {
      expect(network.inject(new Uint8Array(1), wrong, "10.0.0.2:1")).toBe(false)
      expect(network.inject(new Uint8Array(1), "10.0.0.2:1", wrong)).toBe(false)
    }
    expect(network.counters.injected).toBe(1)
  })
})
