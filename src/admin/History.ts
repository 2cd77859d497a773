/** The history of each member, bounded, which is kept after the member is removed from the list. */
import type { Change, MemberCause } from "../domain/Change.ts"
import type { Member, MemberStatus } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { deleteOldest } from "../domain/OldestKey.ts"
import type { Transition } from "./AdminApi.ts"

/** The most changes that are kept of one member. */
export const MaxTransitions = 16
/** The most members whose history is kept; beyond, the one with the oldest change is dropped. */
export const MaxNodes = 4096

/**
 * The history of a member.
 *
 * @category models
 * @since 0.2.0
 */
export interface Record {
  /** Its state after the newest change, or when the history began. */
  readonly member: Member
  /** Oldest first. */
  readonly transitions: ReadonlyArray<Transition>
}

interface Held {
  member: Member
  readonly transitions: Array<Transition>
}

/** Another name or other tags are no part of the history, and give no reason for a status. */
const isTransition = (change: Change): boolean =>
  change._tag !== "Updated" || change.changed.includes("address") || change.changed.includes("incarnation")

/**
 * The history of every member: bounded, and kept after a member is no longer listed.
 *
 * @category models
 * @since 0.2.0
 */
export class History {
  // Ordered by the newest change.
  readonly #records = new Map<NodeId, Held>()
  readonly #maxNodes: number
  readonly #maxTransitions: number

  constructor(maxNodes = MaxNodes, maxTransitions = MaxTransitions) {
    this.#maxNodes = maxNodes
    this.#maxTransitions = maxTransitions
  }

  /** Adds a member that was listed when the history began. */
  begin(member: Member): void {
    if (!this.#records.has(member.id)) this.#put({ member, transitions: [] })
  }

  /** Adds a change, if it is one of a member. */
  add(change: Change): void {
    if (!("member" in change) || change._tag === "Removed") return
    const { at, cause, member, sequence } = change
    const held = this.#records.get(member.id) ?? { member, transitions: [] }
    const known = this.#records.delete(member.id)
    if (!isTransition(change)) {
      held.member = member
      return this.#put(held)
    }
    held.transitions.push({
      sequence,
      at,
      from: known ? held.member.status : null,
      to: member.status,
      address: member.address,
      incarnation: member.incarnation,
      cause
    })
    if (held.transitions.length > this.#maxTransitions) held.transitions.shift()
    held.member = member
    this.#put(held)
  }

  get(id: NodeId): Record | undefined {
    return this.#records.get(id)
  }

  /** Why a member has this status, if the history has that. */
  causeOf(id: NodeId, status: MemberStatus): MemberCause | undefined {
    const latest = this.#records.get(id)?.transitions.at(-1)
    return latest?.to === status ? latest.cause : undefined
  }

  #put(held: Held): void {
    this.#records.set(held.member.id, held)
    if (this.#records.size > this.#maxNodes) deleteOldest(this.#records)
  }
}
