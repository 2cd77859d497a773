/** Which claims change the table (docs/PROTOCOL.md, 2.1). */
import * as Claim from "../domain/Claim.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { readI32 } from "../wire/Bytes.ts"
import { PrefixLength } from "../wire/Entry.ts"
import type { Inbound } from "../wire/Inbound.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { maySpeakFor } from "./AddressProof.ts"
import { AddressFrom, type ClaimRecord } from "./ClaimRecord.ts"
import type { Conflicts } from "./Conflicts.ts"
import type { Findings } from "./Findings.ts"
import { Mark, type MemberTable, Phase, SelfSlot } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"
import type { OwnClaims } from "./OwnClaims.ts"
import type { Replays } from "./Replays.ts"
import type { TableUpdates } from "./TableUpdates.ts"
import { type Tombstones, Verdict } from "./Tombstones.ts"
import type { UsableAddresses } from "./UsableAddresses.ts"

/** What `MergeRules` is made of. */
export interface MergeParts {
  readonly table: MemberTable
  readonly observers: Observers
  readonly updates: TableUpdates
  readonly own: OwnClaims
  readonly conflicts: Conflicts
  readonly tombstones: Tombstones
  readonly replays: Replays
  readonly usable: UsableAddresses
}

/** The claim that the table holds in a slot. It is read only as far as the order of claims needs it. */
class HeldClaim implements Claim.Claim {
  readonly #table: MemberTable
  slot = 0

  constructor(table: MemberTable) {
    this.#table = table
  }

  get incarnation(): number {
    return this.#table.incarnation(this.slot)
  }

  get status(): number {
    return this.#table.status(this.slot)
  }

  get heartbeat(): number {
    return this.#table.heartbeat(this.slot)
  }
}

export class MergeRules {
  /** Claims that lost. */
  stale = 0
  readonly #table: MemberTable
  readonly #observers: Observers
  readonly #updates: TableUpdates
  readonly #own: OwnClaims
  readonly #conflicts: Conflicts
  readonly #tombstones: Tombstones
  readonly #replays: Replays
  readonly #usable: UsableAddresses
  readonly #held: HeldClaim

  constructor(parts: MergeParts) {
    this.#table = parts.table
    this.#held = new HeldClaim(parts.table)
    this.#observers = parts.observers
    this.#updates = parts.updates
    this.#own = parts.own
    this.#conflicts = parts.conflicts
    this.#tombstones = parts.tombstones
    this.#replays = parts.replays
    this.#usable = parts.usable
  }

  /**
   * Merges an entry that can do no more than advance the heartbeat of a member, as nearly all do. Returns false, and does
   * nothing, for any other, which `mergeEntry` merges. It does what that does, and reads no more than it needs: the fields
   * never leave the registers of the processor.
   */
  mergeHeartbeat(bytes: Uint8Array, at: number, now: number): boolean {
    if (bytes[at + 16] !== Claim.Alive) return false
    const table = this.#table
    const slot = table.index.get(readI32(bytes, at), readI32(bytes, at + 4))
    if (slot === -1 || !table.isSettled(slot) || readI32(bytes, at + 12) !== (table.incarnation(slot) | 0)) return false
    const heartbeat = readI32(bytes, at + 8)
    const ahead = SerialNumber.compare(heartbeat, table.heartbeat(slot))
    if (ahead < 0) {
      if (SerialNumber.compare(heartbeat, table.aliveHeartbeat(slot)) > 0) return false
      this.stale++
      return true
    }
    if (!table.sameAddress(slot, bytes, at + PrefixLength)) return false
    if (ahead > 0) {
      table.setHeardAt(slot, now)
      table.setHeartbeat(slot, heartbeat)
      table.setAliveHeartbeat(slot, heartbeat)
      return true
    }
    return heartbeat === (table.heartbeat(slot) | 0)
  }

  /** Merges the claim of an entry. */
  mergeEntry(claim: ClaimRecord, findings: Findings): void {
    const table = this.#table
    const slot = table.index.get(claim.idHi, claim.idLo)
    if (slot === SelfSlot) return this.#own.merge(claim)
    if (slot === -1) return this.#mergeUnknown(claim)
    if (table.phase(slot) === Phase.Tombstone) return this.#mergeTombstone(slot, claim, findings)
    const won = this.#mergeMember(slot, claim, findings)
    if (table.has(slot, Mark.AtOurAddress)) this.#conflicts.checkOurAddress(slot, claim, won)
  }

  /**
   * Merges the claim of a message's header: its sender, which has the slot `known`, or -1, is alive, and says nothing of its
   * address. Returns the slot of the sender, or -1 if it was not listed.
   */
  mergeHeader(known: number, claim: ClaimRecord, inbound: Inbound, findings: Findings): number {
    const table = this.#table
    claim.readHeader(inbound.header)
    let slot = known
    if (slot === -1) {
      if (!this.#usable.has(inbound.source, 0)) return -1
      claim.setAddress(inbound.source, 0, AddressFrom.Source)
      slot = this.#updates.insert(claim)
      if (slot === -1) return -1
    } else if (table.phase(slot) === Phase.Tombstone) {
      // A node whose own entry never had a usable address comes back where its messages come from.
      if (this.#usable.has(table.addressBytes(slot), table.addressAt(slot))) {
        claim.setAddress(table.addressBytes(slot), table.addressAt(slot), AddressFrom.Table)
      } else claim.setAddress(inbound.source, 0, AddressFrom.Source)
      this.#mergeTombstone(slot, claim, findings)
    } else {
      if (this.#compareWithHeld(slot, claim) > 0) this.#apply(slot, claim)
      else this.#recordAliveHeartbeat(slot, claim)
      if (table.has(slot, Mark.AtOurAddress)) this.#conflicts.checkOurAddress(slot, claim, true)
    }
    this.#replays.record(slot, inbound, claim.now)
    return slot
  }

  /** Merges a claim that we make ourselves about a listed member. */
  mergeDecision(slot: number, claim: ClaimRecord): void {
    if (this.#compareWithHeld(slot, claim) > 0) this.#apply(slot, claim)
  }

  /** Merges the announcement of a member that it leaves, which was found authentic. */
  mergeLeave(slot: number, claim: ClaimRecord): void {
    const table = this.#table
    if (table.phase(slot) === Phase.Tombstone) {
      table.setIncarnation(slot, claim.incarnation)
      table.mark(slot, Mark.Left)
    } else if (table.status(slot) !== Claim.Dead) {
      const held = table.heartbeat(slot)
      if (SerialNumber.compare(held, claim.heartbeat) >= 0) claim.heartbeat = held
      this.#apply(slot, claim)
    } else if (!table.has(slot, Mark.Left)) this.#updates.markLeft(slot, claim)
  }

  #mergeUnknown(claim: ClaimRecord): void {
    if (claim.status === Claim.Dead) {
      this.#tombstones.addUnlisted(claim)
      // Without a usable address in its own entry, a node is known by where its messages come from: see `mergeHeader`.
    } else if (this.#usable.has(claim.address, claim.addressAt)) this.#updates.insert(claim)
  }

  #mergeTombstone(slot: number, claim: ClaimRecord, findings: Findings): void {
    switch (this.#tombstones.merge(slot, claim)) {
      case Verdict.Refused:
        this.stale++
        // The node itself is told in the answer to its message.
        if (!claim.firstHand) findings.correct(slot)
        return
      case Verdict.Newer:
        if (!this.#usable.has(claim.address, claim.addressAt) || !this.#updates.hasRoom()) return
        this.#tombstones.raise(slot)
        this.#updates.list(slot, claim, Claim.Dead)
    }
  }

  /** Merges a claim about a listed member. Returns whether it won. */
  #mergeMember(slot: number, claim: ClaimRecord, findings: Findings): boolean {
    const table = this.#table
    if (table.has(slot, Mark.Provisional) && this.#settles(slot, claim)) this.#updates.settleAddress(slot, claim)
    // Who says only Dead has missed that the member left. No digest would tell: it covers the live members.
    if (claim.status === Claim.Dead && claim.namesLeft && !claim.left && table.has(slot, Mark.Left)) {
      if (this.#isDead(slot, claim)) findings.correct(slot)
    }
    const order =
      this.#compareWithHeld(slot, claim) ||
      PackedAddress.compare(claim.address, claim.addressAt, table.addressBytes(slot), table.addressAt(slot))
    if (order <= 0) {
      // At equal incarnation Left ranks above Dead.
      if (claim.left && this.#isDead(slot, claim)) {
        if (!table.has(slot, Mark.Left)) this.#updates.markLeft(slot, claim)
      } else if (order < 0) this.stale++
      if (this.#isRival(slot, claim)) findings.rival = true
      this.#recordAliveHeartbeat(slot, claim)
      return false
    }
    if (claim.status === Claim.Dead) {
      // A member's own word that it is dead is as good as a LEAVE.
      if (claim.firstHand && maySpeakFor(table, slot, claim.source)) {
        claim.left = true
        claim.statedCause = { _tag: "LeaveReceived" }
        this.#apply(slot, claim)
        claim.left = false
        claim.statedCause = undefined
        return true
      }
      if (!claim.left && table.isLive(slot)) {
        // The claim may be left over from a partition, or forged. The member is asked first, at the address that we know,
        // whatever the claim says.
        const { heartbeat, incarnation } = claim
        this.#observers.deathClaimed({ slot, incarnation, heartbeat, by: claim.by }, claim.now)
        return false
      }
    }
    // An unusable address does not replace one that is known.
    const moves =
      !table.sameAddress(slot, claim.address, claim.addressAt) && this.#usable.has(claim.address, claim.addressAt)
    if (moves) this.#conflicts.moves(slot, claim)
    this.#apply(slot, claim, moves)
    return true
  }

  /** Whether the sender of a message says of itself that it is elsewhere, in an incarnation that it has there already. */
  #isRival(slot: number, { address, addressAt, firstHand, incarnation, status }: ClaimRecord): boolean {
    const table = this.#table
    if (!firstHand || status !== Claim.Alive || incarnation !== table.incarnation(slot)) return false
    return !table.sameAddress(slot, address, addressAt) && this.#usable.has(address, addressAt)
  }

  /** Whether we hold a member Dead at the incarnation of a claim. */
  #isDead(slot: number, { incarnation }: ClaimRecord): boolean {
    return this.#table.status(slot) === Claim.Dead && this.#table.incarnation(slot) === incarnation
  }

  /**
   * Whether an entry gives a member its address that was known only by where its messages come from: its own does, and one
   * of others of the same incarnation that has that address too.
   */
  #settles(slot: number, { address, addressAt, firstHand, incarnation }: ClaimRecord): boolean {
    if (firstHand) return this.#usable.has(address, addressAt)
    return incarnation === this.#table.incarnation(slot) && this.#table.sameAddress(slot, address, addressAt)
  }

  #apply(slot: number, claim: ClaimRecord, moves = false): void {
    this.#updates.apply(slot, claim, moves)
    if (claim.status === Claim.Dead) this.#tombstones.died()
  }

  /** Positive when a claim beats what the slot holds, by everything except the address. */
  #compareWithHeld(slot: number, claim: ClaimRecord): number {
    this.#held.slot = slot
    return Claim.compare(claim, this.#held)
  }

  /** A losing Alive claim of the present incarnation can still have the highest heartbeat of the member's own. */
  #recordAliveHeartbeat(slot: number, claim: ClaimRecord): void {
    const table = this.#table
    if (claim.status !== Claim.Alive || claim.incarnation !== table.incarnation(slot)) return
    if (table.has(slot, Mark.AliveKnown) && SerialNumber.compare(claim.heartbeat, table.aliveHeartbeat(slot)) <= 0) {
      return
    }
    table.mark(slot, Mark.AliveKnown)
    table.setAliveHeartbeat(slot, claim.heartbeat)
  }
}
