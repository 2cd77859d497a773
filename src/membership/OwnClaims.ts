/** Claims about ourselves. We are the authority on them: what is wrong is refuted with a higher incarnation. */
import type { NetAddress } from "effect/net"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { IncarnationReserve } from "../state/IncarnationReserve.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type { ClaimRecord } from "./ClaimRecord.ts"
import type { Conflicts } from "./Conflicts.ts"
import { Mark, type MemberTable, SelfSlot } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"
import type { UsableAddresses } from "./UsableAddresses.ts"

/** What `OwnClaims` is made of. */
export interface OwnClaimsOptions {
  readonly table: MemberTable
  readonly observers: Observers
  readonly conflicts: Conflicts
  /** A claim about our id with another address is refuted at most once in this time, in ms. */
  readonly conflictInterval: number
  /** The incarnations that may be used; all if there is none. */
  readonly incarnations: IncarnationReserve | undefined
  readonly usable: UsableAddresses
}

export class OwnClaims {
  /** Whether we announced that we leave. From then on nothing about ourselves is refuted. */
  leaving = false
  /** Suspect and Dead claims that were refuted. */
  refutations = 0
  readonly #options: OwnClaimsOptions
  readonly #table: MemberTable
  #conflictRefutedAt = -Infinity
  /** The incarnation to take once it may be used, and the one that we had when it was wanted. */
  #wanted: { readonly incarnation: number; readonly from: number; readonly refuted: boolean } | undefined
  /** The address to take with a higher incarnation once that may be used. */
  #movesTo: NetAddress.InetAddress | undefined

  constructor(options: OwnClaimsOptions) {
    this.#options = options
    this.#table = options.table
  }

  get incarnation(): number {
    return this.#table.incarnation(SelfSlot)
  }

  /** Counts our heartbeat up by one. */
  beat(): void {
    this.#table.setHeartbeat(SelfSlot, SerialNumber.add(this.#table.heartbeat(SelfSlot), 1))
  }

  /** Raises our incarnation so that it beats every claim of the incarnation `above`, as soon as that may be used. */
  raiseIncarnation(above: number, refuted: boolean, now: number): void {
    this.#raiseTo(SerialNumber.add(above, 1), refuted, now)
  }

  #raiseTo(incarnation: number, refuted: boolean, now: number): void {
    const wanted = this.#wanted
    if (this.#options.incarnations?.take(incarnation) === false) {
      if (wanted !== undefined && SerialNumber.compare(incarnation, wanted.incarnation) <= 0) return
      this.#wanted = { incarnation, from: this.incarnation, refuted }
      return
    }
    this.#table.setIncarnation(SelfSlot, incarnation)
    if (refuted) this.refutations++
    this.#options.observers.selfChanged(refuted, now)
  }

  /** More incarnations may be used: does what waited for that. */
  granted(now: number): void {
    const wanted = this.#wanted
    const movesTo = this.#movesTo
    this.#wanted = undefined
    this.#movesTo = undefined
    if (this.leaving) return
    // If nothing has happened since, it beats ours, also at a distance of 2^31, where neither is higher.
    if (wanted !== undefined) {
      const { from, incarnation, refuted } = wanted
      const higher = from === this.incarnation || SerialNumber.compare(incarnation, this.incarnation) > 0
      if (higher) this.#raiseTo(incarnation, refuted, now)
    }
    if (movesTo !== undefined) this.moveTo(movesTo, now)
  }

  /** Gives us another address, with a higher incarnation, as every member changes its address. */
  moveTo(address: NetAddress.InetAddress, now: number): void {
    const table = this.#table
    const packed = PackedAddress.pack(address)
    const incarnation = SerialNumber.add(this.incarnation, 1)
    this.#movesTo = undefined
    if (table.sameAddress(SelfSlot, packed, 0)) return
    if (this.#options.incarnations?.take(incarnation) === false) {
      this.#movesTo = address
      return
    }
    table.setAddress(SelfSlot, packed, 0)
    if (table.routes.length > SelfSlot) table.routes[SelfSlot] = undefined
    for (let slot = SelfSlot + 1; slot < table.top; slot++) {
      table.unmark(slot, Mark.AtOurAddress)
      if (table.isLive(slot) && table.sameAddress(slot, packed, 0)) table.markAtOurAddress(slot, now)
    }
    this.#raiseTo(incarnation, false, now)
  }

  /** From now on our own entry says Dead. */
  startLeaving(now: number): void {
    this.leaving = true
    this.#table.setStatus(SelfSlot, Claim.Dead)
    this.#table.setSince(SelfSlot, now)
    this.#table.mark(SelfSlot, Mark.Left)
    this.#options.observers.selfLeft(now)
  }

  /** Refutes a claim about ourselves that is not ours. */
  merge(claim: ClaimRecord): void {
    if (this.leaving) return
    const table = this.#table
    const { heartbeat, incarnation, now, status } = claim
    const same = incarnation === this.incarnation
    // At a distance of exactly 2^31 neither is higher. Others may hold that claim, so it is refuted like a higher one.
    if (!same && SerialNumber.compare(incarnation, this.incarnation) < 0) return
    if (this.#isElsewhere(claim)) {
      const id = NodeId.fromWords(table.idHi(SelfSlot), table.idLo(SelfSlot))
      const address = PackedAddress.read(claim.address, claim.addressAt)
      const addresses = [table.inetAddress(SelfSlot), address]
      this.#options.conflicts.report({ kind: "SameId", id, address, addresses }, claim)
      if (now - this.#conflictRefutedAt < this.#options.conflictInterval) return
      this.#conflictRefutedAt = now
    } else if (status === Claim.Alive && same) {
      // It is our own claim, unless we never reached that heartbeat: then it is of a former run.
      if (SerialNumber.compare(heartbeat, table.heartbeat(SelfSlot)) <= 0) return
    }
    this.raiseIncarnation(incarnation, status !== Claim.Alive, now)
  }

  #isElsewhere({ address, addressAt }: ClaimRecord): boolean {
    return this.#options.usable.has(address, addressAt) && !this.#table.sameAddress(SelfSlot, address, addressAt)
  }
}
