/** The member table of a node as its reported changes describe it. */
import { Suspect } from "../../domain/Claim.ts"
import { extended, grownLength } from "../../membership/ArrayGrowth.ts"

export class ReportedTable {
  /** By slot, as all of these. */
  status = new Uint8Array(16)
  incarnation = new Uint32Array(16)
  /** At the newest change of status. */
  heartbeat = new Uint32Array(16)
  #listed = new Uint8Array(16)
  /** When each suspicion of the present incarnation began, in ms of the node's clock. */
  readonly #suspectSince = new Map<number, number>()

  /** Whether the slot has a listed member. */
  isListed(slot: number): boolean {
    return this.#listed[slot] === 1
  }

  list(slot: number): void {
    this.#reserve(slot)
    this.#listed[slot] = 1
  }

  unlist(slot: number): void {
    this.#reserve(slot)
    this.#listed[slot] = 0
    this.#suspectSince.delete(slot)
  }

  /** When the suspicion of a slot began; now, if it is not suspect. */
  suspectSince(slot: number, now: number): number {
    return this.#suspectSince.get(slot) ?? now
  }

  set(slot: number, status: number, incarnation: number, heartbeat: number, now: number): void {
    this.#reserve(slot)
    if (status !== Suspect) this.#suspectSince.delete(slot)
    else if (!this.#suspectSince.has(slot) || this.incarnation[slot] !== incarnation) this.#suspectSince.set(slot, now)
    this.status[slot] = status
    this.incarnation[slot] = incarnation
    this.heartbeat[slot] = heartbeat
  }

  #reserve(slot: number): void {
    if (slot < this.status.length) return
    const length = grownLength(slot)
    this.status = extended(new Uint8Array(length), this.status)
    this.incarnation = extended(new Uint32Array(length), this.incarnation)
    this.heartbeat = extended(new Uint32Array(length), this.heartbeat)
    this.#listed = extended(new Uint8Array(length), this.#listed)
  }
}
