import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Conditions } from "../../../src/simulation/network/Conditions.ts"
import { generator, pair } from "./HandAgenda.ts"

const length = fc.double({ min: 0, max: 1e6, noNaN: true })

describe("a link", () => {
  it("adds jitter to its latency, the same for the same seed", () => {
    const run = (seed: number) => {
      const { agenda, arrivals, send } = pair({ latency: 20, jitter: { kind: "uniform", most: 30 } }, generator(seed))
      for (let i = 0; i < 200; i++) send()
      agenda.runAll()
      return arrivals()
    }
    const arrivals = run(1)
    expect(arrivals).toHaveLength(200)
    expect(arrivals[0]).toBeGreaterThanOrEqual(20)
    expect(arrivals[0]).toBeLessThan(22)
    expect(arrivals[199]).toBeGreaterThan(48)
    expect(arrivals[199]).toBeLessThan(50)
    expect(run(1)).toEqual(arrivals)
    expect(run(2)).not.toEqual(arrivals)
  })

  it("duplicates the given fraction, marks the copies, and draws a delay for each", () => {
    const { agenda, network, outcomes, send } = pair({ latency: 10, jitter: 5, duplicate: 0.25 })
    for (let i = 0; i < 1000; i++) send(3)
    agenda.runAll()
    const copies = outcomes.filter(({ packet }) => packet.copy)
    expect(copies.length).toBeGreaterThan(200)
    expect(copies.length).toBeLessThan(300)
    expect(outcomes).toHaveLength(1000 + copies.length)
    const { counters } = network
    expect([counters.sent, counters.duplicated, counters.delivered]).toEqual([1000, copies.length, outcomes.length])
    for (const { ms, packet } of copies) {
      const original = outcomes.find((other) => other.packet.number === packet.number && !other.packet.copy)!
      expect(original.ms).not.toBe(ms)
      expect(original.packet.payload).toEqual(packet.payload)
    }
  })

  it("corrupts the given fraction, copies independently, and does not change the sender's bytes", () => {
    const { agenda, network, outcomes, send } = pair({ corrupt: 0.5, duplicate: 1 })
    const payload = Uint8Array.from({ length: 50 }, (_, i) => i)
    const before = payload.slice()
    for (let i = 0; i < 400; i++) send(payload)
    agenda.runAll()
    expect(payload).toEqual(before)
    expect(outcomes).toHaveLength(800)
    const isChanged = (bytes: Uint8Array) => bytes.some((byte, i) => byte !== before[i])
    for (const { packet } of outcomes) expect(isChanged(packet.payload)).toBe(packet.corrupted)
    const corrupted = outcomes.filter(({ packet }) => packet.corrupted)
    expect(network.counters.corrupted).toBe(corrupted.length)
    for (const copy of [true, false]) {
      const part = corrupted.filter(({ packet }) => packet.copy === copy).length
      expect(part).toBeGreaterThan(160)
      expect(part).toBeLessThan(240)
    }
  })

  it("does not corrupt an empty payload", () => {
    const { agenda, network, outcomes, send } = pair({ corrupt: 1 })
    send(0)
    agenda.runAll()
    expect([outcomes[0]!.packet.corrupted, network.counters.corrupted]).toEqual([false, 0])
  })

  it("holds the given fraction back, so that later datagrams overtake", () => {
    const { agenda, network, outcomes, send } = pair({ latency: 10, reorder: 0.2, reorderBy: 7 })
    for (let ms = 0; ms < 500; ms++) {
      agenda.runTo(ms)
      send()
    }
    agenda.runAll()
    const late = outcomes.filter(({ ms, packet }) => ms - packet.sentAt === 17)
    expect(late.length).toBeGreaterThan(70)
    expect(late.length).toBeLessThan(130)
    expect(outcomes.filter(({ ms, packet }) => ms - packet.sentAt === 10)).toHaveLength(500 - late.length)
    const order = outcomes.map(({ packet }) => packet.number)
    expect(order).not.toEqual(order.toSorted((a, b) => a - b))
    network.link("a", "b").reorder = 0
    outcomes.length = 0
    for (let i = 0; i < 50; i++) send()
    agenda.runAll()
    expect(new Set(outcomes.map(({ ms, packet }) => ms - packet.sentAt))).toEqual(new Set([10]))
  })

  it("drops datagrams that are longer than its MTU with the headers of their family", () => {
    const { agenda, fates, network, outcomes, send } = pair({ mtu: 128 })
    network.host("a", ["fd00::1"])
    network.host("c", ["fd00::2"])
    send(100)
    send(101)
    agenda.runAll()
    expect(fates()).toEqual(["oversize", "delivered"])
    expect(outcomes[1]!.packet.payload).toHaveLength(100)
    outcomes.length = 0
    network.inject(new Uint8Array(80), "[fd00::9]:1", "[fd00::2]:1")
    network.inject(new Uint8Array(81), "[fd00::9]:1", "[fd00::2]:1")
    agenda.runAll()
    expect(outcomes.map(({ fate, packet }) => [packet.payload.length, fate])).toEqual([
      [81, "oversize"],
      [80, "unbound"]
    ])
  })
})

describe("a path", () => {
  /** Pins every condition but the loss, so that delays can be summed. */
  const delays = fc.record({ latency: length, reorder: fc.constantFrom(0, 1), reorderBy: length })
  const sum = (parts: ReadonlyArray<Partial<Conditions>>) =>
    parts.reduce((ms, { latency = 0, reorder = 0, reorderBy = 0 }) => ms + latency + reorder * reorderBy, 0)

  it("has the sum of the delays of egress, link and ingress", () => {
    fc.assert(
      fc.property(delays, delays, delays, (egress, link, ingress) => {
        const { agenda, answer, arrivals, hostA, hostB, network, outcomes, send } = pair({ latency: 3 })
        Object.assign(hostA.egress(), egress)
        Object.assign(network.link("a", "b"), link)
        Object.assign(hostB.ingress(), ingress)
        send()
        agenda.runAll()
        expect(arrivals()).toHaveLength(1)
        expect(arrivals()[0]).toBeCloseTo(sum([egress, link, ingress]), 6)
        // The opposite direction has the defaults.
        outcomes.length = 0
        const from = agenda.now()
        answer()
        agenda.runAll()
        expect(arrivals()[0]).toBeCloseTo(from + 3, 6)
      })
    )
  })

  it("loses datagrams at each part independently", () => {
    const { agenda, fates, hostA, hostB, network, send } = pair({ loss: 0.2 })
    hostA.egress().loss = 0.5
    hostB.ingress().loss = 0.25
    for (let i = 0; i < 4000; i++) send()
    agenda.runAll()
    const arrived = fates().filter((fate) => fate === "delivered").length / 4000
    expect(arrived).toBeGreaterThan(0.3 - 0.03)
    expect(arrived).toBeLessThan(0.3 + 0.03)
    expect(network.counters.dropped.lost + network.counters.delivered).toBe(4000)
  })

  it("is cut if any part is cut", () => {
    const { agenda, answer, fates, hostA, hostB, network, outcomes, send } = pair()
    const parts = [hostA.egress(), network.link("a", "b"), hostB.ingress()]
    for (const part of parts) {
      part.cut = true
      send()
      answer()
      agenda.runAll()
      expect(fates().toSorted()).toEqual(["cut", "delivered"])
      expect(outcomes.find(({ fate }) => fate === "cut")!.packet.from).toBe("a")
      part.cut = false
      outcomes.length = 0
    }
    network.defaults.cut = true
    send()
    answer()
    agenda.runAll()
    // The link from a to b was changed, so it no longer follows the defaults.
    expect(outcomes.map(({ fate, packet }) => [packet.from, fate])).toEqual([
      ["b", "cut"],
      ["a", "delivered"]
    ])
  })

  it("applies the conditions at the time when the datagram reaches each part", () => {
    const { agenda, fates, hostA, hostB, send } = pair({ latency: 10 })
    hostA.egress().latency = 5
    hostB.ingress().latency = 5
    send()
    agenda.runTo(4)
    hostA.egress().cut = true
    agenda.runTo(14)
    hostB.ingress().cut = true
    agenda.runAll()
    expect(fates()).toEqual(["cut"])
    hostA.egress().cut = false
    send()
    agenda.runTo(29)
    hostB.ingress().cut = false
    agenda.runAll()
    expect(fates()).toEqual(["cut", "delivered"])
  })

  it("from a host to itself is the link only", () => {
    const { a, agenda, arrivals, hostA, network } = pair({ latency: 2 })
    Object.assign(hostA.egress(), { cut: true, latency: 100 })
    Object.assign(hostA.ingress(), { cut: true, latency: 100 })
    a.send(0, "10.0.0.1:1")
    agenda.runAll()
    network.link("a", "a").latency = 1
    a.send(0, "10.0.0.1:1")
    agenda.runAll()
    expect(arrivals()).toEqual([2, 3])
  })

  it("follows the defaults until its link is changed", () => {
    const { agenda, answer, arrivals, network, send } = pair({ latency: 5 })
    expect(network.link("a", "b").latency).toBe(5)
    network.defaults.latency = 50
    send()
    answer()
    agenda.runAll()
    expect(arrivals()).toEqual([5, 50])
    expect(network.link("a", "b")).toBe(network.link("a", "b"))
  })
})
