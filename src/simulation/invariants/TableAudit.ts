/** Whether the parts of a member table agree with each other and with the reported changes. */
import { Dead, Suspect } from "../../domain/Claim.ts"
import type { ClusterView } from "../../membership/ClusterView.ts"
import { Mark, Phase, SelfSlot } from "../../membership/MemberTable.ts"
import { claimText } from "./ClaimText.ts"
import type { ReportedTable } from "./ReportedTable.ts"

/** The first contradiction, as a sentence, or `undefined`. */
export const tableProblem = (view: ClusterView, reported: ReportedTable): string | undefined => {
  const { table } = view
  const counted = { alive: 1, suspect: 0, dead: 0, left: 0, tombstones: 0, unlisted: 0 }
  for (let slot = 0; slot < table.top; slot++) {
    const phase = table.phase(slot)
    const isListed = reported.isListed(slot)
    if (phase === Phase.Free) {
      if (isListed) return `slot ${slot} was freed without a report`
      continue
    }
    if (table.index.get(table.idHi(slot), table.idLo(slot)) !== slot) {
      return `the index does not lead to ${view.idOf(slot)}`
    }
    if (slot === SelfSlot) continue
    if (phase === Phase.Tombstone) {
      if (isListed) return `${view.idOf(slot)} became a tombstone without a report`
      if (table.has(slot, Mark.Unlisted)) counted.unlisted++
      else counted.tombstones++
      continue
    }
    const status = table.status(slot)
    const incarnation = table.incarnation(slot)
    if (!isListed) return `${view.idOf(slot)} is listed without a report`
    if (reported.status[slot] !== status || reported.incarnation[slot] !== incarnation) {
      return `${view.idOf(slot)} became ${claimText(incarnation, status)} without a report`
    }
    if (status === Dead) {
      counted.dead++
      if (table.has(slot, Mark.Left)) counted.left++
      continue
    }
    if (status === Suspect) counted.suspect++
    else counted.alive++
    const owner = table.liveAt(table.addressBytes(slot), table.addressAt(slot))
    const found = owner >= 0 && table.isLive(owner)
    if (!found || !table.sameAddress(slot, table.addressBytes(owner), table.addressAt(owner))) {
      return `the index by address does not lead to ${view.idOf(slot)}`
    }
  }
  return countProblem(view, counted)
}

const counts = ["alive", "suspect", "dead", "left", "tombstones", "unlisted"] as const

const countProblem = (
  { table }: ClusterView,
  counted: Readonly<Record<(typeof counts)[number], number>>
): string | undefined => {
  const kept = {
    alive: table.alive,
    suspect: table.suspect,
    dead: table.dead.length,
    left: table.leftCount,
    tombstones: table.tombstones.length,
    unlisted: table.unlisted.length
  }
  if (table.live !== kept.alive + kept.suspect) {
    return `the table counts ${table.live} live, but ${kept.alive} alive and ${kept.suspect} suspect`
  }
  for (const name of counts) {
    if (kept[name] !== counted[name]) return `the table has ${counted[name]} ${name}, but counts ${kept[name]}`
  }
  return undefined
}
