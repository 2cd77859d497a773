import { describe, expect, it } from "@effect/vitest"
import { Mark } from "../../src/membership/MemberTable.ts"
import { TombstoneFactor } from "../../src/membership/Tombstones.ts"
import {
  a,
  address,
  alive,
  checkInvariants,
  dead,
  expired,
  MaxTombstones,
  MaxUnlisted,
  type Node,
  Now,
  open,
  Retention,
  suspect
} from "./View.ts"

describe("retention and tombstones", () => {
  /** A node whose member `a` has been dead since `Now`, at incarnation 5. */
  const withDeadMember = () => {
    const node = open()
    node.passOn(suspect(a, 5, 9))
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.events.length = 0
    return node
  }

  it("a dead member becomes a tombstone when its retention ends, to the millisecond", () => {
    const node = withDeadMember()
    expect(node.view.nextExpiry()).toBe(Now + Retention)
    node.view.expire(Now + Retention - 1)
    expect(node.claim(a)).toBe("Dead 5 9")
    node.view.expire(Now + Retention)
    expect(node.claim(a)).toBe("tombstone 5 9")
    expect(node.forgotten).toEqual([node.slotOf(a)])
    expect(node.events).toEqual([])
    checkInvariants(node.view)
  })

  it("another heartbeat of a dead member does not extend its retention", () => {
    const node = withDeadMember()
    node.passOnAt(Now + 1000, dead(a, 5, 99), alive(a, 5, 999))
    expect(node.claim(a)).toBe("Dead 5 99")
    expect(node.view.nextExpiry()).toBe(Now + Retention)
  })

  it("a tombstone is forgotten after ten times the retention, to the millisecond, and its node may then join again", () => {
    const node = withDeadMember()
    node.view.expire(Now + Retention)
    const end = Now + Retention + TombstoneFactor * Retention
    expect(TombstoneFactor).toBe(10)
    expect(node.view.nextExpiry()).toBe(end)
    node.view.expire(end - 1)
    expect(node.claim(a)).toBe("tombstone 5 9")
    node.view.expire(end)
    expect(node.claim(a)).toBe("nothing")
    expect(node.view.nextExpiry()).toBe(Infinity)
    node.passOn(alive(a, 5, 9))
    expect(node.claim(a)).toBe("Alive 5 9")
    checkInvariants(node.view)
  })

  it("a tombstone refuses live claims of its incarnation or a lower one, reports that, and is renewed", () => {
    const node = withDeadMember()
    node.view.expire(Now + Retention)
    const slot = node.slotOf(a)
    const later = Now + 5 * Retention
    expect(node.passOnAt(later, alive(a, 5, 900)).corrections).toEqual([slot])
    expect(node.claim(a)).toBe("tombstone 5 9")
    expect(node.view.nextExpiry()).toBe(later + 10 * Retention)
    expect(node.passOnAt(later + 1, suspect(a, 4, 0)).corrections).toEqual([slot])
    expect(node.view.nextExpiry()).toBe(later + 1 + 10 * Retention)
    expect(node.passOnAt(later + 2).corrections).toEqual([])
  })

  it("the dead node itself should be told, and is not among the refused of its own message", () => {
    const node = withDeadMember()
    node.view.expire(Now + Retention)
    const later = Now + 5 * Retention
    const found = node.receive(a, { incarnation: 5, heartbeat: 900, now: later, entries: [alive(a, 5, 900)] })
    expect(found).toMatchObject({ sender: node.slotOf(a), tellSender: true, corrections: [] })
    expect(node.view.nextExpiry()).toBe(later + 10 * Retention)
  })

  it("a replayed message of the dead node renews its tombstone, even without an entry", () => {
    const node = open()
    node.receive(a, { incarnation: 5, heartbeat: 9 })
    node.passOn(suspect(a, 5, 9))
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.view.expire(Now + Retention)
    const later = Now + 5 * Retention
    const found = node.receive(a, { incarnation: 5, heartbeat: 8, now: later })
    expect(found).toMatchObject({ replay: true })
    expect(node.claim(a)).toMatch(/^tombstone 5 /)
    expect(node.view.nextExpiry()).toBe(later + 10 * Retention)
  })

  it("at most eight refusals are reported per message", () => {
    const node = open()
    const all = Array.from({ length: 12 }, (_, i) => i + 10)
    node.passOn(...all.map((n) => dead(n, 5, 0)))
    expect(node.passOn(...all.map((n) => alive(n, 5, 0))).corrections).toEqual(all.slice(0, 8).map(node.slotOf))
  })

  it("a Dead claim does not renew a tombstone, whatever its incarnation", () => {
    const node = withDeadMember()
    node.view.expire(Now + Retention)
    const end = node.view.nextExpiry()
    expect(node.passOnAt(Now + 5 * Retention, dead(a, 5, 0), dead(a, 4, 0), dead(a, 6, 1)).corrections).toEqual([])
    expect(node.claim(a)).toBe("tombstone 6 1")
    expect(node.view.nextExpiry()).toBe(end)
    expect(node.passOnAt(Now + 5 * Retention, alive(a, 6, 900)).corrections).toEqual([node.slotOf(a)])
  })

  it("a higher incarnation revives a tombstone, in an entry or in the node's own header", () => {
    for (const revive of [
      (node: Node) => node.passOnAt(Now + 5 * Retention, alive(a, 6, 0, address("10.0.0.7:7000"))),
      (node: Node) => node.receive(a, { incarnation: 6, now: Now + 5 * Retention })
    ]) {
      const node = withDeadMember()
      node.view.expire(Now + Retention)
      revive(node)
      expect(node.claim(a)).toBe("Alive 6 0")
      expect(node.events).toEqual(["Joined 1"])
      expect(node.table.since(node.slotOf(a))).toBe(Now + 5 * Retention)
      expect(node.view.nextExpiry()).toBe(Infinity)
      checkInvariants(node.view)
    }
  })

  it("an entry that revives the tombstone of a provisional member settles its address, and a header does not", () => {
    for (const entries of [[alive(a, 6, 0)], []]) {
      const node = open()
      node.receive(a, { incarnation: 5, source: address("192.168.0.1:9") })
      node.view.declareDead(node.slotOf(a), expired, Now)
      node.view.expire(Now + Retention)
      if (entries.length > 0) node.passOn(...entries)
      else node.receive(a, { incarnation: 6, source: address("192.168.0.1:10") })
      expect(node.claim(a)).toBe("Alive 6 0")
      expect(node.has(a, Mark.Provisional)).toBe(entries.length === 0)
      expect(node.addressOf(a)).toBe(entries.length === 0 ? "192.168.0.1:9" : "10.0.0.1:7000")
    }
  })

  it("a tombstone is not revived at an unusable address", () => {
    const node = withDeadMember()
    node.view.expire(Now + Retention)
    node.passOn(alive(a, 6, 0, address("0.0.0.0:7000")))
    expect(node.claim(a)).toBe("tombstone 5 9")
  })

  it("a Dead claim about an unknown node makes a tombstone, and no member and no transition", () => {
    const node = open()
    node.passOn(dead(a, 5, 9))
    expect(node.claim(a)).toBe("tombstone 5 9")
    expect(node.has(a, Mark.Unlisted)).toBe(true)
    expect(node.events).toEqual([])
    expect(node.view.nextExpiry()).toBe(Now + 10 * Retention)
    expect(node.passOn(alive(a, 5, 900)).corrections).toEqual([node.slotOf(a)])
    node.passOn(alive(a, 6, 0))
    expect(node.claim(a)).toBe("Alive 6 0")
    expect(node.events).toEqual(["Joined 1"])
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.view.expire(Now + Retention)
    expect([node.table.unlisted.length, node.table.tombstones.length]).toEqual([0, 1])
    checkInvariants(node.view)
  })

  it("tombstones of nodes that were never listed are bounded, and do not displace those of former members", () => {
    const node = withDeadMember()
    node.view.expire(Now + Retention)
    for (let i = 0; i < MaxUnlisted + 50; i += 50) {
      node.passOn(...Array.from({ length: 50 }, (_, j) => dead(1000 + i + j, 0, 0)))
    }
    expect(node.table.unlisted.length).toBe(MaxUnlisted)
    expect(node.claim(1000)).toBe("nothing")
    expect(node.claim(1000 + MaxUnlisted)).toBe("tombstone 0 0")
    expect(node.claim(a)).toBe("tombstone 5 9")
    checkInvariants(node.view)
  })

  it("tombstones of former members are bounded, and the oldest makes room", () => {
    const node = open()
    const total = MaxTombstones + 2
    for (let i = 0; i < total; i += 50) {
      const some = Array.from({ length: Math.min(50, total - i) }, (_, j) => 1000 + i + j)
      node.passOn(...some.map((n) => suspect(n, 0, 0)))
      for (const n of some) node.view.declareDead(node.slotOf(n), expired, Now + i)
    }
    node.view.expire(Now + total + Retention)
    expect(node.table.tombstones.length).toBe(MaxTombstones)
    expect([node.claim(1000), node.claim(1001), node.claim(1002)]).toEqual(["nothing", "nothing", "tombstone 0 0"])
    expect(node.forgotten.length).toBe(total)
  })
})
