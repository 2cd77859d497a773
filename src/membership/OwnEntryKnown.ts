/**
 * Which members have our own entry, so that messages of sections to them can leave it out, and whether we have theirs
 * (docs/PROTOCOL.md, 3.1).
 */
import * as Claim from "../domain/Claim.ts"
import type { EntryCursor } from "../wire/Entry.ts"
import { Kind } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { Mark, type MemberTable } from "./MemberTable.ts"

/**
 * Takes what an ACK of a member says about our own entry: it has the entry if the ACK answers a PING that carried it, and
 * it asks for the entry by a section of entries that is empty.
 */
export const recordOwnEntry = (table: MemberTable, slot: number, inbound: Inbound): void => {
  const { header, sections } = inbound
  if (!header.sectioned || header.kind !== Kind.Ack) return
  if (asksForEntry(inbound)) {
    table.unmark(slot, Mark.HasOwnEntry | Mark.OwnEntrySent)
    table.mark(slot, Mark.WantsOwnEntry)
    return
  }
  if (!table.has(slot, Mark.OwnEntrySent) || sections.sequenceIfAny !== table.ownEntrySequence(slot)) return
  table.unmark(slot, Mark.WantsOwnEntry)
  table.mark(slot, Mark.HasOwnEntry)
}

/** Notes that a PING with this sequence carries our own entry to a member. */
export const recordOwnEntrySent = (table: MemberTable, slot: number, sequence: number): void => {
  table.mark(slot, Mark.OwnEntrySent)
  table.setOwnEntrySequence(slot, sequence)
}

/**
 * Whether the sender of a message is to be asked for its own entry: it is a member that we know only by where it spoke
 * from, and the message has not brought the entry either. An entry that came with it has no usable address. `cursor` reads
 * the entries.
 */
export const lacksEntry = (
  table: MemberTable,
  sender: number,
  { bytes, entriesEnd, entriesStart }: Inbound,
  cursor: EntryCursor
): boolean => {
  if (sender < 0 || !table.has(sender, Mark.Provisional)) return false
  for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
    cursor.read(bytes, at)
    if (cursor.idHi === table.idHi(sender) && cursor.idLo === table.idLo(sender)) return false
  }
  return true
}

/** Whether we lack the tags of a member, which come with its own entry. Members of level 0 have none. */
export const lacksTags = (table: MemberTable, slot: number): boolean =>
  slot >= 0 &&
  table.level(slot) > 0 &&
  table.status(slot) !== Claim.Dead &&
  table.tags[slot]?.incarnation !== table.incarnation(slot)

/** Whether an ACK asks for our own entry, by a section of entries that is empty. */
export const asksForEntry = ({ entriesEnd, entriesStart, header, sections }: Inbound): boolean =>
  header.sectioned && header.kind === Kind.Ack && sections.has(SectionType.Entries) && entriesStart === entriesEnd
