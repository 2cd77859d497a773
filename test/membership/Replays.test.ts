import { describe, expect, it } from "@effect/vitest"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { a, b, address, alive, open } from "./View.ts"

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
})
