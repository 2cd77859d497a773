/**
 * Which messages of a member are replays. A message that is older than the newest one that the member itself sent proves
 * nothing: anybody who recorded it can send it again (docs/PROTOCOL.md, 2.1).
 */
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { Header } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { Mark, type MemberTable, Phase } from "./MemberTable.ts"

export class Replays {
  readonly #table: MemberTable
  readonly #staleAfter: number

  /** `staleAfter`: how long, in ms, the heartbeat of a live member can stand still at most. */
  constructor(table: MemberTable, staleAfter: number) {
    this.#table = table
    this.#staleAfter = staleAfter
  }

  /** Whether a claim is older than the newest message that its subject itself sent us. */
  isReplay(slot: number, incarnation: number, heartbeat: number): boolean {
    const table = this.#table
    if (!table.has(slot, Mark.Heard)) return false
    const held = table.incarnation(slot)
    const heard = table.heardIncarnation(slot)
    // We hold at least what the member itself sent. If that is not lower, forged claims have driven its incarnation half
    // way round since then, and its message no longer says anything.
    const overtaken = heard !== held && SerialNumber.compare(heard, held) >= 0
    if (overtaken && table.phase(slot) === Phase.Member) return SerialNumber.compare(incarnation, held) < 0
    const byIncarnation = SerialNumber.compare(incarnation, heard)
    if (byIncarnation !== 0) return byIncarnation < 0
    return SerialNumber.compare(heartbeat, table.heardHeartbeat(slot)) < 0
  }

  /**
   * Whether a header repeats the newest one of its sender, and the heartbeat has not advanced for longer than that of a
   * live member can stand still. Then somebody else repeats the last message of a member that no longer runs.
   */
  heartbeatStalled(slot: number, header: Header, now: number): boolean {
    return this.#isNewest(slot, header) && now - this.#table.advancedAt(slot) > this.#staleAfter
  }

  /** Whether a header equals that of the newest message that its sender itself sent us. */
  #isNewest(slot: number, header: Header): boolean {
    const table = this.#table
    return (
      table.has(slot, Mark.Heard) &&
      table.heardIncarnation(slot) === header.incarnation &&
      table.heardHeartbeat(slot) === header.heartbeat
    )
  }

  /** Records a message that is no replay as the newest that its sender itself sent us. */
  record(slot: number, inbound: Inbound, now: number): void {
    const { header } = inbound
    const table = this.#table
    if (!this.#isNewest(slot, header)) table.setAdvancedAt(slot, now)
    table.mark(slot, Mark.Heard)
    table.setHeardIncarnation(slot, header.incarnation)
    table.setHeardHeartbeat(slot, header.heartbeat)
    table.setLevel(slot, header.level)
    table.setHeardAt(slot, now)
    table.setSpoke(slot, inbound.source)
    if (inbound.sealed) table.mark(slot, Mark.Sealed)
    else table.unmark(slot, Mark.Sealed)
  }
}
