import { describe, expect, it } from "@effect/vitest"
import * as Claim from "../../src/domain/Claim.ts"
import { Mark } from "../../src/membership/MemberTable.ts"
import { a, b, reporter, aboutUs, address, alive, dead, id, Now, open, Self, selfAddress, suspect } from "./View.ts"

describe("conflicts", () => {
  it("our id at another address is a conflict, counted each time and reported once per address", () => {
    const node = open()
    const elsewhere = address("10.9.9.9:1")
    for (let i = 0; i < 3; i++) node.passOnAt(Now + i, aboutUs("Alive", node.view.incarnation, 0, elsewhere))
    node.passOnAt(Now + 3, aboutUs("Alive", node.view.incarnation, 0, address("10.9.9.9:2")))
    expect(node.view.conflicts).toBe(4)
    expect(node.conflicts.map(({ address, by, id, kind }) => [kind, id, String(address), by])).toEqual([
      ["SameId", Self, "10.9.9.9:1", id(reporter)],
      ["SameId", Self, "10.9.9.9:2", id(reporter)]
    ])
  })

  it("our id at another address is reported again after a minute, and goes on for two", () => {
    const node = open()
    const elsewhere = address("10.9.9.9:1")
    for (const after of [0, 30_000, 59_999, 60_000, 119_000]) {
      node.passOnAt(Now + after, aboutUs("Alive", node.view.incarnation, 0, elsewhere))
    }
    expect(node.conflicts.length).toBe(2)
    const [lasting] = node.view.lastingConflicts(Now + 238_999)
    expect(lasting).toMatchObject({ kind: "SameId", id: Self, since: Now, seenAt: Now + 119_000, count: 5 })
    expect(lasting?.addresses.map(String)).toEqual([String(selfAddress), "10.9.9.9:1"])
    expect(node.view.lastingConflicts(Now + 239_000)).toEqual([])
  })

  it("a member that goes back and forth between addresses is two nodes, and is reported once a minute", () => {
    const node = open()
    const places = [address("10.0.0.1:7000"), address("10.9.9.9:1")] as const
    const move = (i: number) => node.passOnAt(Now + 1000 * i, alive(a, i, 0, places[i % 2]))
    for (let i = 0; i < 3; i++) move(i)
    // An address that changes, and changes back, can be one node.
    expect(node.conflicts).toEqual([])
    for (let i = 3; i < 120; i++) move(i)
    expect(node.conflicts.map(({ by, id, kind }) => [kind, id, by])).toEqual([
      ["SameId", id(a), id(reporter)],
      ["SameId", id(a), id(reporter)]
    ])
    expect(node.conflicts[0]?.addresses.map(String)).toEqual(places.map(String))
    expect(node.view.conflictsByKind.SameId).toBe(117)
    expect(node.view.lastingConflicts(Now + 120_000)).toHaveLength(1)
  })

  it("a member that moves seldom, or always to another address, is one node", () => {
    const node = open()
    for (let i = 0; i < 20; i++) {
      node.passOnAt(Now + 61_000 * i, alive(a, i, 0, address(`10.0.0.${i % 2}:7000`)))
      node.passOnAt(Now + 61_000 * i, alive(b, i, 0, address(`10.0.1.${i}:7000`)))
    }
    expect(node.conflicts).toEqual([])
  })

  it("a conflict about our id is refuted at most once per interval, and a claim below our incarnation is not a conflict", () => {
    const node = open()
    const elsewhere = address("10.9.9.9:1")
    node.passOnAt(Now, aboutUs("Alive", 0, 0, elsewhere))
    expect(node.view.incarnation).toBe(1)
    node.passOnAt(Now + 999, aboutUs("Alive", 7, 0, elsewhere))
    expect(node.view.incarnation).toBe(1)
    node.passOnAt(Now + 1000, aboutUs("Alive", 7, 0, elsewhere))
    expect(node.view.incarnation).toBe(8)
    node.passOnAt(Now + 9000, aboutUs("Dead", 7, 0, elsewhere))
    expect([node.view.incarnation, node.view.conflicts]).toEqual([8, 3])
    // A suspicion with our own address is not a conflict, and is refuted at once.
    node.passOnAt(Now + 1001, aboutUs("Suspect", 8, 0))
    expect(node.view.incarnation).toBe(9)
  })

  it("another id at our address is our former run as long as it sends nothing and others only repeat old claims", () => {
    const node = open()
    node.passOnAt(Now, alive(a, 0, 5, selfAddress))
    expect(node.has(a, Mark.AtOurAddress)).toBe(true)
    // Old gossip brings newer claims at first, and later only repeats what is known.
    node.passOnAt(Now + 10_000, alive(a, 0, 6, selfAddress))
    node.passOnAt(Now + 60_000, alive(a, 0, 6, selfAddress), alive(a, 0, 2, selfAddress))
    node.passOnAt(Now + 60_000, suspect(a, 0, 6 + Claim.SuspicionRaise, selfAddress))
    node.passOnAt(Now + 60_000, dead(a, 0, 6 + Claim.SuspicionRaise, selfAddress))
    expect(node.conflicts).toEqual([])
    expect(node.view.conflicts).toBe(0)
  })

  it("another id at our address is a conflict once it sends a message", () => {
    const node = open()
    node.passOn(alive(a, 0, 5, selfAddress))
    node.receive(a, { heartbeat: 6, now: Now + 1 })
    expect(node.conflicts).toMatchObject([{ kind: "SameAddress", id: id(a), by: id(a) }])
    node.receive(a, { heartbeat: 7, now: Now + 2 })
    expect(node.conflicts.length).toBe(1)
    expect(node.view.conflicts).toBe(2)
  })

  it("a replayed message from another id at our address is not a conflict", () => {
    const node = open()
    node.receive(a, { heartbeat: 9 })
    node.passOn(alive(a, 1, 0, selfAddress))
    expect(node.has(a, Mark.AtOurAddress)).toBe(true)
    node.receive(a, { heartbeat: 8, entries: [alive(a, 0, 8)] })
    expect(node.conflicts).toEqual([])
  })

  it("another id at our address is a conflict once others know newer claims of it after old gossip has settled", () => {
    const node = open()
    node.passOnAt(Now, alive(a, 0, 5, selfAddress))
    node.passOnAt(Now + 10_001, alive(a, 0, 6, selfAddress))
    expect(node.conflicts).toMatchObject([{ kind: "SameAddress", id: id(a), by: id(reporter) }])
  })

  it("a member that moves away from our address is no longer a conflict", () => {
    const node = open()
    node.passOn(alive(a, 0, 5, selfAddress))
    node.passOn(alive(a, 1, 0))
    expect(node.has(a, Mark.AtOurAddress)).toBe(false)
    node.receive(a, { incarnation: 1, heartbeat: 1 })
    expect(node.conflicts).toEqual([])
  })
})
