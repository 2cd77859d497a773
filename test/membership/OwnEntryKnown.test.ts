import { assert, describe, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import { Mark, MemberTable, Phase } from "../../src/membership/MemberTable.ts"
import { lacksEntry, recordOwnEntry, recordOwnEntrySent } from "../../src/membership/OwnEntryKnown.ts"
import { EntryCursor } from "../../src/wire/Entry.ts"
import { Kind, MaxLevel } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { SectionType } from "../../src/wire/sections/Section.ts"

const address = PackedAddress.pack(NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946"))

/** The sequence of the PING that carried our own entry. */
const Sequence = 7

/** A message with a section of that many entries, or without one. */
const message = (kind: number, entries: number | undefined, sectioned = true, sequence = Sequence): Inbound => {
  const writer = new MessageWriter()
  if (sectioned) {
    writer.beginSectioned(kind, 0)
    if (kind === Kind.Ack) writer.ackProbe(sequence)
    if (kind === Kind.Ping) writer.pingProbe(sequence, 0, 0)
    if (entries !== undefined) writer.beginSection(SectionType.Entries)
    writer.keepSection()
  } else writer.begin(kind, 0)
  for (let id = 0; id < (entries ?? 0); id++) writer.entry(0, id, 0, 0, 0, address, 0)
  const inbound = new Inbound()
  assert.isUndefined(inbound.decode(writer.finish(), MaxLevel))
  return inbound
}

/** Records messages of a member, and returns whether it has our own entry and whether it asks for it. */
const after = (marks: number, ...messages: ReadonlyArray<Inbound>) => {
  const table = new MemberTable(1)
  table.setPhase(table.take(0, 0), Phase.Self)
  const slot = table.take(0, 1)
  if ((marks & Mark.OwnEntrySent) !== 0) recordOwnEntrySent(table, slot, Sequence)
  table.mark(slot, marks)
  for (const inbound of messages) recordOwnEntry(table, slot, inbound)
  return { has: table.has(slot, Mark.HasOwnEntry), wants: table.has(slot, Mark.WantsOwnEntry) }
}

describe("the ACK of a member", () => {
  it("says that it has our own entry, if that was sent", () => {
    for (const entries of [undefined, 1, 3]) {
      assert.deepStrictEqual(after(Mark.OwnEntrySent, message(Kind.Ack, entries)), { has: true, wants: false })
      assert.deepStrictEqual(after(0, message(Kind.Ack, entries)), { has: false, wants: false })
    }
  })

  it("says nothing if it answers another PING than that with our own entry, or none", () => {
    const nothing = { has: false, wants: false }
    assert.deepStrictEqual(after(Mark.OwnEntrySent, message(Kind.Ack, undefined, true, 8)), nothing)
    const writer = new MessageWriter()
    writer.beginSectioned(Kind.Ack, 0)
    const inbound = new Inbound()
    assert.isUndefined(inbound.decode(writer.finish(), MaxLevel))
    assert.deepStrictEqual(after(Mark.OwnEntrySent, inbound), nothing)
  })

  it("asks for our own entry by an empty section of entries, until it acknowledges that entry", () => {
    const asks = message(Kind.Ack, 0)
    assert.deepStrictEqual(after(Mark.OwnEntrySent | Mark.HasOwnEntry, asks), { has: false, wants: true })
    assert.deepStrictEqual(after(0, asks, message(Kind.Ack, 1)), { has: false, wants: true })
    // The entry went out before it was asked for, and so may have been lost.
    assert.deepStrictEqual(after(Mark.OwnEntrySent, asks, message(Kind.Ack, 1)), { has: false, wants: true })
  })

  it("says nothing of the kind in the form of version 1", () => {
    assert.deepStrictEqual(after(Mark.OwnEntrySent, message(Kind.Ack, 0, false)), { has: false, wants: false })
    assert.deepStrictEqual(after(Mark.OwnEntrySent, message(Kind.Ack, 1, false)), { has: false, wants: false })
  })
})

describe("any other message of a member", () => {
  it("says nothing about our own entry", () => {
    for (const kind of [Kind.Gossip, Kind.Ping, Kind.AntiEntropy]) {
      for (const entries of [undefined, 0, 1]) {
        const marks = Mark.OwnEntrySent
        assert.deepStrictEqual(after(marks, message(kind, entries)), { has: false, wants: false })
        assert.deepStrictEqual(after(marks | Mark.HasOwnEntry, message(kind, entries)), { has: true, wants: false })
      }
    }
  })
})

describe("the entry of a sender", () => {
  it("is lacking if only its address of origin is known and the message brings no other", () => {
    const table = new MemberTable(1)
    table.setPhase(table.take(0, 0), Phase.Self)
    const slot = table.take(0, 1)
    const cursor = new EntryCursor()
    assert.isFalse(lacksEntry(table, slot, message(Kind.Ping, undefined), cursor))
    table.mark(slot, Mark.Provisional)
    assert.isTrue(lacksEntry(table, slot, message(Kind.Ping, undefined), cursor))
    assert.isTrue(lacksEntry(table, slot, message(Kind.Ping, 1), cursor))
    assert.isFalse(lacksEntry(table, slot, message(Kind.Ping, 2), cursor))
    assert.isFalse(lacksEntry(table, -1, message(Kind.Ping, undefined), cursor))
  })
})
