import { describe, expect, it } from "@effect/vitest"
import * as Claim from "../../src/domain/Claim.ts"
import { Mark } from "../../src/membership/MemberTable.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import {
  a,
  b,
  address,
  alive,
  checkInvariants,
  dead,
  expired,
  findings,
  id,
  Now,
  open,
  probeFailed,
  reporter,
  Retention,
  suspect
} from "./View.ts"

describe("LEAVE", () => {
  it("makes a member left, and is counted once however often it arrives", () => {
    const node = open()
    node.receive(a, { incarnation: 2, heartbeat: 5, entries: [alive(a, 2, 5)] })
    expect(node.leave(a, { incarnation: 2, heartbeat: 6, now: Now + 3 })).toBe(true)
    expect(node.claim(a)).toBe("Dead 2 6")
    expect(node.has(a, Mark.Left)).toBe(true)
    expect(node.table.leftCount).toBe(1)
    expect(node.leave(a, { incarnation: 2, heartbeat: 6, now: Now + 4 })).toBe(true)
    expect(node.table.leftCount).toBe(1)
    expect(node.events).toEqual(["Joined 1", "Left 1"])
    expect(node.transitions[1]).toMatchObject({ cause: { _tag: "LeaveReceived" }, previousStatus: Claim.Alive })
    expect(findings.sender).toBe(node.slotOf(a))
    checkInvariants(node.view)
  })

  it("keeps the higher heartbeat, so that the claim wins at older nodes too", () => {
    const node = open()
    node.receive(a, { heartbeat: 5 })
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.leave(a, { heartbeat: 6 })).toBe(true)
    expect(node.claim(a)).toBe(`Dead 0 ${5 + 2 ** 20}`)
  })

  it("is ignored if its incarnation is older than the one we hold, or if it is a replay", () => {
    const node = open()
    node.receive(a, { incarnation: 2, heartbeat: 5 })
    expect(node.leave(a, { incarnation: 1, heartbeat: 9 }, true)).toBe(false)
    expect(node.view.replays).toBe(0)
    expect(node.leave(a, { incarnation: 2, heartbeat: 4 }, true)).toBe(false)
    expect(node.view.replays).toBe(1)
    expect(node.claim(a)).toBe("Alive 2 5")
  })

  it("is ignored from an address that the member never sent from, unless it is authentic", () => {
    const node = open()
    node.receive(a, { heartbeat: 5, source: address("192.168.0.1:9"), entries: [alive(a, 0, 5)] })
    expect(node.leave(a, { heartbeat: 6, source: address("10.6.6.6:6") })).toBe(false)
    expect(node.claim(a)).toBe("Alive 0 5")
    expect(node.leave(a, { heartbeat: 6, source: address("192.168.0.1:9") })).toBe(true)
    expect(node.claim(a)).toBe("Dead 0 6")
    node.receive(b, { heartbeat: 5 })
    expect(node.leave(b, { heartbeat: 6, source: address("10.6.6.6:6") }, true)).toBe(true)
    expect(node.claim(b)).toBe("Dead 0 6")
  })

  it("of a member that sent nothing counts from the address in its claim", () => {
    const node = open()
    node.passOn(alive(a, 0, 5))
    expect(node.leave(a, { heartbeat: 6, source: address("10.6.6.6:6") })).toBe(false)
    expect(node.has(a, Mark.Heard)).toBe(false)
    expect(node.leave(a, { heartbeat: 6 })).toBe(true)
    expect(node.claim(a)).toBe("Dead 0 6")
  })

  it("is recorded as the newest message of its sender, with its level and source address", () => {
    const node = open()
    node.passOn(alive(a, 0, 5))
    expect(node.leave(a, { incarnation: 1, heartbeat: 6, level: 1, source: address("10.6.6.6:6") }, true)).toBe(true)
    const slot = node.slotOf(a)
    const { table } = node
    expect([table.heardIncarnation(slot), table.heardHeartbeat(slot), table.level(slot)]).toEqual([1, 6, 1])
    expect(node.table.spokeFrom(slot, PackedAddress.pack(address("10.6.6.6:6")), 0)).toBe(true)
    expect(node.claim(a)).toBe("Dead 1 6")
    expect(node.receive(a, { incarnation: 1, heartbeat: 5 }).replay).toBe(true)
  })

  it("of a dead member makes it left", () => {
    const node = open()
    node.receive(a, { heartbeat: 5 })
    node.view.declareDead(node.slotOf(a), expired, Now)
    expect(node.leave(a, { heartbeat: 6, now: Now + 2 })).toBe(true)
    expect(node.events).toEqual(["Joined 1", "Died 1", "Left 1"])
    expect(node.has(a, Mark.Left)).toBe(true)
    expect(node.table.leftCount).toBe(1)
    expect(node.table.since(node.slotOf(a))).toBe(Now)
    checkInvariants(node.view)
  })

  it("of a tombstone marks it left and lists nothing", () => {
    const node = open()
    node.receive(a, { heartbeat: 5 })
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.view.expire(Now + Retention)
    expect(node.leave(a, { incarnation: 3, heartbeat: 6 })).toBe(true)
    expect(node.claim(a)).toBe("tombstone 3 5")
    expect(node.has(a, Mark.Left)).toBe(true)
    expect(node.table.leftCount).toBe(0)
    expect(node.passOn(alive(a, 3, 9)).corrections).toEqual([node.slotOf(a)])
    checkInvariants(node.view)
  })

  it("of an unknown node, or of ourselves, is ignored", () => {
    const node = open()
    expect(node.leave(a, {}, true)).toBe(false)
    expect(findings.sender).toBe(-1)
    expect(node.leave(100, { incarnation: 9 }, true)).toBe(false)
    expect(node.claim(a)).toBe("nothing")
    expect(node.view.incarnation).toBe(0)
  })

  it("is undone by a higher incarnation, also by that of a Dead claim, which is another death", () => {
    const node = open()
    for (const n of [a, b]) {
      node.receive(n, { heartbeat: 5 })
      node.leave(n, { heartbeat: 6 })
    }
    node.passOn(alive(a, 1, 0), dead(b, 0, 900))
    expect([node.claim(a), node.has(a, Mark.Left)]).toEqual(["Alive 1 0", false])
    expect([node.claim(b), node.has(b, Mark.Left)]).toEqual(["Dead 0 900", true])
    node.passOn(dead(b, 1, 0))
    expect([node.claim(b), node.has(b, Mark.Left)]).toEqual(["Dead 1 0", false])
    expect(node.table.leftCount).toBe(0)
    checkInvariants(node.view)
  })

  it("can be the sender's own Dead entry, which says nothing about the other entries of the message", () => {
    const node = open()
    node.receive(a, { heartbeat: 5, entries: [alive(a, 0, 5)] })
    node.passOn(suspect(b, 0, 5))
    node.receive(a, { heartbeat: 6, entries: [dead(a, 0, 6), dead(b, 0, 6)] })
    expect(node.events).toEqual(["Joined 1", "Joined 2", "Left 1"])
    expect(node.transitions.slice(2).map(({ cause }) => cause)).toEqual([{ _tag: "LeaveReceived" }])
    expect(node.deaths.map(({ slot }) => slot)).toEqual([node.slotOf(b)])
    expect([node.has(a, Mark.Left), node.has(b, Mark.Left)]).toEqual([true, false])
    checkInvariants(node.view)
  })

  it("is not the sender's own Dead entry from an address that is not the member's", () => {
    const node = open()
    node.receive(a, { heartbeat: 5, entries: [alive(a, 0, 5)] })
    node.receive(a, { heartbeat: 6, source: address("10.6.6.6:6"), entries: [dead(a, 0, 6)] })
    expect(node.events).toEqual(["Joined 1"])
    expect(node.deaths.length).toBe(1)
  })
})

describe("the section of members that left", () => {
  it("makes a member left at once, without a check of its death", () => {
    const node = open()
    node.receive(a, { heartbeat: 5, entries: [alive(a, 0, 5)] })
    node.passOn(alive(b, 0, 5))
    node.view.suspect(node.slotOf(b), probeFailed, Now)
    node.passOnLeft([dead(a, 0, 6), dead(b, 0, 6)], [a, 0], [b, 0])
    expect(node.events).toEqual(["Joined 1", "Joined 2", "Suspected 2", "Left 1", "Left 2"])
    expect(node.transitions.at(-2)!.cause).toEqual({ _tag: "Claimed", by: id(reporter) })
    expect(node.deaths).toEqual([])
    expect([node.has(a, Mark.Left), node.has(b, Mark.Left), node.table.leftCount]).toEqual([true, true, 2])
    checkInvariants(node.view)
  })

  it("counts only for the node and the incarnation that it names", () => {
    const node = open()
    node.passOn(alive(a, 1, 5), alive(b, 1, 5))
    node.passOnLeft([dead(a, 1, 6)], [a, 0], [a, 2], [b, 1])
    expect(node.deaths).toMatchObject([{ slot: node.slotOf(a), incarnation: 1 }])
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 1 5", "Alive 1 5"])
  })

  it("beats a death of the same incarnation, whichever heartbeat is higher", () => {
    for (const heartbeat of [3, 5 + 2 ** 20, 2 ** 21]) {
      const node = open()
      node.receive(a, { heartbeat: 5, entries: [alive(a, 0, 5)] })
      node.view.suspect(node.slotOf(a), probeFailed, Now)
      node.view.declareDead(node.slotOf(a), expired, Now)
      const left = () => node.passOnLeft([dead(a, 0, heartbeat)], [a, 0])
      left()
      expect(node.events.slice(2)).toEqual(["Died 1", "Left 1"])
      expect([node.has(a, Mark.Left), node.table.leftCount]).toEqual([true, 1])
      expect(node.claim(a)).toBe(`Dead 0 ${Math.max(heartbeat, 5 + 2 ** 20)}`)
      // And it is no change to learn it again, or that it died after all.
      left()
      node.passOn(dead(a, 0, 2 ** 22))
      expect(node.events).toHaveLength(4)
      expect(node.has(a, Mark.Left)).toBe(true)
      checkInvariants(node.view)
    }
  })

  it("answers who says only that the member is dead, if the message could say more", () => {
    const listed = open()
    for (const n of [a, b]) {
      listed.passOn(alive(n, 1, 5))
      listed.leave(n, { incarnation: 1, heartbeat: 6 }, true)
    }
    const corrections = () => [...findings.corrections]
    const slot = listed.slotOf(a)
    // Also a claim of a suspicion, whose heartbeat is higher.
    for (const heartbeat of [0, 6, 2 ** 20]) {
      listed.passOnLeft([dead(a, 1, heartbeat)])
      expect(corrections()).toEqual([slot])
    }
    listed.passOnLeft([dead(a, 1, 6)], [a, 1])
    expect(corrections()).toEqual([])
    listed.passOnLeft([dead(a, 0, 6)])
    expect(corrections()).toEqual([])
    // A message of version 1 cannot say that a member left.
    expect(listed.passOn(dead(a, 1, 2 ** 20)).corrections).toEqual([])
    // A later death is another.
    listed.passOnLeft([dead(b, 2, 6)])
    listed.passOnLeft([dead(b, 2, 6)])
    expect(corrections()).toEqual([])
  })

  it("beats a death of a lower incarnation, and loses against one of a higher", () => {
    const node = open()
    for (const n of [a, b]) {
      node.passOn(suspect(n, 1, 5))
      node.view.declareDead(node.slotOf(n), expired, Now)
    }
    node.events.length = 0
    node.passOnLeft([dead(a, 2, 5), dead(b, 0, 5)], [a, 2], [b, 0])
    expect(node.events).toEqual(["Left 1"])
    expect([node.claim(a), node.has(a, Mark.Left)]).toEqual(["Dead 2 5", true])
    expect([node.claim(b), node.has(b, Mark.Left)]).toEqual(["Dead 1 5", false])
  })

  it("marks the tombstone of a node that is no member", () => {
    const node = open()
    node.passOnLeft([dead(a, 1, 5), dead(b, 1, 5)], [a, 1])
    expect([node.claim(a), node.has(a, Mark.Left), node.has(b, Mark.Left)]).toEqual(["tombstone 1 5", true, false])
    node.passOnLeft([dead(b, 1, 5)], [b, 1])
    expect(node.has(b, Mark.Left)).toBe(true)
    // A later death was another.
    node.passOn(dead(b, 2, 5))
    expect(node.has(b, Mark.Left)).toBe(false)
    expect(node.table.leftCount).toBe(0)
    checkInvariants(node.view)
  })

  it("says nothing about us, and nothing about an entry that is not Dead", () => {
    const node = open()
    node.passOnLeft([alive(a, 0, 5), suspect(b, 0, 5)], [a, 0], [b, 0], [100, 0])
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 0 5", "Suspect 0 5"])
    expect([node.has(a, Mark.Left), node.has(b, Mark.Left), node.has(100, Mark.Left)]).toEqual([false, false, false])
    expect(node.view.incarnation).toBe(0)
  })
})
