/**
 * Puts entries of the member table into a message, in the order of the calls. No
 * entry is written twice, and none that does not fit.
 */
import * as Claim from "../domain/Claim.ts"
import { extended, grownLength } from "../membership/ArrayGrowth.ts"
import { Mark, type MemberTable, SelfSlot } from "../membership/MemberTable.ts"
import { Length as LeftLength } from "../wire/sections/LeftMember.ts"
import { SectionHeaderLength } from "../wire/sections/Section.ts"
import type { ChangeQueue } from "./ChangeQueue.ts"
import type { MemberClaim } from "./MemberClaim.ts"
import type { EntryWriter } from "./MessageForm.ts"

/** The receiver of a message is no member, or does not matter. */
export const NoReceiver = -1

/**
 * Whether a member knows itself what we hold about it: that it is alive, in the incarnation in which it last spoke to us.
 * An incarnation that it did not tell us may be forged, and only the member can refute it.
 */
export const knowsItself = (table: MemberTable, slot: number): boolean =>
  table.status(slot) === Claim.Alive &&
  (!table.has(slot, Mark.Heard) || table.heardIncarnation(slot) === table.incarnation(slot))

/** Bytes of the section that names `count` members that left. */
export const leftLength = (count: number): number => (count === 0 ? 0 : SectionHeaderLength + count * LeftLength)

/** Packs the entries of one message at a time. */
export class EntryPacker {
  readonly #table: MemberTable
  readonly #queue: ChangeQueue
  readonly #random: () => number
  #writer: EntryWriter
  /** The number of the message in which each slot's entry was last written. */
  #stamps = new Uint32Array(16)
  #stamp = 0
  readonly #sent: Array<number> = []
  /** Slots of this message whose members left. A message of sections names them in a section of its own. */
  readonly left: Array<number> = []

  constructor(table: MemberTable, queue: ChangeQueue, writer: EntryWriter, random: () => number) {
    this.#table = table
    this.#queue = queue
    this.#writer = writer
    this.#random = random
  }

  /** Starts the next message, which `writer` takes. */
  begin(writer: EntryWriter): void {
    this.#writer = writer
    this.#stamp = (this.#stamp + 1) >>> 0
    this.left.length = 0
  }

  /** Writes the entry of a slot, unless the message has it. Returns `false` when it does not fit. */
  slot(slot: number): boolean {
    const table = this.#table
    return this.#write(
      slot,
      this.#writer.header.sectioned && table.status(slot) === Claim.Dead && table.has(slot, Mark.Left)
    )
  }

  /** Writes the entry of the receiver, which knows itself whether it left. Returns `false` when it does not fit. */
  receiver(slot: number): boolean {
    return this.#write(slot, false)
  }

  #write(slot: number, hasLeft: boolean): boolean {
    if (this.#stamps[slot] === this.#stamp) return true
    const table = this.#table
    if (this.#writer.room < table.entryLength(slot) + leftLength(this.left.length + (hasLeft ? 1 : 0))) return false
    const written = this.#writer.entry(
      table.idHi(slot),
      table.idLo(slot),
      table.heartbeat(slot),
      table.incarnation(slot),
      table.status(slot),
      table.addressBytes(slot),
      table.addressAt(slot)
    )
    if (written) this.#stampSlot(slot)
    if (written && hasLeft) this.left.push(slot)
    return written
  }

  /** Writes the entries of slots that a message without entries has room for. */
  all(slots: ReadonlyArray<number>, from: number, to: number): void {
    const table = this.#table
    const namesLeft = this.#writer.header.sectioned && (table.leftCount > 0 || table.has(SelfSlot, Mark.Left))
    if (!namesLeft) this.#writer.entriesOf(table, slots, from, to)
    else for (let i = from; i < to; i++) this.slot(slots[i]!)
  }

  /**
   * The same as `slot`, except that a member whose address is only where it spoke from is passed over: others cannot use it. A
   * tombstone is not, since it answers claims that it refuses.
   */
  shared(slot: number): boolean {
    return this.#table.has(slot, Mark.Provisional) || this.slot(slot)
  }

  /** Writes a claim in place of the entry that the table may have of the node. */
  claim({ address, heartbeat, idHi, idLo, incarnation }: MemberClaim, status: number): void {
    if (!this.#writer.entry(idHi, idLo, heartbeat, incarnation, status, address, 0)) return
    const slot = this.#table.index.get(idHi, idLo)
    if (slot >= 0) this.#stampSlot(slot)
  }

  /** Writes a status of a member that its own message tells, in place of the entry that the table has of it. */
  told(slot: number, incarnation: number, heartbeat: number, status: number): void {
    const table = this.#table
    const address = table.addressBytes(slot)
    const at = table.addressAt(slot)
    if (this.#writer.entry(table.idHi(slot), table.idLo(slot), heartbeat, incarnation, status, address, at)) {
      this.#stampSlot(slot)
    }
  }

  /**
   * Writes queued changes until the message has `limit` entries, after our own entry if `own`. Counts each of them as sent
   * once more; at `retransmits` a change leaves the queue. So does our own entry without `own`, since the receiver has it.
   * A change of the receiver `to` is left out if it knows that itself. It counts as sent if
   * there is nobody else to send it to.
   */
  changes(own: boolean, limit: number, retransmits: number, to = NoReceiver): void {
    const sent = this.#sent
    sent.length = 0
    if (!own || this.slot(SelfSlot)) sent.push(SelfSlot)
    const knowing = to >= 0 && knowsItself(this.#table, to) ? to : NoReceiver
    this.#queue.forEach((slot) => {
      if (slot === SelfSlot) return true
      if (slot === knowing) {
        if (this.#table.live <= 2) sent.push(slot)
        return true
      }
      if (this.#writer.entries >= limit || !this.slot(slot)) return false
      sent.push(slot)
      return true
    })
    for (const slot of sent) this.#queue.countSent(slot, retransmits)
  }

  /** Writes the entries of up to `count` random live members but the receiver `to` until the message has `limit` entries. */
  heartbeats(count: number, limit: number, to = NoReceiver): void {
    const table = this.#table
    const most = Math.min(count, limit - this.#writer.entries, table.live - 1)
    for (let i = 0; i < most; i++) {
      const slot = table.randomLive(this.#random)
      if (slot >= 0 && slot !== to && !this.shared(slot)) return
    }
  }

  #stampSlot(slot: number): void {
    if (slot >= this.#stamps.length) {
      this.#stamps = extended(new Uint32Array(grownLength(slot)), this.#stamps)
    }
    this.#stamps[slot] = this.#stamp
  }
}
