import { describe, expect, it } from "@effect/vitest"
import * as Claim from "../../src/domain/Claim.ts"
import { Mark, SelfSlot } from "../../src/membership/MemberTable.ts"
import { Block, IncarnationReserve } from "../../src/state/IncarnationReserve.ts"
import { a, aboutUs, address, alive, checkInvariants, type Node, Now, open } from "./View.ts"

describe("claims about ourselves", () => {
  const incarnations = (node: Node) => [node.view.incarnation, node.table.heartbeat(SelfSlot)]

  it("a Suspect or Dead claim is refuted with the incarnation of the claim plus one, and the heartbeat stays", () => {
    for (const status of ["Suspect", "Dead"] as const) {
      const node = open({ incarnation: 5 })
      node.view.beat()
      node.passOn(aboutUs(status, 5, 0))
      expect(incarnations(node)).toEqual([6, 1])
      node.passOn(aboutUs(status, 40, 900))
      expect(incarnations(node)).toEqual([41, 1])
      node.passOn(aboutUs(status, 40, 999))
      expect(incarnations(node)).toEqual([41, 1])
      expect(node.selfChanges).toEqual([true, true])
      expect(node.view.refutations).toBe(2)
      expect(node.table.status(SelfSlot)).toBe(Claim.Alive)
      expect(node.events).toEqual([])
    }
  })

  it("a refutation continues after incarnation 2^32 - 1 with 0", () => {
    const node = open({ incarnation: 0xffff_fffe })
    node.passOn(aboutUs("Suspect", 0xffff_ffff, 0))
    expect(node.view.incarnation).toBe(0)
    node.passOn(aboutUs("Suspect", 0xffff_ffff, 0))
    expect(node.view.incarnation).toBe(0)
  })

  it("an Alive claim that is ahead of us is of a former run, and our incarnation rises above it", () => {
    const node = open({ incarnation: 5 })
    node.passOn(aboutUs("Alive", 7, 0))
    expect(incarnations(node)).toEqual([8, 0])
    node.passOn(aboutUs("Alive", 8, 1))
    expect(incarnations(node)).toEqual([9, 0])
    expect(node.selfChanges).toEqual([false, false])
    expect(node.view.refutations).toBe(0)
  })

  it("our own claim and older ones change nothing", () => {
    const node = open({ incarnation: 5 })
    node.view.beat()
    node.view.beat()
    node.passOn(aboutUs("Alive", 5, 2), aboutUs("Alive", 5, 1), aboutUs("Alive", 4, 99), aboutUs("Dead", 4, 99))
    expect(incarnations(node)).toEqual([5, 2])
    expect(node.selfChanges).toEqual([])
  })

  it("a claim whose incarnation is exactly 2^31 away is refuted, since others may hold it", () => {
    for (const status of ["Alive", "Suspect", "Dead"] as const) {
      const node = open({ incarnation: 5 })
      node.passOn(aboutUs(status, 0x8000_0005, 0))
      expect(incarnations(node)).toEqual([0x8000_0006, 0])
    }
  })

  it("a heartbeat that is exactly 2^31 away is not higher, and changes nothing", () => {
    const node = open({ incarnation: 5 })
    node.passOn(aboutUs("Alive", 5, 0x8000_0000))
    expect(incarnations(node)).toEqual([5, 0])
  })

  it("after we announced that we leave nothing is refuted, and our own entry says Dead", () => {
    const node = open({ incarnation: 5 })
    node.view.startLeaving(Now)
    node.passOn(aboutUs("Dead", 5, 0), aboutUs("Suspect", 9, 0), aboutUs("Alive", 9, 0, address("10.9.9.9:1")))
    expect(incarnations(node)).toEqual([5, 0])
    expect(node.conflicts).toEqual([])
    expect(node.table.status(SelfSlot)).toBe(Claim.Dead)
    expect(node.table.has(SelfSlot, Mark.Left)).toBe(true)
  })

  it("a message with our own id adds no member, and its entries count", () => {
    const node = open()
    const found = node.receive(100, { heartbeat: 900, entries: [alive(a, 0, 0)] })
    expect(found).toMatchObject({ sender: -1, replay: false, tellSender: false })
    expect(node.claim(a)).toBe("Alive 0 0")
    expect(incarnations(node)).toEqual([0, 0])
    checkInvariants(node.view)
  })
})

describe("incarnations that must be saved before they are used", () => {
  /** A view with a reserve whose limits the test grants. */
  const reserved = (incarnation: number) => {
    const asked: Array<number> = []
    const incarnations = new IncarnationReserve(incarnation, incarnation + Block, (limit) => {
      asked.push(limit)
      return false
    })
    const node = open({ incarnation, incarnations })
    incarnations.onGranted(() => node.view.incarnationsGranted(Now))
    return {
      node,
      asked,
      grant: () => {
        const limit = asked.shift()
        if (limit !== undefined) incarnations.grant(limit)
      }
    }
  }

  it("a refutation within the limit is made at once, and a far one when its incarnation is saved", () => {
    const { asked, grant, node } = reserved(5)
    node.passOn(aboutUs("Suspect", 5, 0))
    expect(node.view.incarnation).toBe(6)
    expect(asked).toEqual([])
    node.passOn(aboutUs("Suspect", 5000, 0))
    node.passOn(aboutUs("Dead", 4000, 0))
    expect(node.view.incarnation).toBe(6)
    expect(node.view.refutations).toBe(1)
    expect(asked).toEqual([5001 + Block])
    grant()
    expect(node.view.incarnation).toBe(5001)
    expect(node.view.refutations).toBe(2)
    expect(node.selfChanges).toEqual([true, true])
    expect(asked).toEqual([])
  })

  it("of several far claims the highest is refuted", () => {
    const { asked, grant, node } = reserved(5)
    node.passOn(aboutUs("Suspect", 5000, 0))
    node.passOn(aboutUs("Suspect", 9000, 0))
    grant()
    expect(node.view.incarnation).toBe(6 - 1)
    expect(asked).toEqual([9001 + Block])
    grant()
    expect(node.view.incarnation).toBe(9001)
    expect(node.selfChanges).toEqual([true])
  })

  it("a claim at a distance of 2^31 is refuted too", () => {
    const { grant, node } = reserved(5)
    node.passOn(aboutUs("Suspect", 0x8000_0005, 0))
    grant()
    expect(node.view.incarnation).toBe(0x8000_0006)
  })

  it("a node that leaves refutes nothing that it waited for", () => {
    const { grant, node } = reserved(5)
    node.passOn(aboutUs("Suspect", 5000, 0))
    node.view.startLeaving(Now)
    grant()
    expect(node.view.incarnation).toBe(5)
  })

  it("the address changes together with the incarnation, once that is saved", () => {
    const { grant, node } = reserved(5)
    for (let n = 0; n < Block; n++) node.view.raiseIncarnation(node.view.incarnation, false, Now)
    expect(node.view.incarnation).toBe(5 + Block)
    const before = node.table.inetAddress(SelfSlot)
    const next = address("10.9.9.9:7000")
    node.view.moveTo(address("10.9.9.8:7000"), Now)
    node.view.moveTo(next, Now)
    expect([node.view.incarnation, node.table.inetAddress(SelfSlot)]).toEqual([5 + Block, before])
    grant()
    expect([node.view.incarnation, node.table.inetAddress(SelfSlot)]).toEqual([6 + Block, next])
  })
})
