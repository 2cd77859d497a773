import { assert, describe, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import { Mark, MemberTable, Phase, SelfSlot } from "../../src/membership/MemberTable.ts"
import { ChangeQueue } from "../../src/outbox/ChangeQueue.ts"
import { EntryPacker } from "../../src/outbox/EntryPacker.ts"
import { claimOf } from "../../src/outbox/MemberClaim.ts"
import type { EntryWriter } from "../../src/outbox/MessageForm.ts"
import { EntryCursor, type EntrySource, Ipv4EntryLength } from "../../src/wire/Entry.ts"
import { Header } from "../../src/wire/Header.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

/** Takes a number of entries, and keeps them as `id status incarnation heartbeat`. */
class Writer implements EntryWriter {
  readonly header = new Header()
  readonly written: Array<string> = []
  readonly #room: number

  constructor(room: number) {
    this.#room = room
  }

  get entries(): number {
    return this.written.length
  }

  /** In bytes. All addresses here are IPv4. */
  get room(): number {
    return (this.#room - this.written.length) * Ipv4EntryLength
  }

  entry(_hi: number, id: number, heartbeat: number, incarnation: number, status: number): boolean {
    if (this.written.length >= this.#room) return false
    this.written.push(`${id} ${status} ${incarnation} ${heartbeat}`)
    return true
  }

  entriesOf(source: EntrySource, slots: ReadonlyArray<number>, from: number, to: number): number {
    const bytes = new Uint8Array(Ipv4EntryLength)
    const cursor = new EntryCursor()
    for (let i = from; i < to; i++) {
      source.writeEntry(slots[i]!, new DataView(bytes.buffer), bytes, 0)
      cursor.read(bytes, 0)
      const { heartbeat, idHi, idLo, incarnation, status } = cursor
      if (!this.entry(idHi, idLo, heartbeat, incarnation, status)) return i
    }
    return to
  }

  get ids(): ReadonlyArray<number> {
    return this.written.map((entry) => Number(entry.split(" ")[0]))
  }
}

/** This node in slot 0 with id 0, and `size` live members with their slots as ids. */
const make = (size: number, random = () => 0) => {
  const table = new MemberTable(1)
  table.setPhase(table.take(0, 0), Phase.Self)
  for (let id = 1; id <= size; id++) {
    const slot = table.take(0, id)
    table.setPhase(slot, Phase.Member)
    table.setStatus(slot, Claim.Alive)
    table.setIncarnation(slot, 5)
    table.setAddress(slot, PackedAddress.pack(NetAddress.inetAddressFromStringUnsafe(`10.0.0.${id}:1`)), 0)
    table.addToPools(slot, 0)
  }
  const queue = new ChangeQueue()
  const entries = new EntryPacker(table, queue, new Writer(0), random)
  const start = (room = 100) => {
    const writer = new Writer(room)
    entries.begin(writer)
    return writer
  }
  return { table, queue, entries, start }
}

describe("EntryPacker", () => {
  it("writes all of some slots, and names those that left where the message has a section for them", () => {
    for (const sectioned of [false, true]) {
      const { entries, start, table } = make(4)
      table.removeFromPools(3)
      table.setStatus(3, Claim.Dead)
      table.mark(3, Mark.Left)
      table.addToPools(3, 0)
      const writer = start()
      writer.header.sectioned = sectioned
      entries.all([9, 0, 2, 3, 4, 9], 1, 5)
      assert.deepStrictEqual(writer.written, ["0 0 0 0", "2 0 5 0", "3 2 5 0", "4 0 5 0"])
      assert.deepStrictEqual(entries.left, sectioned ? [3] : [])
    }
  })

  it("names the node itself when it leaves", () => {
    const { entries, start, table } = make(1)
    table.setStatus(SelfSlot, Claim.Dead)
    table.mark(SelfSlot, Mark.Left)
    const writer = start()
    writer.header.sectioned = true
    entries.all([0, 1], 0, 2)
    assert.deepStrictEqual([writer.ids, entries.left], [[0, 1], [0]])
  })

  it("writes no node twice in a message, in whatever order it is asked", () => {
    const step = fc.tuple(fc.constantFrom("slot", "shared", "own", "heartbeats", "claim", "told"), fc.nat(20))
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 30 }), { maxLength: 5 }), fc.nat(40), (messages, room) => {
        let draws = 0
        const { entries, queue, start, table } = make(20, () => ((draws++ * 7) % 20) / 20)
        for (let slot = 1; slot <= 10; slot++) queue.add(slot, true)
        for (const steps of messages) {
          const writer = start(room)
          const before = new Set<number>()
          for (const [kind, slot] of steps) {
            // These come first in a message, before any other entry of the node.
            const first = kind === "claim" || kind === "told"
            if (first && before.has(slot)) continue
            if (kind === "slot") entries.slot(slot)
            else if (kind === "shared") entries.shared(slot)
            else if (kind === "own") entries.changes(true, 15, 3)
            else if (kind === "heartbeats") entries.heartbeats(slot, 15)
            else if (kind === "claim") entries.claim(claimOf(table, slot), Claim.Dead)
            else entries.told(slot, 9, 9, Claim.Alive)
            for (const id of writer.ids) before.add(id)
          }
          assert.isAtMost(writer.entries, room)
          assert.strictEqual(new Set(writer.ids).size, writer.entries)
        }
      })
    )
  })

  it("says whether the message has the entry, and can write it in the next message", () => {
    const { entries, start } = make(3)
    start(1)
    assert.deepStrictEqual([entries.slot(1), entries.slot(1), entries.slot(2)], [true, true, false])
    const next = start(1)
    assert.deepStrictEqual([entries.slot(2), entries.slot(1), next.ids], [true, false, [2]])
  })

  it("shares no member whose address is only where it spoke from", () => {
    const { entries, start, table } = make(2)
    table.mark(1, Mark.Provisional)
    const writer = start()
    assert.deepStrictEqual([entries.shared(1), entries.shared(2), writer.ids], [true, true, [2]])
    // It may be told about itself.
    entries.slot(1)
    assert.deepStrictEqual(writer.ids, [2, 1])
  })

  it("writes a claim, or what a member told, in place of the entry of the table", () => {
    const { entries, start, table } = make(2)
    const writer = start()
    entries.claim({ ...claimOf(table, 1), incarnation: 3, heartbeat: 4 }, Claim.Dead)
    entries.told(2, 7, 8, Claim.Alive)
    entries.slot(1)
    entries.slot(2)
    assert.deepStrictEqual(writer.written, [`1 ${Claim.Dead} 3 4`, `2 ${Claim.Alive} 7 8`])
  })

  it("writes our own entry before changes, and counts only what was written as sent", () => {
    const { entries, queue, start } = make(5)
    for (const slot of [3, SelfSlot, 1, 2]) queue.add(slot, true)
    const first = start(3)
    entries.changes(true, 100, 2)
    assert.deepStrictEqual(first.ids, [0, 3, 1])
    const second = start()
    entries.changes(true, 100, 2)
    // 2 was not sent yet, so it comes first; 3, 1 and our own were sent twice, and leave the queue.
    assert.deepStrictEqual(second.ids, [0, 2, 3, 1])
    assert.deepStrictEqual([queue.size, queue.has(2)], [1, true])
  })

  it("counts a change of our own entry as sent to a receiver that has it, so that it leaves the queue", () => {
    const { entries, queue, start } = make(5)
    for (const slot of [3, SelfSlot]) queue.add(slot, true)
    const first = start()
    entries.changes(false, 100, 2)
    assert.deepStrictEqual(first.ids, [3])
    assert.isTrue(queue.has(SelfSlot))
    start()
    entries.changes(false, 100, 2)
    assert.deepStrictEqual([queue.size, queue.has(SelfSlot)], [0, false])
  })

  it("leaves out what the receiver knows about itself, unless it is suspected", () => {
    const { entries, queue, start, table } = make(5, () => 0)
    for (const slot of [3, 4]) queue.add(slot, true)
    const alive = start()
    entries.changes(true, 100, 2, 3)
    assert.deepStrictEqual(alive.ids, [0, 4])
    table.setStatus(3, Claim.Suspect)
    const suspect = start()
    entries.changes(true, 100, 2, 3)
    assert.deepStrictEqual(suspect.ids, [0, 3, 4])
    // Only what was sent counts as sent.
    assert.deepStrictEqual([queue.has(3), queue.has(4)], [true, false])
    const [first, again] = [start(), start()]
    entries.heartbeats(1, 100)
    const drawn = again.ids[0]!
    const without = start()
    entries.heartbeats(1, 100, drawn)
    assert.deepStrictEqual([first.ids, again.ids, without.ids], [[], [drawn], []])
  })

  it("keeps to the limit of entries with changes and with heartbeats", () => {
    const { entries, queue, start } = make(20, () => 0.5)
    for (let slot = 1; slot <= 20; slot++) queue.add(slot, true)
    const changes = start()
    entries.changes(true, 6, 3)
    assert.strictEqual(changes.entries, 6)
    entries.heartbeats(5, 6)
    assert.strictEqual(changes.entries, 6)
    const heartbeats = start()
    entries.heartbeats(5, 100)
    // The same member is drawn each time.
    assert.strictEqual(heartbeats.entries, 1)
  })
})
