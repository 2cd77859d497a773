import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import { Mark } from "../../src/membership/MemberTable.ts"
import { writeU16 } from "../../src/wire/Bytes.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import * as Message from "../../src/wire/Message.ts"
import {
  a,
  b,
  c,
  reporter,
  aboutUs,
  address,
  alive,
  checkInvariants,
  findings,
  gossip,
  id,
  inbound,
  Now,
  open,
  suspect
} from "./View.ts"

describe("joining", () => {
  it("a node in an entry joins with the claim of that entry", () => {
    const node = open()
    node.passOn(alive(a, 3, 7), suspect(b, 4, 8))
    expect(node.events).toEqual(["Joined 1", "Joined 2"])
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 3 7", "Suspect 4 8"])
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.has(a, Mark.Provisional) || node.has(a, Mark.Heard)).toBe(false)
    expect(node.transitions[0]).toMatchObject({ cause: { _tag: "Claimed", by: id(reporter) }, now: Now })
    expect(node.view.mergedNew).toBe(3)
  })

  it("a node that sends a message without its own entry joins provisionally, at the source address", () => {
    const node = open()
    const found = node.receive(a, { incarnation: 2, heartbeat: 5, level: 1, source: address("192.168.0.1:9") })
    expect(node.events).toEqual(["Joined 1"])
    expect(node.transitions[0]!.cause).toEqual({ _tag: "Heard" })
    expect(node.claim(a)).toBe("Alive 2 5")
    expect(node.addressOf(a)).toBe("192.168.0.1:9")
    expect(node.has(a, Mark.Provisional)).toBe(true)
    expect(node.table.level(node.slotOf(a))).toBe(1)
    expect(found).toMatchObject({ sender: node.slotOf(a), replay: false, tellSender: false })
  })

  it("its own entry settles the address of a provisional member, even if the claim is no newer", () => {
    const node = open()
    node.receive(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9") })
    node.receive(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9"), entries: [alive(a, 2, 5)] })
    expect(node.events).toEqual(["Joined 1", "Updated 1"])
    expect(String(node.transitions[1]!.previousAddress)).toBe("192.168.0.1:9")
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.has(a, Mark.Provisional)).toBe(false)
    checkInvariants(node.view)
  })

  it("an entry from another node settles a provisional member only if its claim wins", () => {
    const node = open()
    node.receive(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9") })
    node.passOn(alive(a, 2, 4))
    expect(node.has(a, Mark.Provisional)).toBe(true)
    node.passOn(alive(a, 2, 6))
    expect(node.has(a, Mark.Provisional)).toBe(false)
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
  })

  it("an entry from another node with the same incarnation and address settles a provisional member", () => {
    const node = open()
    for (const n of [a, b, c]) node.receive(n, { incarnation: 2, heartbeat: 5 })
    node.passOn(alive(a, 2, 4), alive(b, 1, 9), alive(c, 2, 4, address("192.168.0.1:9")))
    expect([a, b, c].map((n) => node.has(n, Mark.Provisional))).toEqual([false, true, true])
    expect(node.claim(a)).toBe("Alive 2 5")
    expect(node.events.slice(3)).toEqual(["Updated 1"])
  })

  it("a replay of its own entry does not settle a provisional member", () => {
    const node = open()
    node.receive(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9") })
    node.receive(a, { incarnation: 2, heartbeat: 4, entries: [alive(a, 2, 4)] })
    expect(node.has(a, Mark.Provisional)).toBe(true)
    expect(node.addressOf(a)).toBe("192.168.0.1:9")
  })

  it("an own entry with an unusable address leaves the source address in place", () => {
    const node = open()
    node.receive(a, { source: address("192.168.0.1:9"), entries: [alive(a, 0, 0, address("0.0.0.0:7000"))] })
    expect(node.events).toEqual(["Joined 1"])
    expect(node.addressOf(a)).toBe("192.168.0.1:9")
    expect(node.has(a, Mark.Provisional)).toBe(true)
  })

  it("a header does not change a known address", () => {
    const node = open()
    node.passOn(alive(a, 0, 0))
    node.receive(a, { incarnation: 1, heartbeat: 5, source: address("192.168.0.1:9") })
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.claim(a)).toBe("Alive 1 5")
  })

  it.each(["0.0.0.0:7000", "[::]:7000", "10.0.0.77:0", "[::ffff:0.0.0.0]:7000", "224.0.0.1:7000", "[ff02::1]:7000"])(
    "an entry with the address %s neither adds a member nor moves one, but the rest of its claim counts",
    (text) => {
      const node = open()
      node.passOn(alive(b, 1, 1), alive(a, 1, 1, address(text)))
      expect(node.claim(a)).toBe("nothing")
      node.passOn(alive(b, 2, 2, address(text)))
      expect(node.claim(b)).toBe("Alive 2 2")
      expect(node.addressOf(b)).toBe("10.0.0.2:7000")
      checkInvariants(node.view)
    }
  )

  it("a node whose source address is unusable does not join", () => {
    const node = open()
    expect(node.receive(a, { source: address("10.0.0.1:0") }).sender).toBe(-1)
    expect(node.claim(a)).toBe("nothing")
  })

  it("an IPv4-mapped address is the IPv4 address of the same member", () => {
    const node = open()
    node.passOn(alive(a, 0, 5))
    node.passOn(alive(a, 0, 5, address("[::ffff:10.0.0.1]:7000")), alive(a, 1, 5, address("[::ffff:10.0.0.1]:7000")))
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.transitions[1]).toMatchObject({ kind: "Updated", previousIncarnation: 0 })
    node.passOn(alive(b, 0, 0, address("[::ffff:10.0.0.2]:7000")))
    expect(node.addressOf(b)).toBe("10.0.0.2:7000")
    node.passOn(aboutUs("Alive", 0, 0, address("[::ffff:10.0.0.100]:7000")))
    expect(node.conflicts).toEqual([])
  })

  it("the entries of a message are merged before its header, so its sender joins with its own address", () => {
    const node = open()
    node.receive(a, { incarnation: 1, heartbeat: 5, source: address("192.168.0.1:9"), entries: [alive(a, 1, 4)] })
    expect(node.events).toEqual(["Joined 1"])
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.claim(a)).toBe("Alive 1 5")
    expect(node.has(a, Mark.Provisional)).toBe(false)
  })

  it("entries with a status of a later format are skipped", () => {
    const node = open()
    const bytes = Result.getOrThrow(Message.encode(gossip(reporter, { entries: [alive(a, 0, 0), alive(b, 0, 0)] })))
    // Byte 16 of an entry is its status. Bytes 22 and 23 of the header are the checksum.
    bytes[24 + 16] = 3
    writeU16(bytes, 22, 0)
    writeU16(bytes, 22, internetChecksum(bytes, 0, bytes.length))
    expect(inbound.decode(bytes)).toBeUndefined()
    node.view.receive(inbound, Now, findings)
    expect([node.claim(a), node.claim(b)]).toEqual(["nothing", "Alive 0 0"])
  })
})
