import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { HandAgenda, openAt } from "./HandAgenda.ts"
import { VirtualNetwork } from "../../../src/simulation/network/VirtualNetwork.ts"

/** A network in which the reachability of all pairs can be queried. */
const parts = (names: ReadonlyArray<string>) => {
  const agenda = new HandAgenda()
  const network = new VirtualNetwork(agenda, () => 0.5, { latency: 1 })
  const hosts = new Map<string, ReturnType<typeof openAt>>()
  const addressOf = (name: string) => `10.0.0.${name.charCodeAt(0)}:1`
  const add = (name: string) => {
    hosts.set(name, openAt(network.host(name, [addressOf(name).slice(0, -2)]), addressOf(name)))
  }
  for (const name of names) add(name)
  /** All pairs whose second host receives from the first, as `ab`, and the drop reasons of the others. */
  const heard = () => {
    const pairs: Array<string> = []
    const reasons = new Set<string>()
    const stop = network.observe({
      delivered: ({ from, to }) => pairs.push(from + to),
      dropped: (_, reason) => reasons.add(reason)
    })
    for (const [from, { send }] of hosts) {
      for (const to of hosts.keys()) if (from !== to) send(0, addressOf(to))
    }
    agenda.runAll()
    stop()
    // `reaches` agrees.
    const reached = [...hosts.keys()].flatMap((from) =>
      [...hosts.keys()].filter((to) => from !== to && network.reaches(from, to)).map((to) => from + to)
    )
    if (!reasons.has("lost")) expect(pairs.toSorted()).toEqual(reached.toSorted())
    return { pairs: pairs.toSorted().join(" "), reasons: [...reasons] }
  }
  return { agenda, network, add, heard }
}

describe("a partition", () => {
  it("delivers nothing between groups, and hosts in no group form one", () => {
    const { heard, network } = parts(["a", "b", "c", "d", "e", "f"])
    network.partition([["a", "b"], new Set(["c", "d"])])
    expect(heard()).toEqual({ pairs: "ab ba cd dc ef fe", reasons: ["cut"] })
    expect(network.counters.dropped.cut).toBe(24)
  })

  it("replaces the previous partition", () => {
    const { heard, network } = parts(["a", "b", "c"])
    network.partition([["a"]])
    expect(heard().pairs).toBe("bc cb")
    network.partition([["b"]])
    expect(heard().pairs).toBe("ac ca")
    network.partition([])
    expect(heard().reasons).toEqual([])
  })

  it("applies to hosts that are added later or again, by name", () => {
    const { add, heard, network } = parts(["a", "b"])
    network.partition([["a", "d"], ["b"]])
    add("c")
    add("d")
    expect(heard().pairs).toBe("ad da")
    network.host("d", []).detach()
    add("d")
    expect(heard().pairs).toBe("ad da")
    network.heal()
    expect(heard().reasons).toEqual([])
  })

  it("does not stop datagrams in flight", () => {
    const { agenda, network } = parts([])
    const host = network.host("a", ["10.0.0.1"])
    const { send } = openAt(host, "10.0.0.1:1")
    openAt(network.host("b", ["10.0.0.2"]), "10.0.0.2:1")
    send(0, "10.0.0.2:1")
    network.partition([["a"]])
    send(0, "10.0.0.2:1")
    agenda.runAll()
    expect([network.counters.delivered, network.counters.dropped.cut]).toEqual([1, 1])
  })

  const Names = [..."abcdefgh"]

  it("delivers a datagram exactly if both hosts are in one group", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 8, maxLength: 8 }), (numbers) => {
        const { heard, network } = parts(Names)
        // The network does not get group 0.
        network.partition([1, 2, 3].map((number) => Names.filter((_, i) => numbers[i] === number)))
        const expected = Names.flatMap((from, i) =>
          Names.filter((to, j) => from !== to && numbers[i] === numbers[j]).map((to) => from + to)
        )
        expect(heard().pairs).toBe(expected.toSorted().join(" "))
      }),
      { numRuns: 20 }
    )
  })
})

describe("a cut", () => {
  it("of any part of the path drops a datagram", () => {
    const { heard, network } = parts(["a", "b", "c"])
    network.link("a", "b").cut = true
    expect(heard()).toEqual({ pairs: "ac ba bc ca cb", reasons: ["cut"] })
    network.host("c", []).egress().cut = true
    expect(heard().pairs).toBe("ac ba bc")
    network.host("a", []).ingress().cut = true
    expect(heard().pairs).toBe("ac bc")
    network.defaults.cut = true
    network.link("a", "c").cut = false
    expect(heard().pairs).toBe("ac")
  })
})

describe("healing", () => {
  it("ends all cuts, and nothing else", () => {
    const { heard, network } = parts(["a", "b", "c"])
    const hostC = network.host("c", [])
    network.partition([["a"]])
    network.link("a", "b").cut = true
    network.separate(["b"], ["a"], true)
    network.defaults.cut = true
    hostC.egress().cut = true
    hostC.ingress().cut = true
    hostC.ingress().latency = 9
    expect(heard()).toEqual({ pairs: "", reasons: ["cut"] })
    network.link("b", "c").loss = 1
    network.heal()
    expect(heard()).toEqual({ pairs: "ab ac ba ca cb", reasons: ["lost"] })
    expect(hostC.ingress().latency).toBe(9)
  })
})
