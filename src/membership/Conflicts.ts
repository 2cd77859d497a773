/** Other nodes that claim our id or our address. */
import type { NetAddress } from "effect/net"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import type { ClaimRecord } from "./ClaimRecord.ts"
import type { MemberTable } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"
import type { Conflict } from "./ViewObserver.ts"

/** After this many ms, old gossip about a node that ran at our address before us is no longer passed on. */
const FormerSelfSettles = 10_000
/** Conflicts that are remembered as reported. Beyond it, none is reported any more. */
const MaxReported = 1024

export class Conflicts {
  /** Claims that were conflicts. */
  readonly countByKind: Record<Conflict["kind"], number> = { SameId: 0, SameAddress: 0 }
  readonly #table: MemberTable
  readonly #observers: Observers
  readonly #reported = new Set<string>()

  constructor(table: MemberTable, observers: Observers) {
    this.#table = table
    this.#observers = observers
  }

  /**
   * Checks a claim about a member whose address is ours. It is our former self, which is left alone to die, unless it
   * sends messages or others know newer claims of it after old gossip has settled. `won`: the claim beat what was held.
   */
  checkOurAddress(slot: number, claim: ClaimRecord, won: boolean): void {
    const table = this.#table
    if (!table.isLive(slot)) return
    const settled = claim.now - table.atOurAddressSince(slot) > FormerSelfSettles
    if (claim.firstHand || (won && settled && table.status(slot) === Claim.Alive)) {
      const id = NodeId.fromWords(table.idHi(slot), table.idLo(slot))
      this.report("SameAddress", id, table.inetAddress(slot), claim)
    }
  }

  /** Counts a conflict, and notifies the observers the first time. */
  report(kind: Conflict["kind"], id: NodeId.NodeId, address: NetAddress.InetAddress, claim: ClaimRecord): void {
    this.countByKind[kind]++
    const key = `${kind} ${id} ${address}`
    if (this.#reported.has(key) || this.#reported.size >= MaxReported) return
    this.#reported.add(key)
    this.#observers.conflict({ kind, id, address, by: claim.by }, claim.now)
  }
}
