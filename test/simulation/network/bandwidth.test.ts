import * as fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import * as Conditions from "../../../src/simulation/network/Conditions.ts"
import { Hop } from "../../../src/simulation/network/Hop.ts"
import { VirtualHost } from "../../../src/simulation/network/VirtualHost.ts"
import { openAt, pair } from "./HandAgenda.ts"

describe("a bandwidth", () => {
  it("sends datagrams one after the other, and counts their headers", () => {
    // 1 byte per ms. A datagram of 72 bytes is 100 with headers.
    const { agenda, arrivals, send } = pair({ latency: 1000, bandwidth: 1000 })
    for (const bytes of [72, 72, 172, 22]) send(bytes)
    agenda.runTo(300)
    send(72)
    agenda.runTo(2000)
    send(0)
    agenda.runAll()
    expect(arrivals()).toEqual([1100, 1200, 1400, 1450, 1550, 3028])
  })

  it("counts the longer headers of IPv6", () => {
    const { agenda, network, outcomes } = pair({ bandwidth: 1000 })
    network.host("c", ["fd00::2"])
    network.inject(new Uint8Array(52), "[fd00::9]:1", "[fd00::2]:1")
    agenda.runAll()
    expect(outcomes.map(({ ms }) => ms)).toEqual([100])
  })

  it("belongs to each pair and direction by default", () => {
    const { a, agenda, answer, arrivals, network, send } = pair({ bandwidth: 1000 })
    openAt(network.host("c", ["10.0.0.3"]), "10.0.0.3:1")
    send(72)
    a.send(72, "10.0.0.3:1")
    answer(72)
    send(72)
    agenda.runAll()
    expect(arrivals()).toEqual([100, 100, 100, 200])
  })

  it("of egress and ingress is shared by all datagrams of a host", () => {
    const { a, agenda, arrivals, hostA, hostB, network, outcomes, send } = pair({ latency: 10 })
    const c = openAt(network.host("c", ["10.0.0.3"]), "10.0.0.3:1")
    hostA.egress().bandwidth = 1000
    send(72)
    a.send(72, "10.0.0.3:1")
    agenda.runAll()
    expect(arrivals()).toEqual([110, 210])
    outcomes.length = 0
    hostA.egress().bandwidth = Infinity
    hostB.ingress().bandwidth = 1000
    network.link("a", "b").latency = 60
    const from = agenda.now()
    send(72)
    agenda.runTo(from + 20)
    c.send(72, "10.0.0.2:1")
    agenda.runAll()
    // The datagram of C arrives first, at 30, so that of A waits from 60 on.
    expect(outcomes.map(({ ms, packet }) => [packet.from, ms - from])).toEqual([
      ["c", 130],
      ["a", 230]
    ])
  })

  it("drops a datagram that does not fit in the queue, in which the rest of the datagram being sent counts", () => {
    const { agenda, arrivals, fates, network, send } = pair({ bandwidth: 1000, queue: 250 })
    send(72)
    send(72)
    // 200 are unsent, so there is room for 50 more.
    send(23)
    send(22)
    send(0)
    expect(fates()).toEqual(["queue", "queue"])
    // 70 of the 250 bytes have been sent by then.
    agenda.runTo(70)
    send(43)
    send(42)
    expect(fates()).toEqual(["queue", "queue", "queue"])
    expect(network.counters.dropped.queue).toBe(3)
    agenda.runAll()
    expect(arrivals()).toEqual([100, 200, 250, 320])
  })

  it("with a queue of 0 sends a datagram that need not wait, however long it is", () => {
    const { agenda, arrivals, fates, send } = pair({ bandwidth: 1000, queue: 0 })
    send(972)
    send(0)
    agenda.runTo(999)
    send(0)
    agenda.runTo(1000)
    send(72)
    agenda.runAll()
    expect(fates()).toEqual(["queue", "queue", "delivered", "delivered"])
    expect(arrivals()).toEqual([1000, 1100])
  })

  it("is used by datagrams that are lost, but not by copies or by datagrams that are too long", () => {
    const { agenda, arrivals, network, outcomes, send } = pair({ bandwidth: 1000, mtu: 200 })
    network.link("a", "b").loss = 1
    send(72)
    network.link("a", "b").loss = 0
    send(173)
    network.link("a", "b").duplicate = 1
    send(72)
    send(72)
    agenda.runAll()
    expect(arrivals()).toEqual([200, 200, 300, 300])
    expect(outcomes.filter(({ packet }) => packet.copy)).toHaveLength(2)
  })

  it("may be changed for later datagrams", () => {
    const { agenda, arrivals, network, send } = pair({ bandwidth: 1000 })
    send(72)
    network.defaults.bandwidth = 10_000
    send(72)
    agenda.runTo(110)
    network.defaults.bandwidth = Infinity
    send(72)
    agenda.runAll()
    expect(arrivals()).toEqual([100, 110, 110])
  })

  it("keeps state for a pair only while the pair uses it", () => {
    const { a, agenda, arrivals, hostA, network } = pair({ bandwidth: 1000 })
    const addresses = Array.from({ length: 400 }, (_, i) => `10.1.${i >> 8}.${i & 255}`)
    for (const [i, address] of addresses.entries()) openAt(network.host(`h${i}`, [address]), `${address}:1`)
    const some = addresses.slice(0, 200)
    for (let i = 0; i < 2; i++) for (const address of some) a.send(72, `${address}:1`)
    agenda.runAll()
    expect(arrivals().filter((ms) => ms === 100)).toHaveLength(200)
    expect(arrivals().filter((ms) => ms === 200)).toHaveLength(200)
    assert(hostA instanceof VirtualHost)
    expect(hostA.lines.size).toBe(200)
    for (const address of addresses.slice(200)) {
      a.send(72, `${address}:1`)
      agenda.runAll()
    }
    expect(hostA.lines.size).toBeLessThan(200)
  })
})

describe("the line of a hop", () => {
  const offers = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 300 }), bytes: fc.integer({ min: 1, max: 99 }) })
  )

  it("behaves like a queue of bytes", () => {
    fc.assert(
      // Each byte takes a whole number of ms, so that the model is exact.
      fc.property(offers, fc.constantFrom(1, 2, 4, 5), fc.integer({ min: 0, max: 400 }), (offers, msEach, queue) => {
        const hop = new Hop(Conditions.make({ bandwidth: 1000 / msEach, queue }))
        let unsentMs = 0
        let now = 0
        for (const { after, bytes } of offers) {
          now += after
          unsentMs = Math.max(0, unsentMs - after)
          expect(hop.isIdle(now)).toBe(unsentMs === 0)
          // Less than half a byte rounds to 0.
          const unsent = Math.round(unsentMs / msEach)
          const fits = unsent === 0 || unsent + bytes <= queue
          if (fits) unsentMs += bytes * msEach
          expect(hop.take(bytes, now)).toBe(fits ? unsentMs : -1)
        }
      })
    )
  })
})
