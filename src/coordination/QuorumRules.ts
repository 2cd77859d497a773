/**
 * Whether this node belongs to the part of its cluster that may act.
 *
 * Plain code without a clock: the shell in `Quorum` passes views and times in.
 *
 * @since 0.2.0
 */
import { Equal } from "effect"
import type { Member } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"

/**
 * What a strategy decides by.
 *
 * @category models
 * @since 0.2.0
 */
export interface QuorumView {
  /** The members that count, this node and those that died not long ago included; never empty. */
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
 * A member with the start that it had when it was last seen. Its tags arrive some time after it is back, and without its
 * start it would count as younger than it is.
 */
const withStart = (member: Member, before: Member | undefined): Member =>
  member.startedAt === undefined && before?.startedAt !== undefined
    ? { ...member, startedAt: before.startedAt }
    : member

/**
 * How long members count after they died, in ms.
 *
 * @category models
 * @since 0.2.0
 */
export interface QuorumTimes {
  /** How long the quorum must be held before the node is active, and a member be dead before others take over from it. */
  readonly stableAfter: number
  /** How long a dead member is one of those that the quorum is counted from. */
  readonly forgetAfter: number
}

/**
 * Keeps the members that the quorum is counted from, and decides.
 *
 * **Details**
 *
 * A dead member still counts for `forgetAfter`. If the active part forgot the others
 * when they are dead, and was split again, a part of it could be a majority of what it
 * knows while the rest is a majority with those that it forgot. A part that is not
 * active forgets nobody. A member that left, or was replaced by a new one at its
 * address or with its name, does not count any more.
 */
export class QuorumRules {
  readonly #strategy: Strategy
  readonly #times: QuorumTimes
  readonly #known = new Map<NodeId, Known>()
  #active = false
  #reason: MinorityReason = "Starting"
  /** Since when the quorum has been held without a gap, in ms; `undefined` while it is not. */
  #heldSince: number | undefined
  #now = 0

  constructor(strategy: Strategy, times: QuorumTimes) {
    this.#strategy = strategy
    this.#times = times
  }

  get active(): boolean {
    return this.#active
  }

  /** Why this node may not act. It has no meaning while it may. */
  get reason(): MinorityReason {
    return this.#reason
  }

  /** The members that may still act, as far as this node can tell: without those that have been dead for `stableAfter`. */
  members(): ReadonlyArray<Member> {
    const members: Array<Member> = []
    for (const known of this.#known.values()) {
      if (!this.#isGoneFor(known, this.#times.stableAfter)) members.push(known.member)
    }
    return members
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
    this.#now = now
    const reachable = this.#note(members, now)
    const known = Array.from(this.#known.values(), ({ member }) => member)
    if (known.length === 0 || !this.#strategy.isMet({ known, reachable })) return this.#stop("TooFew")
    // A node that may act even alone need not know whether it is cut off.
    if (!canTell && !this.#strategy.isMet({ known, reachable: reachable.filter(({ self }) => self) })) {
      return this.#stop("CannotTell")
    }
    this.#heldSince ??= now
    if (now - this.#heldSince < this.#times.stableAfter) return
    this.#active = true
    for (const [id, known] of this.#known) if (this.#isGoneFor(known, this.#times.forgetAfter)) this.#known.delete(id)
  }

  /** Takes the listed members in. Returns those that are alive. */
  #note(members: ReadonlyArray<Member>, now: number): ReadonlyArray<Member> {
    const listed = new Set<NodeId>()
    const reachable: Array<Member> = []
    for (const member of members) {
      listed.add(member.id)
      const known = this.#known.get(member.id)
      if (member.status === "left") this.#known.delete(member.id)
      else if (member.status !== "dead") {
        if (known === undefined) this.#replace(member)
        this.#known.set(member.id, { member: withStart(member, known?.member), goneAt: undefined })
        if (member.status === "alive") reachable.push(member)
      }
      // Whoever is first heard of when it is dead was never a part of the cluster that this node knew.
      else if (known !== undefined) {
        this.#known.set(member.id, { member: withStart(member, known.member), goneAt: known.goneAt ?? now })
      }
    }
    for (const [id, known] of this.#known) if (!listed.has(id)) known.goneAt ??= now
    return reachable
  }

  /** A newcomer with the address or the name of a member that is gone has taken its place. */
  #replace({ address, name }: Member): void {
    for (const [id, { goneAt, member }] of this.#known) {
      if (goneAt === undefined) continue
      if (Equal.equals(member.address, address) || (name !== undefined && member.name === name)) this.#known.delete(id)
    }
  }

  /** Whether a member has been gone for a time, in the eyes of a node that is active: before, it counts for others. */
  #isGoneFor({ goneAt }: Known, time: number): boolean {
    return this.#active && goneAt !== undefined && this.#now - Math.max(goneAt, this.#heldSince ?? this.#now) >= time
  }

  #stop(reason: MinorityReason): void {
    this.#heldSince = undefined
    // A node that has not acted yet is starting, until it was active once.
    if (!this.#active && this.#reason === "Starting" && reason === "TooFew") return
    this.#active = false
    this.#reason = reason
  }
}
