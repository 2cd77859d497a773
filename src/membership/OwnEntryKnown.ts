/** Which members have our own entry, so that messages of sections to them can leave it out (docs/PROTOCOL.md, 3.1). */
import { Kind } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { Mark, type MemberTable } from "./MemberTable.ts"

/** Takes what an ACK of a member says: it has our own entry, or it asks for it by a section of entries that is empty. */
export const recordOwnEntry = (table: MemberTable, slot: number, inbound: Inbound): void => {
  const { entriesEnd, entriesStart, header, sections } = inbound
  if (!header.sectioned || header.kind !== Kind.Ack) return
  if (sections.has(SectionType.Entries) && entriesStart === entriesEnd) {
    table.unmark(slot, Mark.HasOwnEntry)
    table.mark(slot, Mark.WantsOwnEntry)
  } else if (table.has(slot, Mark.OwnEntrySent)) {
    table.unmark(slot, Mark.WantsOwnEntry)
    table.mark(slot, Mark.HasOwnEntry)
  }
}
