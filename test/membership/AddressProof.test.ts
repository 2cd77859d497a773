import { describe, expect, it } from "@effect/vitest"
import { Mark } from "../../src/membership/MemberTable.ts"
import { a, address, alive, Now, open, type Sent } from "./View.ts"

describe("prove", () => {
  const pinged = (sent: Sent) => {
    const node = open()
    const proved: Array<readonly [slot: number, now: number]> = []
    node.view.observe({ proved: (slot, now) => proved.push([slot, now]) })
    node.passOn(alive(a, 0, 5))
    const slot = node.slotOf(a)
    node.table.setPinged(slot, Now)
    node.receive(a, { heartbeat: 6, ...sent })
    return { ...node, slot, proved }
  }

  it("an ACK that answers our PING from the member's address proves the address, once", () => {
    const node = pinged({})
    node.view.prove(node.slot, Now + 10_000)
    node.view.prove(node.slot, Now + 10_000)
    expect(node.has(a, Mark.AddressProved)).toBe(true)
    expect(node.proved).toEqual([[node.slot, Now + 10_000]])
    node.passOn(alive(a, 1, 0, address("10.0.0.7:7000")))
    expect(node.has(a, Mark.AddressProved)).toBe(false)
  })

  it("an ACK from elsewhere, one without a PING, and a late one prove nothing", () => {
    const elsewhere = pinged({ source: address("10.6.6.6:6") })
    elsewhere.view.prove(elsewhere.slot, Now)
    const unasked = pinged({})
    unasked.table.setPinged(unasked.slot, -Infinity)
    unasked.view.prove(unasked.slot, Now)
    const late = pinged({})
    late.view.prove(late.slot, Now + 10_001)
    for (const node of [elsewhere, unasked, late])
      expect([node.has(a, Mark.AddressProved), node.proved]).toEqual([false, []])
  })

  it("an ACK with a sequence proves the address wherever it comes from, but not one that the member has since the PING", () => {
    const elsewhere = pinged({ source: address("10.6.6.6:6") })
    elsewhere.view.prove(elsewhere.slot, Now + 60_000, true)
    expect(elsewhere.has(a, Mark.AddressProved)).toBe(true)
    const moved = pinged({})
    moved.passOn(alive(a, 1, 0, address("10.9.9.9:7000")))
    moved.view.prove(moved.slot, Now, true)
    expect(moved.has(a, Mark.AddressProved)).toBe(false)
    moved.table.setPinged(moved.slot, Now)
    moved.view.prove(moved.slot, Now, true)
    expect(moved.has(a, Mark.AddressProved)).toBe(true)
  })

  it("a member that comes back to an address that it had proved is vouched for there, and nowhere else", () => {
    const node = pinged({})
    node.view.prove(node.slot, Now)
    const home = node.table.inetAddress(node.slot)
    node.passOn(alive(a, 1, 0, address("10.9.9.9:7000")))
    expect(node.has(a, Mark.Vouched)).toBe(false)
    node.passOn(alive(a, 2, 0, address("10.9.9.8:7000")))
    expect(node.has(a, Mark.Vouched)).toBe(false)
    node.passOn(alive(a, 3, 0, home))
    expect([node.has(a, Mark.Vouched), node.has(a, Mark.AddressProved)]).toEqual([true, false])
    node.passOn(alive(a, 4, 0, address("10.9.9.9:7000")))
    expect(node.has(a, Mark.Vouched)).toBe(false)
  })

  it("a LEAVE counts only from a proved address, even if the newest message came from elsewhere", () => {
    const elsewhere = address("10.6.6.6:6")
    for (const isProved of [false, true]) {
      const node = pinged({})
      if (isProved) node.view.prove(node.slot, Now)
      node.receive(a, { heartbeat: 7, source: elsewhere })
      expect(node.leave(a, { heartbeat: 8, source: elsewhere })).toBe(!isProved)
    }
  })
})
