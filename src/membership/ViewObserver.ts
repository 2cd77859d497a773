/** What a view tells its observers. */
import type { NetAddress } from "effect/net"
import type { MemberCause } from "../domain/Change.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { HeldTags } from "./HeldTags.ts"

/**
 * What happened to a listed member.
 *
 * @category models
 * @since 0.2.0
 */
export type TransitionKind = "Joined" | "Suspected" | "Recovered" | "Died" | "Left" | "Updated"

/**
 * One change of one member.
 *
 * @category models
 * @since 0.2.0
 */
export interface Transition {
  readonly slot: number
  readonly kind: TransitionKind
  readonly cause: MemberCause
  readonly now: number
  /** What the slot held before. For `Joined` the same as now, but Dead where we had a tombstone. */
  readonly previousStatus: number
  readonly previousIncarnation: number
  /** The address before, if the member has another now. */
  readonly previousAddress: NetAddress.InetAddress | undefined
}

/**
 * A member, perhaps ourselves, has other tags than before.
 *
 * @category models
 * @since 0.2.0
 */
export interface TagsChange {
  readonly slot: number
  readonly previous: HeldTags | undefined
  readonly cause: MemberCause
  readonly now: number
}

/**
 * Another node's Dead claim about a member that we hold Alive or Suspect. It has to be checked before it is believed.
 *
 * @category models
 * @since 0.2.0
 */
export interface DeathClaim {
  readonly slot: number
  readonly incarnation: number
  readonly heartbeat: number
  readonly by: NodeId
}

/**
 * Two nodes claim one id, which can be ours, or another node claims our address.
 *
 * @category models
 * @since 0.2.0
 */
export interface Conflict {
  readonly kind: "SameId" | "SameAddress"
  readonly id: NodeId
  /** Where one of the two nodes is: the other one, if the id is ours. */
  readonly address: NetAddress.InetAddress
  /** Every address that is known of nodes with that id. */
  readonly addresses: ReadonlyArray<NetAddress.InetAddress>
  readonly by: NodeId
}

/**
 * Callbacks of a component. They are called at once, while the message is still being merged, so they must not throw and
 * must not merge claims.
 *
 * @category models
 * @since 0.2.0
 */
export interface ViewObserver {
  readonly transition?: (transition: Transition) => void
  /** A listed member has new tags. Tags that came with the member itself are part of its `Joined`. */
  readonly tagsChanged?: (change: TagsChange) => void
  /**
   * The member in the slot is no longer listed: it became a tombstone. `by`: the member where an operator asked for it;
   * `undefined` at the end of its retention.
   */
  readonly forgotten?: (slot: number, by: NodeId | undefined) => void
  /** Somebody, perhaps we, wants a member forgotten that is dead in this incarnation or a lower one. */
  readonly forgetAsked?: (id: NodeId, incarnation: number, by: NodeId) => void
  /** Our own incarnation rose. `refuted`: it answers a Suspect or Dead claim. */
  readonly selfChanged?: (refuted: boolean, now: number) => void
  /** We announced that we leave: our own entry says Left from now on. */
  readonly selfLeft?: (now: number) => void
  readonly deathClaimed?: (claim: DeathClaim, now: number) => void
  readonly conflict?: (conflict: Conflict, now: number) => void
  /** The member's address is proved: it answered a PING of ours for the first time. */
  readonly proved?: (slot: number, now: number) => void
}
