import { describe, expect, it } from "@effect/vitest"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { Mark } from "../../src/membership/MemberTable.ts"
import { a, b, address, alive, inbound, Now, open } from "./View.ts"

describe("replays", () => {
  it("a message that is older than the newest of its sender proves nothing", () => {
    const node = open()
    node.receive(a, { incarnation: 3, heartbeat: 10, level: 1, entries: [alive(a, 3, 10)] })
    const slot = node.slotOf(a)
    for (const old of [
      { incarnation: 3, heartbeat: 9 },
      { incarnation: 2, heartbeat: 900 }
    ]) {
      const found = node.receive(a, { ...old, level: 0, source: address("10.6.6.6:6"), entries: [alive(b, 0, 0)] })
      expect(found).toMatchObject({ replay: true, sender: slot })
    }
    const { table } = node
    expect([table.heardIncarnation(slot), table.heardHeartbeat(slot), table.level(slot)]).toEqual([3, 10, 1])
    expect(node.table.spokeFrom(slot, PackedAddress.pack(address("10.0.0.1:7000")), 0)).toBe(true)
    expect(node.view.replays).toBe(2)
    expect(node.claim(a)).toBe("Alive 3 10")
    // The entries of a replay are merged like any other.
    expect(node.claim(b)).toBe("Alive 0 0")
  })

  it("a message as old as the newest is not a replay, and a newer one becomes the newest", () => {
    const node = open()
    node.receive(a, { incarnation: 3, heartbeat: 10, level: 1 })
    expect(node.receive(a, { incarnation: 3, heartbeat: 10, level: 2, source: address("10.6.6.6:6") }).replay).toBe(
      false
    )
    const slot = node.slotOf(a)
    expect(node.table.level(slot)).toBe(2)
    expect(node.table.spokeFrom(slot, PackedAddress.pack(address("10.6.6.6:6")), 0)).toBe(true)
    expect(node.receive(a, { incarnation: 4, heartbeat: 0, level: 0 }).replay).toBe(false)
    expect([node.table.heardIncarnation(slot), node.table.heardHeartbeat(slot)]).toEqual([4, 0])
    expect(node.receive(a, { incarnation: 3, heartbeat: 11 }).replay).toBe(true)
  })

  it("claims that others pass on do not make a member's messages replays, and heartbeats continue after 2^32 - 1 with 0", () => {
    const node = open()
    node.passOn(alive(a, 3, 900))
    expect(node.receive(a, { incarnation: 3, heartbeat: 0xffff_ffff }).replay).toBe(false)
    expect(node.receive(a, { incarnation: 3, heartbeat: 0 }).replay).toBe(false)
    expect(node.receive(a, { incarnation: 3, heartbeat: 0xffff_ffff }).replay).toBe(true)
    expect(node.view.isOlderThanHeard(node.slotOf(a), 3, 0xffff_ffff)).toBe(true)
    expect(node.view.isOlderThanHeard(node.slotOf(a), 3, 0)).toBe(false)
    node.passOn(alive(b, 3, 900))
    expect(node.view.isOlderThanHeard(node.slotOf(b), 0, 0)).toBe(false)
  })

  describe("the newest message of a member, repeated,", () => {
    const StaleAfter = 10_000
    const heard = () => {
      const node = open({ staleAfter: StaleAfter })
      node.receive(a, { incarnation: 3, heartbeat: 10, entries: [alive(a, 3, 10)] })
      return node
    }
    const repeat = (node: ReturnType<typeof open>, now: number, sent = { incarnation: 3, heartbeat: 10 }) =>
      node.receive(a, { ...sent, now }).replay

    it("is a replay once its counters have stood still for longer than those of who lives", () => {
      const node = heard()
      expect(repeat(node, Now + StaleAfter)).toBe(false)
      // What is repeated does not begin that time anew.
      expect(repeat(node, Now + StaleAfter + 1)).toBe(true)
      expect(repeat(node, Now + 5 * StaleAfter)).toBe(true)
    })

    it("is none while its counters advance", () => {
      const node = heard()
      for (const [incarnation, heartbeat] of [
        [3, 11],
        [3, 12],
        [4, 12],
        [5, 10]
      ] as const) {
        const now = Now + StaleAfter * (incarnation + heartbeat)
        expect(repeat(node, now, { incarnation, heartbeat })).toBe(false)
        expect(repeat(node, now + StaleAfter, { incarnation, heartbeat })).toBe(false)
        expect(repeat(node, now + StaleAfter + 1, { incarnation, heartbeat })).toBe(true)
      }
    })

    it("is none of a member that never spoke", () => {
      const node = open({ staleAfter: StaleAfter })
      node.passOn(alive(b, 0, 0))
      expect(node.receive(b, { now: Now + 100 * StaleAfter }).replay).toBe(false)
    })
  })

  it("a message of a member that claims have driven half the way round says what is old by the claim that is held", () => {
    const half = 0x8000_0000
    const node = open()
    node.receive(a, { incarnation: 5, heartbeat: 10, entries: [alive(a, 5, 10)] })
    // Each is higher than the one before, and the last is not higher than what the member itself said.
    for (const incarnation of [0x5000_0000, 0xa000_0000, 0xf000_0000]) node.passOn(alive(a, incarnation, 0))
    expect(node.claim(a)).toBe(`Alive ${0xf000_0000} 0`)
    const slot = node.slotOf(a)
    expect(node.view.isOlderThanHeard(slot, 0xefff_ffff, 0)).toBe(true)
    expect(node.view.isOlderThanHeard(slot, 0xf000_0000, 0)).toBe(false)
    expect(node.view.isOlderThanHeard(slot, 0xf000_0001, 0)).toBe(false)
    expect(node.receive(a, { incarnation: 0xf000_0001, heartbeat: 1 }).replay).toBe(false)
    expect([node.table.heardIncarnation(slot), node.claim(a)]).toEqual([0xf000_0001, `Alive ${0xf000_0001} 1`])
    // At exactly half the way round neither is higher, and what the member itself said is no measure either.
    const there = open()
    there.receive(a, { incarnation: 5, heartbeat: 10, entries: [alive(a, 5, 10)] })
    there.passOn(alive(a, 0x4000_0000, 0))
    there.passOn(alive(a, 5 + half, 0))
    expect(there.view.isOlderThanHeard(there.slotOf(a), 5, 10)).toBe(false)
  })

  it("records when a member spoke, and whether sealed", () => {
    const node = open()
    node.receive(a, { now: Now + 7, entries: [alive(a, 0, 0)] })
    const slot = node.slotOf(a)
    expect([node.table.heardAt(slot), node.has(a, Mark.Sealed)]).toEqual([Now + 7, false])
    const receive = (heartbeat: number, sealed: boolean) => {
      inbound.sealed = sealed
      node.receive(a, { heartbeat })
      inbound.sealed = false
      return node.has(a, Mark.Sealed)
    }
    expect([receive(1, true), receive(2, true), receive(3, false)]).toEqual([true, true, false])
  })
})
