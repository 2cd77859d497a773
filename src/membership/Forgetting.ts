/**
 * Dead members that an operator wants off the list, at every member at once.
 *
 * A member is forgotten in one incarnation, and becomes a tombstone as at the end of its retention. So old claims do not
 * bring it back, and a node that lives after all comes back by a higher incarnation.
 */
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import { setNewest } from "../domain/OldestKey.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { type MemberTable, Phase, SelfSlot } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"
import type { Tombstones } from "./Tombstones.ts"

/** How long a wish about a member that is not dead here yet is remembered, in ms. */
export const RememberedFor = 600_000
/** The most such wishes; the oldest makes room. */
export const MaxRemembered = 1024

interface Wish {
  readonly incarnation: number
  readonly by: NodeId.NodeId
  readonly until: number
}

/** What `Forgetting` is made of. */
export interface ForgettingParts {
  readonly table: MemberTable
  readonly observers: Observers
  readonly tombstones: Tombstones
}

export class Forgetting {
  readonly #table: MemberTable
  readonly #observers: Observers
  readonly #tombstones: Tombstones
  /** Members that are to be forgotten once they are dead. */
  readonly #wishes = new Map<NodeId.NodeId, Wish>()

  constructor({ observers, table, tombstones }: ForgettingParts) {
    this.#table = table
    this.#observers = observers
    this.#tombstones = tombstones
  }

  /** Forgets a member that is dead in this incarnation or a lower one: now, or as soon as this node knows of its death. */
  forget(id: NodeId.NodeId, incarnation: number, by: NodeId.NodeId, now: number): void {
    const table = this.#table
    const slot = table.index.get(NodeId.hi(id), NodeId.lo(id))
    if (slot === SelfSlot) return
    this.#observers.forgetAsked(id, incarnation, by)
    if (slot < 0 || table.phase(slot) !== Phase.Member) return
    if (SerialNumber.compare(table.incarnation(slot), incarnation) > 0) return
    if (table.status(slot) === Claim.Dead) return this.#tombstones.buryNow(slot, by, now)
    setNewest(this.#wishes, id, { incarnation, by, until: now + RememberedFor }, MaxRemembered)
  }

  /** Notes a change of a member. One that died, and is to be forgotten, is buried by the next `expire` of the tombstones. */
  changed(slot: number, now: number): void {
    if (this.#wishes.size === 0 || this.#table.status(slot) !== Claim.Dead) return
    const id = NodeId.fromWords(this.#table.idHi(slot), this.#table.idLo(slot))
    const wish = this.#wishes.get(id)
    if (wish === undefined) return
    this.#wishes.delete(id)
    if (now >= wish.until || SerialNumber.compare(this.#table.incarnation(slot), wish.incarnation) > 0) return
    this.#tombstones.buryNext(slot, wish.by)
  }
}
