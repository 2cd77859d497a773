/** The LEAVE messages that wait for an acknowledgement, and the rule by which an ACK acknowledges one. */
import * as Claim from "../domain/Claim.ts"
import { type MemberTable, SelfSlot } from "../membership/MemberTable.ts"
import { EntryCursor } from "../wire/Entry.ts"
import type { Inbound } from "../wire/Inbound.ts"

/** One message that waits. */
export interface Pending {
  /** The slot of the member that the message went to. */
  readonly slot: number
  /** Called when the message need not be sent again. */
  readonly settle: () => void
}

/** All messages that wait. */
export class PendingAcknowledgements {
  readonly #table: MemberTable
  readonly #pending = new Set<Pending>()
  readonly #cursor = new EntryCursor()

  constructor(table: MemberTable) {
    this.#table = table
  }

  get size(): number {
    return this.#pending.size
  }

  add(pending: Pending): void {
    this.#pending.add(pending)
  }

  delete(pending: Pending): void {
    this.#pending.delete(pending)
  }

  /**
   * Takes an ACK of the member in `slot`. From level 1 on, an ACK acknowledges our LEAVE only if it carries our entry as
   * Dead. An ACK of level 0 says nothing about what it acknowledges, so any counts.
   */
  receive(slot: number, ack: Inbound): void {
    if (this.#pending.size === 0) return
    if (this.#table.level(slot) === 0 || this.#carriesOurDeath(ack)) this.settle(slot)
  }

  /** Settles what waits for the member in `slot`, because it has acknowledged or is gone. */
  settle(slot: number): void {
    for (const pending of this.#pending) if (pending.slot === slot) pending.settle()
  }

  #carriesOurDeath({ bytes, entriesEnd, entriesStart }: Inbound): boolean {
    const table = this.#table
    const cursor = this.#cursor
    for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
      cursor.read(bytes, at)
      if (cursor.idHi === table.idHi(SelfSlot) && cursor.idLo === table.idLo(SelfSlot)) {
        return cursor.status === Claim.Dead && cursor.incarnation === table.incarnation(SelfSlot)
      }
    }
    return false
  }
}
