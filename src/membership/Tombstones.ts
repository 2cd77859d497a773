/**
 * Nodes that were dead for longer than they stay listed, and nodes of which we only ever learned that they are dead.
 * A tombstone refuses claims of its incarnation or a lower one, so that old gossip does not bring the dead back
 * (docs/PROTOCOL.md, 2.2).
 */
import * as Claim from "../domain/Claim.ts"
import type { NodeId } from "../domain/NodeId.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { AgeList } from "./AgeList.ts"
import type { ClaimRecord } from "./ClaimRecord.ts"
import { Mark, type MemberTable, Phase } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"

/** Tombstones last this many times as long as the dead stay listed. */
export const TombstoneFactor = 10

/** What `Tombstones` is made of. Times in milliseconds. */
export interface TombstonesOptions {
  readonly table: MemberTable
  readonly observers: Observers
  /** How long Dead and Left members stay listed. */
  readonly deadRetention: number
  readonly limits: {
    /** The most tombstones of former members; the oldest makes room. */
    readonly tombstones: number
    /** The most tombstones of nodes that were never listed; the oldest makes room. */
    readonly unlistedTombstones: number
  }
}

/** What a tombstone does with a claim about its node. */
export const Verdict = {
  /** A Dead claim changes at most what the tombstone holds. */
  Ignored: 0,
  /** The claim is too old. Its sender should be told that the node is dead. */
  Refused: 1,
  /** The claim is newer: the node is alive again. */
  Newer: 2
} as const

export class Tombstones {
  readonly #options: TombstonesOptions
  readonly #table: MemberTable
  #onSooner: () => void = () => {}
  /** Dead members that the next `expire` buries, by whose wish. */
  readonly #next = new Map<number, NodeId>()

  constructor(options: TombstonesOptions) {
    this.#options = options
    this.#table = options.table
  }

  /** `listener` is called whenever `nextExpiry` may have come nearer. */
  onSooner(listener: () => void): void {
    this.#onSooner = listener
  }

  /** Notes that a member died. */
  died(): void {
    this.#onSooner()
  }

  /** When `expire` next has something to do, in ms, or Infinity. */
  nextExpiry(): number {
    if (this.#next.size > 0) return -Infinity
    const { dead, tombstones, unlisted } = this.#table
    const { deadRetention } = this.#options
    const oldest = Math.min(tombstones.oldestBegan, unlisted.oldestBegan)
    return Math.min(dead.oldestBegan + deadRetention, oldest + TombstoneFactor * deadRetention)
  }

  /** Turns members that have been dead for long enough into tombstones, and forgets old tombstones. */
  expire(now: number): void {
    const { dead, tombstones, unlisted } = this.#table
    const { deadRetention } = this.#options
    for (const [slot, by] of this.#next) this.buryNow(slot, by, now)
    this.#next.clear()
    while (dead.oldestBegan + deadRetention <= now) this.#bury(dead.oldest, undefined, now)
    for (const list of [tombstones, unlisted]) {
      while (list.oldestBegan + TombstoneFactor * deadRetention <= now) this.#forget(list.oldest)
    }
  }

  /** Makes a tombstone of a dead member although its retention goes on, by the wish of `by`. */
  buryNow(slot: number, by: NodeId, now: number): void {
    if (this.#table.phase(slot) === Phase.Member && this.#table.status(slot) === Claim.Dead) this.#bury(slot, by, now)
    this.#onSooner()
  }

  /** The same, by the next `expire`. */
  buryNext(slot: number, by: NodeId): void {
    this.#next.set(slot, by)
    this.#onSooner()
  }

  /** Merges a claim about a node that is a tombstone. A claim that is `Newer` has not changed anything yet. */
  merge(slot: number, claim: ClaimRecord): number {
    const table = this.#table
    const newer = SerialNumber.compare(claim.incarnation, table.incarnation(slot)) > 0
    if (claim.status === Claim.Dead) {
      // Dead claims do not renew the tombstone: gossip about the dead must not keep it for ever.
      if (newer) {
        table.setIncarnation(slot, claim.incarnation)
        table.setHeartbeat(slot, claim.heartbeat)
        table.unmark(slot, Mark.Left)
        table.setAddress(slot, claim.address, claim.addressAt)
      }
      if (claim.left && table.incarnation(slot) === claim.incarnation) table.mark(slot, Mark.Left)
      return Verdict.Ignored
    }
    if (newer) return Verdict.Newer
    this.renew(slot, claim.now)
    return Verdict.Refused
  }

  /** Restarts the age of a tombstone, because it has refused an Alive or Suspect claim. */
  renew(slot: number, now: number): void {
    this.#listOf(slot).renew(slot, now)
  }

  /** Takes a node off the tombstones, to be listed again. */
  raise(slot: number): void {
    this.#listOf(slot).remove(slot)
    this.#table.unmark(slot, Mark.Unlisted)
  }

  /** Makes a tombstone of a Dead claim about a node that we never listed. */
  addUnlisted(claim: ClaimRecord): void {
    const table = this.#table
    if (table.unlisted.length >= this.#options.limits.unlistedTombstones) this.#forget(table.unlisted.oldest)
    const slot = table.take(claim.idHi, claim.idLo)
    table.setPhase(slot, Phase.Tombstone)
    table.mark(slot, claim.left ? Mark.Unlisted | Mark.Left : Mark.Unlisted)
    table.setIncarnation(slot, claim.incarnation)
    table.setHeartbeat(slot, claim.heartbeat)
    table.setStatus(slot, Claim.Dead)
    table.setAddress(slot, claim.address, claim.addressAt)
    table.setSince(slot, claim.now)
    table.unlisted.add(slot, claim.now)
    this.#onSooner()
  }

  #bury(slot: number, by: NodeId | undefined, now: number): void {
    const table = this.#table
    table.removeFromPools(slot)
    table.setPhase(slot, Phase.Tombstone)
    table.tombstones.add(slot, now)
    this.#options.observers.forgotten(slot, by)
    table.tags[slot] = undefined
    if (table.tombstones.length > this.#options.limits.tombstones) this.#forget(table.tombstones.oldest)
  }

  #forget(slot: number): void {
    this.#listOf(slot).remove(slot)
    this.#table.release(slot)
  }

  #listOf(slot: number): AgeList {
    return this.#table.has(slot, Mark.Unlisted) ? this.#table.unlisted : this.#table.tombstones
  }
}
