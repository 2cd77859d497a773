import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import type { Host } from "../../../src/simulation/network/Host.ts"
import * as VirtualNetwork from "../../../src/simulation/network/VirtualNetwork.ts"
import { duo, open } from "./TextSockets.ts"

const openFails = (host: Host, at: string) =>
  Effect.map(Effect.flip(open(host, at)), ({ reason }) => ("kind" in reason ? reason.kind : reason._tag))

describe("the virtual network", () => {
  it.effect("delivers a datagram after exactly the latency of its link, which each direction has of its own", () =>
    Effect.gen(function* () {
      const { a, b, network } = yield* duo({ latency: 5 })
      network.link("b", "a").latency = 70
      yield* a.send("there", "10.0.0.2:1")
      yield* b.send("back", "10.0.0.1:1")
      yield* TestClock.adjust(4)
      assert.deepStrictEqual(b.got, [])
      yield* TestClock.adjust(96)
      assert.deepStrictEqual(b.got, [{ ms: 5, from: "10.0.0.1:1", text: "there" }])
      assert.deepStrictEqual(a.got, [{ ms: 70, from: "10.0.0.2:1", text: "back" }])
    })
  )

  it.effect("keeps the order of datagrams that arrive together, and lets a faster one overtake", () =>
    Effect.gen(function* () {
      const { a, b, network } = yield* duo({ latency: 10 })
      for (const text of ["1", "2", "3"]) yield* a.send(text, "10.0.0.2:1")
      network.link("a", "b").latency = 2
      yield* a.send("4", "10.0.0.2:1")
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(
        b.got.map(({ ms, text }) => [ms, text]),
        [
          [2, "4"],
          [10, "1"],
          [10, "2"],
          [10, "3"]
        ]
      )
    })
  )

  it.effect("loses no datagram at a loss of 0, all at 1, and about the given part otherwise, by seed", () =>
    Effect.gen(function* () {
      const run = (loss: number, seed: string) =>
        Effect.gen(function* () {
          const { a, b, seen } = yield* duo({ loss })
          for (let i = 0; i < 400; i++) yield* a.send(String(i), "10.0.0.2:1")
          yield* TestClock.adjust(1)
          assert.strictEqual(seen.filter(({ fate }) => fate === "carried").length, b.got.length)
          return { fates: seen.map(({ fate }) => fate).join(" "), arrived: b.got.length }
        }).pipe(Effect.scoped, Random.withSeed(seed))
      assert.strictEqual((yield* run(0, "x")).arrived, 400)
      assert.strictEqual((yield* run(1, "x")).arrived, 0)
      const first = yield* run(0.3, "x")
      assert.isAtLeast(first.arrived, 240)
      assert.isAtMost(first.arrived, 320)
      assert.deepStrictEqual(yield* run(0.3, "x"), first)
      assert.notStrictEqual((yield* run(0.3, "y")).fates, first.fates)
    })
  )

  it.effect(
    "delivers nothing over a cut link in that direction, and nothing across a separation, until it is healed",
    () =>
      Effect.gen(function* () {
        const { a, b, network, seen } = yield* duo()
        const both = Effect.gen(function* () {
          a.got.length = 0
          b.got.length = 0
          seen.length = 0
          yield* a.send("x", "10.0.0.2:1")
          yield* b.send("y", "10.0.0.1:1")
          yield* TestClock.adjust(1)
          return [b.got.length, a.got.length, ...seen.map(({ fate }) => fate)]
        })
        network.link("a", "b").cut = true
        assert.deepStrictEqual(yield* both, [0, 1, "cut", "carried"])
        network.separate(["a"], ["b"], true)
        assert.deepStrictEqual(yield* both, [0, 0, "cut", "cut"])
        network.separate(["a"], ["b"], false)
        assert.deepStrictEqual(yield* both, [1, 1, "carried", "carried"])
      })
  )

  it.effect("delivers datagrams in flight when a link is cut, but not to a host that is unplugged", () =>
    Effect.gen(function* () {
      const { a, b, hosts, network } = yield* duo({ latency: 5 })
      yield* a.send("1", "10.0.0.2:1")
      network.link("a", "b").cut = true
      yield* TestClock.adjust(5)
      assert.strictEqual(b.got.length, 1)
      network.link("a", "b").cut = false
      yield* a.send("2", "10.0.0.2:1")
      hosts[1].detach()
      yield* TestClock.adjust(10)
      assert.strictEqual(b.got.length, 1)
      yield* b.send("3", "10.0.0.1:1")
      yield* a.send("4", "10.0.0.2:1")
      yield* TestClock.adjust(10)
      assert.deepStrictEqual([a.got.length, b.got.length], [0, 1])
    })
  )

  it.effect("lets another host have the address of an unplugged one, whose sockets may close later", () =>
    Effect.gen(function* () {
      const { a, b, hosts, network } = yield* duo()
      hosts[1].detach()
      const heir = yield* open(network.host("c", ["10.0.0.2"]), "10.0.0.2:1")
      yield* b.close
      yield* a.send("x", "10.0.0.2:1")
      yield* heir.send("y", "10.0.0.1:1")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(
        [heir.got, a.got].map((got) => got.map(({ text }) => text)),
        [["x"], ["y"]]
      )
    })
  )

  it.effect("refuses a port in use and an address that the host does not have, as a real host does", () =>
    Effect.gen(function* () {
      const { a, hosts } = yield* duo()
      assert.strictEqual(yield* openFails(hosts[0], "10.0.0.1:1"), "AddressInUse")
      assert.strictEqual(yield* openFails(hosts[0], "0.0.0.0:1"), "AddressInUse")
      assert.strictEqual(yield* openFails(hosts[0], "10.0.0.2:2"), "AddressNotAvailable")
      yield* a.close
      yield* open(hosts[0], "10.0.0.1:1")
      const [x, y] = [yield* open(hosts[0], "10.0.0.1:0"), yield* open(hosts[0], "10.0.0.1:0")]
      assert.notStrictEqual(x.address, y.address)
    })
  )

  it.effect("drops datagrams for a port or an address without a socket", () =>
    Effect.gen(function* () {
      const { a, b, seen } = yield* duo()
      yield* a.send("x", "10.0.0.2:2")
      yield* a.send("x", "10.9.9.9:1")
      yield* b.close
      yield* a.send("x", "10.0.0.2:1")
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(b.got, [])
      assert.deepStrictEqual(
        seen.map(({ fate, from, to }) => [from, to, fate]),
        [
          ["a", "b", "unbound"],
          ["a", "10.9.9.9", "unbound"],
          ["a", "b", "unbound"]
        ]
      )
    })
  )

  it.effect(
    "binds a wildcard to all addresses of its family, `::` to both, and sends from one of the destination's family",
    () =>
      Effect.gen(function* () {
        const network = yield* VirtualNetwork.make()
        const host = network.host("a", ["10.0.0.1", "10.1.0.1", "fd00::1"])
        const v4 = yield* open(host, "0.0.0.0:4")
        const dual = yield* open(host, "[::]:6")
        const other = network.host("b", ["10.0.0.2", "fd00::2"])
        const b4 = yield* open(other, "10.0.0.2:1")
        const b6 = yield* open(other, "[fd00::2]:1")
        yield* b4.send("1", "10.0.0.1:4")
        yield* b4.send("2", "10.1.0.1:4")
        yield* b6.send("3", "[fd00::1]:4")
        yield* b4.send("4", "10.1.0.1:6")
        yield* b6.send("5", "[fd00::1]:6")
        // An IPv4-mapped destination means the IPv4 address.
        yield* b4.send("6", "[::ffff:10.0.0.1]:4")
        yield* dual.send("7", "10.0.0.2:1")
        yield* dual.send("8", "[fd00::2]:1")
        yield* v4.send("9", "10.0.0.2:1")
        // To itself it sends from the destination address.
        yield* v4.send("10", "10.1.0.1:4")
        yield* TestClock.adjust(1)
        const heard = ({ got }: typeof v4) => got.map(({ from, text }) => `${text} from ${from}`)
        assert.deepStrictEqual(heard(v4), [
          "1 from 10.0.0.2:1",
          "2 from 10.0.0.2:1",
          "6 from 10.0.0.2:1",
          "10 from 10.1.0.1:4"
        ])
        assert.deepStrictEqual(heard(dual), ["4 from 10.0.0.2:1", "5 from [fd00::2]:1"])
        assert.deepStrictEqual(heard(b4), ["7 from 10.0.0.1:6", "9 from 10.0.0.1:4"])
        assert.deepStrictEqual(heard(b6), ["8 from [fd00::1]:6"])
        assert.deepStrictEqual((yield* host.network.interfaces).map(NetAddress.formatIp), [
          "10.0.0.1",
          "10.1.0.1",
          "fd00::1"
        ])
      })
  )
})
