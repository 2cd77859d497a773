import { assert as assertEffect, it as itEffect } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { describe, expect, it } from "vitest"
import { DefaultReceiveBuffer, WaitingOverhead } from "../../../src/simulation/network/Host.ts"
import { openAt, pair, refusal } from "./HandAgenda.ts"
import { duo } from "./TextSockets.ts"

describe("a host that is held", () => {
  it("receives nothing until it is released, and then everything in order at that instant, but not on that stack", () => {
    const { agenda, arrivals, hostB, network, outcomes, send } = pair({ latency: 10 })
    expect(hostB.holding).toBe(false)
    hostB.hold()
    expect(hostB.holding).toBe(true)
    send()
    network.link("a", "b").latency = 5
    send()
    agenda.runTo(100)
    expect([arrivals(), hostB.held]).toEqual([[], 2])
    send()
    agenda.runTo(104)
    hostB.release()
    expect([arrivals(), hostB.held, hostB.holding]).toEqual([[], 2, false])
    agenda.runAll()
    expect(hostB.held).toBe(0)
    expect(outcomes.map(({ ms, packet }) => [ms, packet.number])).toEqual([
      [104, 1],
      [104, 0],
      [105, 2]
    ])
  })

  it("still sends", () => {
    const { agenda, arrivals, hostA, send } = pair({ latency: 10 })
    hostA.hold()
    send()
    agenda.runAll()
    expect(arrivals()).toEqual([10])
  })

  it("lets no datagram overtake those that wait", () => {
    const { agenda, hostB, outcomes, send } = pair({ latency: 10 })
    hostB.hold()
    send()
    agenda.runTo(20)
    // Both arrive at the instant of the release: one before it, one between it and the delivery.
    send()
    agenda.at(30, () => hostB.release())
    send()
    agenda.runAll()
    expect(outcomes.map(({ ms, packet }) => [ms, packet.number])).toEqual([
      [30, 0],
      [30, 1],
      [30, 2]
    ])
  })

  it("may be held again during the delivery of waiting datagrams, or before", () => {
    const { agenda, hostB, network, outcomes, send } = pair({ latency: 1 })
    hostB.hold()
    for (let i = 0; i < 4; i++) send()
    agenda.runTo(10)
    hostB.release()
    hostB.hold()
    agenda.runTo(20)
    expect(outcomes).toEqual([])
    const stop = network.observe({ delivered: ({ number }) => number === 1 && hostB.hold() })
    hostB.release()
    agenda.runTo(30)
    expect(outcomes.map(({ ms, packet }) => [ms, packet.number])).toEqual([
      [20, 0],
      [20, 1]
    ])
    expect(hostB.held).toBe(2)
    stop()
    hostB.release()
    agenda.runTo(40)
    expect(outcomes.map(({ packet }) => packet.number)).toEqual([0, 1, 2, 3])
  })

  it("has a receive buffer at each socket, in which each datagram has an overhead", () => {
    const { a, agenda, fates, hostB, network, outcomes, send } = pair()
    expect(hostB.receiveBuffer).toBe(DefaultReceiveBuffer)
    expect(DefaultReceiveBuffer).toBe(212_992)
    openAt(hostB, "10.0.0.2:2")
    hostB.hold()
    const each = 1000 + WaitingOverhead
    const fit = Math.floor(DefaultReceiveBuffer / each)
    for (let i = 0; i < fit + 3; i++) send(1000)
    agenda.runAll()
    expect(hostB.held).toBe(fit)
    expect(fates()).toEqual(["buffer", "buffer", "buffer"])
    expect(outcomes[0]!.packet.number).toBe(fit)
    // The rest has room for exactly this many bytes.
    send(DefaultReceiveBuffer - fit * each - WaitingOverhead + 1)
    send(DefaultReceiveBuffer - fit * each - WaitingOverhead)
    agenda.runAll()
    expect([hostB.held, network.counters.dropped.buffer]).toEqual([fit + 1, 4])
    a.send(1000, "10.0.0.2:2")
    agenda.runAll()
    expect(hostB.held).toBe(fit + 2)
    outcomes.length = 0
    hostB.release()
    agenda.runAll()
    expect(fates()).toEqual(Array.from({ length: fit + 2 }, () => "delivered"))
    // The buffer is empty again.
    hostB.hold()
    for (let i = 0; i < fit + 1; i++) send(1000)
    agenda.runAll()
    expect(hostB.held).toBe(fit)
  })

  it("has a buffer of the given size", () => {
    const { agenda, fates, hostB, send } = pair()
    hostB.receiveBuffer = 2 * WaitingOverhead
    hostB.hold()
    for (let i = 0; i < 3; i++) send(0)
    agenda.runAll()
    expect([hostB.held, fates()]).toEqual([2, ["buffer"]])
  })

  it("drops what waits for a socket that closes, and only that, even if the port is opened again", () => {
    const { a, agenda, b, hostB, outcomes, send } = pair()
    openAt(hostB, "10.0.0.2:2")
    hostB.hold()
    send()
    a.send(0, "10.0.0.2:2")
    agenda.runAll()
    Effect.runSync(Scope.close(b.scope, Exit.void))
    openAt(hostB, "10.0.0.2:1")
    hostB.release()
    agenda.runAll()
    expect(outcomes.map(({ fate, packet }) => [packet.destination.port, fate])).toEqual([
      [1, "unbound"],
      [2, "delivered"]
    ])
  })

  it("drops what waits when it is unplugged", () => {
    const { agenda, fates, hostB, send } = pair()
    hostB.hold()
    send()
    agenda.runAll()
    hostB.release()
    hostB.detach()
    agenda.runAll()
    expect([fates(), hostB.held]).toEqual([["unplugged"], 0])
  })

  itEffect.effect("delivers what waited when it is released, on Effect's clock", () =>
    Effect.gen(function* () {
      const { a, b, hosts } = yield* duo({ latency: 5 })
      hosts[1].hold()
      for (const text of ["1", "2"]) yield* a.send(text, "10.0.0.2:1")
      yield* TestClock.adjust(50)
      assertEffect.deepStrictEqual(b.got, [])
      hosts[1].release()
      assertEffect.deepStrictEqual(b.got, [])
      yield* TestClock.adjust(0)
      assertEffect.deepStrictEqual(
        b.got.map(({ ms, text }) => [ms, text]),
        [
          [50, "1"],
          [50, "2"]
        ]
      )
    })
  )
})

describe("a host that is unplugged", () => {
  it("neither sends nor receives, and datagrams in flight to it do not reach the next owner of its address", () => {
    const { agenda, answer, fates, hostB, network, outcomes, send } = pair({ latency: 10 })
    send()
    hostB.detach()
    answer()
    send()
    const heir = network.host("c", ["10.0.0.2"])
    openAt(heir, "10.0.0.2:1")
    send()
    agenda.runAll()
    expect(outcomes.map(({ fate, packet }) => [packet.number, packet.to, fate])).toEqual([
      [1, "a", "unplugged"],
      [2, "b", "unplugged"],
      [0, "b", "unplugged"],
      [3, "c", "delivered"]
    ])
    expect(fates().filter((fate) => fate === "delivered")).toHaveLength(1)
    expect([hostB.traffic.datagramsIn, heir.traffic.datagramsIn]).toEqual([0, 1])
  })

  it("is replaced by a new host with the same name and address", () => {
    const { agenda, hostB, network, outcomes, send } = pair({ latency: 10 })
    hostB.ingress().cut = true
    hostB.hold()
    send()
    hostB.detach()
    const heir = network.host("b", ["10.0.0.2"])
    expect(heir).not.toBe(hostB)
    openAt(heir, "10.0.0.2:1")
    hostB.detach()
    send()
    agenda.runAll()
    expect(outcomes.map(({ fate, packet }) => [packet.number, fate])).toEqual([
      [0, "cut"],
      [1, "delivered"]
    ])
  })
})

describe("a host", () => {
  it("is found by its name, and has all addresses that it was given", () => {
    const { a, agenda, hostB, network, outcomes } = pair()
    expect(network.host("b", ["10.0.0.2", "10.0.1.2"])).toBe(hostB)
    expect(Effect.runSync(hostB.network.interfaces).map(NetAddress.formatIp)).toEqual(["10.0.0.2", "10.0.1.2"])
    openAt(hostB, "0.0.0.0:5")
    a.send(0, "10.0.0.2:5")
    a.send(0, "10.0.1.2:5")
    agenda.runAll()
    expect(outcomes.map(({ fate, packet }) => [packet.destination.host, fate])).toEqual([
      ["10.0.0.2", "delivered"],
      ["10.0.1.2", "delivered"]
    ])
  })

  it("loses an address that another host gets, with the sockets on it", () => {
    const { agenda, answer, arrivals, hostB, network, outcomes, send } = pair({ latency: 10 })
    send()
    agenda.runTo(5)
    const thief = network.host("thief", ["10.0.0.2"])
    const heard = openAt(thief, "10.0.0.2:1")
    expect(refusal(hostB, "10.0.0.2:3")).toBe("AddressNotAvailable")
    send()
    agenda.runAll()
    expect(outcomes.map(({ fate, packet }) => [packet.to, fate])).toEqual([
      ["b", "unplugged"],
      ["thief", "delivered"]
    ])
    answer()
    heard.send(0, "10.0.0.1:1")
    agenda.runAll()
    expect(arrivals()).toHaveLength(3)
  })

  it("assigns free ports, and fails when there is none", () => {
    const { hostA } = pair()
    openAt(hostA, "10.0.0.1:49153")
    const ports = 65_536 - 49_152
    for (let i = 0; i < ports - 1; i++) openAt(hostA, "10.0.0.1:0")
    expect(refusal(hostA, "10.0.0.1:0")).toBe("AddressInUse")
  })
})
