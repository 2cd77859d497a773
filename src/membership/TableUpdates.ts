/** Writes claims that won into the table, and tells observers what changed. */
import * as Claim from "../domain/Claim.ts"
import { AddressFrom, type ClaimRecord } from "./ClaimRecord.ts"
import { Mark, type MemberTable, Phase, SelfSlot } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"
import type { TagRules } from "./TagRules.ts"
import type { Transition, TransitionKind } from "./ViewObserver.ts"

type Before = Pick<Transition, "previousStatus" | "previousIncarnation" | "previousAddress">

export class TableUpdates {
  /** Nodes that were listed. */
  added = 0
  /** Claims that changed a listed member. */
  changed = 0
  /** Nodes that found the table full. */
  refused = 0
  readonly #table: MemberTable
  readonly #observers: Observers
  readonly #tags: TagRules
  readonly #maxMembers: number

  /** `maxMembers`: the most listed members. Further nodes are refused, and none is dropped for them. */
  constructor(table: MemberTable, observers: Observers, tags: TagRules, maxMembers: number) {
    this.#table = table
    this.#observers = observers
    this.#tags = tags
    this.#maxMembers = maxMembers
  }

  /** Whether there is room for another member; counts a refusal if not. */
  hasRoom(): boolean {
    if (this.#table.listed < this.#maxMembers) return true
    this.refused++
    return false
  }

  /**
   * Gives a listed member the claim, which beats what the table holds. `moves`: the member also gets the claim's address.
   */
  apply(slot: number, claim: ClaimRecord, moves: boolean): void {
    const table = this.#table
    const { heartbeat, incarnation, left, now, status } = claim
    if (status === Claim.Alive) table.setHeardAt(slot, now)
    const newIncarnation = incarnation !== table.incarnation(slot)
    const leaves = left && !table.has(slot, Mark.Left)
    // A heartbeat alone is no change.
    if (!newIncarnation && status === table.status(slot) && !moves && !leaves) {
      table.setHeartbeat(slot, heartbeat)
      if (status === Claim.Alive) table.setAliveHeartbeat(slot, heartbeat)
      return
    }
    const before = this.#before(slot, moves)
    const wasLeft = table.has(slot, Mark.Left)
    table.removeFromPools(slot)
    table.setIncarnation(slot, incarnation)
    table.setHeartbeat(slot, heartbeat)
    if (status === Claim.Alive) {
      table.mark(slot, Mark.AliveKnown)
      table.setAliveHeartbeat(slot, heartbeat)
    } else if (newIncarnation) table.unmark(slot, Mark.AliveKnown)
    if (newIncarnation || status !== Claim.Dead) table.unmark(slot, Mark.Left)
    if (left) table.mark(slot, Mark.Left)
    if (moves) this.#move(slot, claim)
    if (before.previousStatus !== status) table.setSince(slot, now)
    this.changed++
    if (before.previousStatus === Claim.Dead && status === Claim.Suspect)
      return this.#returnSuspected(slot, before, claim)
    table.setStatus(slot, status)
    table.addToPools(slot, now)
    const sameStatus = before.previousStatus === status && wasLeft === table.has(slot, Mark.Left)
    this.#emit(sameStatus ? "Updated" : kindOf(status, left), slot, before, claim)
  }

  /** A dead member is back, and suspected already: observers are told that it is back first. The slot is in no pool. */
  #returnSuspected(slot: number, before: Before, claim: ClaimRecord): void {
    const table = this.#table
    table.setStatus(slot, Claim.Alive)
    table.addToPools(slot, claim.now)
    this.#emit("Recovered", slot, before, claim)
    const back = this.#before(slot, false)
    table.removeFromPools(slot)
    table.setStatus(slot, Claim.Suspect)
    table.addToPools(slot, claim.now)
    this.#emit("Suspected", slot, back, claim)
  }

  /** Lists the node of a claim. Returns its slot, or -1 when the table is full. */
  insert(claim: ClaimRecord): number {
    if (!this.hasRoom()) return -1
    const slot = this.#table.take(claim.idHi, claim.idLo)
    this.list(slot, claim, claim.status)
    return slot
  }

  /** Lists the node of a claim in a slot that was taken for it, or was its tombstone. */
  list(slot: number, claim: ClaimRecord, previousStatus: number): void {
    const table = this.#table
    const { addressFrom, heartbeat, incarnation, now, status } = claim
    const provisional =
      addressFrom === AddressFrom.Table ? table.has(slot, Mark.Provisional) : addressFrom === AddressFrom.Source
    this.#move(slot, claim)
    if (provisional) table.mark(slot, Mark.Provisional)
    table.setPhase(slot, Phase.Member)
    table.setIncarnation(slot, incarnation)
    table.setHeartbeat(slot, heartbeat)
    table.setStatus(slot, status)
    table.unmark(slot, Mark.AliveKnown | Mark.Left)
    if (status === Claim.Alive) table.mark(slot, Mark.AliveKnown)
    table.setAliveHeartbeat(slot, heartbeat)
    table.setSince(slot, now)
    table.setHeardAt(slot, now)
    table.tags[slot] = undefined
    this.#tags.listed(slot)
    table.addToPools(slot, now)
    this.added++
    this.#emit("Joined", slot, { previousStatus, previousIncarnation: incarnation, previousAddress: undefined }, claim)
  }

  /** Gives a member that was known only by where its messages come from the address of its own entry. */
  settleAddress(slot: number, claim: ClaimRecord): void {
    const table = this.#table
    const before = this.#before(slot, true)
    table.removeFromPools(slot)
    this.#move(slot, claim)
    table.addToPools(slot, claim.now)
    this.#emit("Updated", slot, before, claim)
  }

  /** Marks a dead member as one that left. */
  markLeft(slot: number, claim: ClaimRecord): void {
    const table = this.#table
    const before = this.#before(slot, false)
    table.removeFromPools(slot)
    table.setIncarnation(slot, claim.incarnation)
    table.mark(slot, Mark.Left)
    table.addToPools(slot, claim.now)
    this.#emit("Left", slot, before, claim)
  }

  #move(slot: number, { address, addressAt, now }: ClaimRecord): void {
    const table = this.#table
    // A member that is known only by where its messages come from may have answered there.
    const settles = table.has(slot, Mark.Provisional) && table.sameAddress(slot, address, addressAt)
    if (!settles) table.moved(slot, address, addressAt)
    table.setAddress(slot, address, addressAt)
    if (slot < table.routes.length) table.routes[slot] = undefined
    table.unmark(slot, Mark.Provisional | Mark.AtOurAddress)
    if (table.sameAddress(SelfSlot, address, addressAt)) table.markAtOurAddress(slot, now)
  }

  /** `moves`: its address changes. An `InetAddress` costs more than all else here. */
  #before(slot: number, moves: boolean): Before {
    return {
      previousStatus: this.#table.status(slot),
      previousIncarnation: this.#table.incarnation(slot),
      previousAddress: moves ? this.#table.inetAddress(slot) : undefined
    }
  }

  #emit(kind: TransitionKind, slot: number, before: Before, claim: ClaimRecord): void {
    const { previousAddress, previousIncarnation, previousStatus } = before
    const { cause, now } = claim
    this.#observers.transition({ slot, kind, cause, now, previousStatus, previousIncarnation, previousAddress })
  }
}

const kindOf = (status: number, left: boolean): TransitionKind => {
  if (status === Claim.Alive) return "Recovered"
  if (status === Claim.Suspect) return "Suspected"
  return left ? "Left" : "Died"
}
