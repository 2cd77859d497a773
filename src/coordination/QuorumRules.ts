/**
 * Whether this node belongs to the part of its cluster that may act.
 *
 * Plain code without a clock: the shell in `Quorum` passes views and times in.
 *
 * @since 0.2.0
 */
import type { Member } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"

/**
 * What a strategy decides by.
 *
 * @category models
 * @since 0.2.0
 */
export interface QuorumView {
  /** The members that the cluster had when it was last whole, this node included; never empty. */
  readonly known: ReadonlyArray<Member>
  /** Those of `known` that are alive and not suspected. */
  readonly reachable: ReadonlyArray<Member>
}

/**
 * Decides whether the reachable members may act.
 *
 * @category models
 * @since 0.2.0
 */
export interface Strategy {
  readonly name: string
  readonly isMet: (view: QuorumView) => boolean
}

/**
 * Why a node may not act.
 *
 * @category models
 * @since 0.2.0
 */
export type MinorityReason = "Starting" | "TooFew" | "CannotTell" | "WasPaused"

/** What the rules hold about one member. */
interface Known {
  member: Member
  /** When it was first seen dead or missing, in ms; `undefined` while it is alive or suspect. */
  goneAt: number | undefined
}

/**
 * Keeps the members that the cluster had when it was last whole, and decides.
 *
 * **Details**
 *
 * A member that dies is known until it has been dead for `stableAfter` in a part that
 * may act. So the part that may not act never forgets the others, and cannot become a
 * majority of what is left of it. A member that left is forgotten at once.
 */
export class QuorumRules {
  readonly #strategy: Strategy
  readonly #stableAfter: number
  readonly #known = new Map<NodeId, Known>()
  #active = false
  #reason: MinorityReason = "Starting"
  /** Since when the quorum has been held without a gap, in ms; `undefined` while it is not. */
  #heldSince: number | undefined

  constructor(strategy: Strategy, stableAfter: number) {
    this.#strategy = strategy
    this.#stableAfter = stableAfter
  }

  get active(): boolean {
    return this.#active
  }

  /** Why this node may not act. It has no meaning while it may. */
  get reason(): MinorityReason {
    return this.#reason
  }

  /** The members that the cluster had when it was last whole. */
  members(): ReadonlyArray<Member> {
    return Array.from(this.#known.values(), ({ member }) => member)
  }

  /** The node could not see what happened for a while, so it has to see a stable quorum again. */
  paused(): void {
    this.#stop("WasPaused")
  }

  /**
   * Decides by what is known at `now`, in ms. `members` are the listed members that take part. `canTell` is false while
   * this node may be the one that is cut off or slow.
   */
  update(members: ReadonlyArray<Member>, canTell: boolean, now: number): void {
    const listed = new Set<NodeId>()
    const reachable: Array<Member> = []
    for (const member of members) {
      listed.add(member.id)
      if (member.status === "left") this.#known.delete(member.id)
      else if (member.status === "dead") this.#gone(member.id, member, now)
      else {
        this.#known.set(member.id, { member, goneAt: undefined })
        if (member.status === "alive") reachable.push(member)
      }
    }
    for (const [id, { member }] of this.#known) if (!listed.has(id)) this.#gone(id, member, now)
    const known = this.members()
    if (known.length === 0 || !this.#strategy.isMet({ known, reachable })) return this.#stop("TooFew")
    // A node that may act even alone need not know whether it is cut off.
    if (!canTell && !this.#strategy.isMet({ known, reachable: reachable.filter(({ self }) => self) })) {
      return this.#stop("CannotTell")
    }
    this.#heldSince ??= now
    if (now - this.#heldSince < this.#stableAfter) return
    this.#active = true
    this.#forget(now)
  }

  #gone(id: NodeId, member: Member, now: number): void {
    const known = this.#known.get(id)
    // Whoever is first heard of when it is dead was never a part of the cluster that this node knew.
    if (known === undefined) return
    known.member = member
    known.goneAt ??= now
  }

  /** Forgets members that have been gone for long enough, as seen by a part that may act. */
  #forget(now: number): void {
    for (const [id, { goneAt }] of this.#known) {
      if (goneAt === undefined || now - Math.max(goneAt, this.#heldSince ?? now) < this.#stableAfter) continue
      this.#known.delete(id)
    }
  }

  #stop(reason: MinorityReason): void {
    this.#heldSince = undefined
    // A node that has not acted yet is starting, until it was active once.
    if (!this.#active && this.#reason === "Starting" && reason === "TooFew") return
    this.#active = false
    this.#reason = reason
  }
}
