import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { AddressFrom, ClaimRecord } from "../../src/membership/ClaimRecord.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { a, address, b, dead, gossip, id, Now, reporter, suspect } from "./View.ts"

const message = (...entries: ReadonlyArray<Message.MessageEntry>) => {
  const inbound = new Inbound()
  const bytes = Result.getOrThrow(Message.encode(gossip(reporter, { incarnation: 2, heartbeat: 3, entries })))
  expect(inbound.decode(bytes)).toBeUndefined()
  return inbound
}
const textOf = (claim: ClaimRecord) => String(PackedAddress.read(claim.address, claim.addressAt))

describe("ClaimRecord", () => {
  it("takes the claims of a message's entries one after another", () => {
    const inbound = message(suspect(a, 5, 6), dead(b, 7, 8, address("[2001:db8::1]:9")))
    const claim = new ClaimRecord()
    claim.startMessage(inbound.header, inbound.source, false, Now)
    claim.read(inbound.bytes, inbound.entriesStart)
    expect(claim).toMatchObject({ idHi: a, idLo: a, incarnation: 5, heartbeat: 6, status: Claim.Suspect, now: Now })
    expect(textOf(claim)).toBe("10.0.0.1:7000")
    claim.read(inbound.bytes, claim.next)
    expect(claim).toMatchObject({ idHi: b, idLo: b, incarnation: 7, heartbeat: 8, status: Claim.Dead })
    expect(textOf(claim)).toBe("[2001:db8::1]:9")
    expect(claim.next).toBe(inbound.entriesEnd)
    expect(claim.by).toBe(id(reporter))
  })

  it("makes an IPv4-mapped address IPv4, and goes on after the entry", () => {
    const inbound = message(suspect(a, 5, 6, address("[::ffff:10.0.0.7]:9")), dead(b, 7, 8))
    const claim = new ClaimRecord()
    claim.read(inbound.bytes, inbound.entriesStart)
    expect(textOf(claim)).toBe("10.0.0.7:9")
    claim.read(inbound.bytes, claim.next)
    expect([claim.idLo, textOf(claim)]).toEqual([b, "10.0.0.2:7000"])
  })

  it("takes the claim of a header, which is first-hand and has no address of its own", () => {
    const inbound = message()
    const claim = new ClaimRecord()
    claim.startMessage(inbound.header, inbound.source, false, Now)
    claim.readHeader(inbound.header)
    claim.setAddress(inbound.source, 0, AddressFrom.Source)
    expect(claim).toMatchObject({ idLo: reporter, incarnation: 2, heartbeat: 3, status: Claim.Alive, firstHand: true })
    expect([claim.address, claim.addressFrom]).toEqual([inbound.source, AddressFrom.Source])
  })

  it("keeps nothing of a decision or a LEAVE when the next message starts", () => {
    const inbound = message(suspect(a, 5, 6))
    const claim = new ClaimRecord()
    const cause = { _tag: "LeaveReceived" } as const
    claim.decide({ incarnation: 1, status: Claim.Dead, heartbeat: 2 }, cause, Now)
    expect(claim).toMatchObject({ incarnation: 1, status: Claim.Dead, heartbeat: 2, cause })
    claim.left = true
    claim.startMessage(inbound.header, inbound.source, false, Now + 1)
    expect([claim.statedCause, claim.left, claim.now]).toEqual([undefined, false, Now + 1])
    expect(claim.cause).toEqual({ _tag: "Claimed", by: NodeId.fromWords(inbound.header.idHi, inbound.header.idLo) })
  })

  it("is first-hand if the sender makes it about itself in a message that is no replay", () => {
    const inbound = message(suspect(reporter, 5, 6), suspect(a, 5, 6))
    for (const replay of [false, true]) {
      const claim = new ClaimRecord()
      claim.startMessage(inbound.header, inbound.source, replay, Now)
      claim.read(inbound.bytes, inbound.entriesStart)
      expect(claim.firstHand).toBe(!replay)
      claim.read(inbound.bytes, claim.next)
      expect(claim.firstHand).toBe(false)
    }
  })
})
