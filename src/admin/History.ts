/** What became of each member, newest last: bounded, and kept for those that are listed no more. */
import type { Change, MemberCause } from "../domain/Change.ts"
import type { Member, MemberStatus } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { Transition } from "./AdminApi.ts"

/** Transitions kept of one member; beyond, the oldest is forgotten. */
export const MaxTransitions = 16
/** Members of whom something is kept; beyond, the one of whom nothing was heard for longest is forgotten. */
export const MaxNodes = 4096

/** What is known of a member. */
export interface Record {
  /** As the newest change told of it, or as it was when the history began. */
  readonly member: Member
  /** Oldest first. */
  readonly transitions: ReadonlyArray<Transition>
}

interface Held {
  member: Member
  readonly transitions: Array<Transition>
}

export class History {
  // In the order of the newest change.
  readonly #records = new Map<NodeId, Held>()
  readonly #maxNodes: number
  readonly #maxTransitions: number

  constructor(maxNodes = MaxNodes, maxTransitions = MaxTransitions) {
    this.#maxNodes = maxNodes
    this.#maxTransitions = maxTransitions
  }

  /** A member that was there when the history began, however it came there. */
  begin(member: Member): void {
    if (!this.#records.has(member.id)) this.#put({ member, transitions: [] })
  }

  /** Notes a change, if it is one of a member. */
  note(change: Change): void {
    if (!("member" in change) || change._tag === "Removed") return
    const { at, cause, member, sequence } = change
    const held = this.#records.get(member.id) ?? { member, transitions: [] }
    const known = this.#records.delete(member.id)
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

  /** Why a member has this status, as far as it was seen. */
  causeOf(id: NodeId, status: MemberStatus): MemberCause | undefined {
    const latest = this.#records.get(id)?.transitions.at(-1)
    return latest?.to === status ? latest.cause : undefined
  }

  #put(held: Held): void {
    this.#records.set(held.member.id, held)
    if (this.#records.size <= this.#maxNodes) return
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest)
      return
    }
  }
}
