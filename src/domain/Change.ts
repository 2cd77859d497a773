/** What can happen in a cluster, as the stream of changes tells it. */
import { Schema } from "effect"
import { NodeId } from "./NodeId.ts"

/** A member's status: `left` is a dead member that is known to have left of its own will. */
export const MemberStatus = Schema.Literals(["alive", "suspect", "dead", "left"])
/** @see {@link MemberStatus} the schema */
export type MemberStatus = typeof MemberStatus.Type

/** One member as a node sees it. */
export const Member = Schema.Struct({
  id: NodeId,
  address: Schema.InetAddress,
  status: MemberStatus,
  /** Raised by the member itself, to refute what is said of it or after a restart. Unsigned, 32 bits. */
  incarnation: Schema.Int,
  /** Counts up while the member runs; a suspicion raises it by 2^20. Unsigned, 32 bits. */
  heartbeat: Schema.Int,
  /** Extension level that the member speaks; 0 before it spoke. */
  level: Schema.Int,
  /** When the status began, by this node's clock. */
  since: Schema.DateTimeUtc,
  /** Whether this is the node itself. */
  self: Schema.Boolean
})
/** @see {@link Member} the schema */
export type Member = typeof Member.Type

/** Why a node changed its mind about a member. */
export const Cause = Schema.Union([
  /** The member itself spoke to us. */
  Schema.TaggedStruct("Heard", {}),
  /** Another member said so. */
  Schema.TaggedStruct("Claimed", { by: NodeId }),
  /** Our probe got no answer, neither directly nor through these relays. */
  Schema.TaggedStruct("ProbeFailed", { relays: Schema.Array(NodeId) }),
  /** The member was suspect for this long and did not refute it. */
  Schema.TaggedStruct("SuspicionExpired", { after: Schema.Duration }),
  /** Another member said that it is dead, and it refuted that to none of so many PINGs. */
  Schema.TaggedStruct("DeathConfirmed", { by: NodeId, pings: Schema.Int }),
  /** It said itself that it leaves. */
  Schema.TaggedStruct("LeaveReceived", {})
])
/** @see {@link Cause} the schema */
export type Cause = typeof Cause.Type

const event = { sequence: Schema.Int, at: Schema.DateTimeUtc, member: Member, cause: Cause }

/**
 * One change. `sequence` counts the changes of one node from 1, so a gap shows
 * that some were missed.
 */
export const Change = Schema.Union([
  /** A node became a member: for the first time, or after it had been forgotten. */
  Schema.TaggedStruct("Joined", event),
  /** Somebody failed to reach the member; it has until its suspicion expires to refute that. */
  Schema.TaggedStruct("Suspected", event),
  /** A suspect or dead member is alive after all, at a higher incarnation. */
  Schema.TaggedStruct("Recovered", event),
  /** The member is dead. */
  Schema.TaggedStruct("Died", event),
  /** The member left of its own will. */
  Schema.TaggedStruct("Left", event),
  /** The member has another incarnation or address, at the same status. */
  Schema.TaggedStruct("Updated", { ...event, previousAddress: Schema.InetAddress, previousIncarnation: Schema.Int }),
  /**
   * Two nodes claim one id (`SameId`: another address claims ours) or one address
   * (`SameAddress`: another id claims ours).
   */
  Schema.TaggedStruct("Conflict", {
    sequence: Schema.Int,
    at: Schema.DateTimeUtc,
    kind: Schema.Literals(["SameId", "SameAddress"]),
    id: NodeId,
    address: Schema.InetAddress,
    by: NodeId
  }),
  /**
   * Somebody's datagrams cannot be read: sealed with a key that we do not have, or in
   * the clear where sealing is required. `id` is what it says of itself, and nobody
   * vouches for it. Reported once per source, and then ever more rarely.
   */
  Schema.TaggedStruct("Unreadable", {
    sequence: Schema.Int,
    at: Schema.DateTimeUtc,
    reason: Schema.Literals(["OtherKey", "Plaintext"]),
    id: NodeId,
    address: Schema.InetAddress
  }),
  /** This subscriber was too slow, and `count` changes before the next one are lost to it. */
  Schema.TaggedStruct("Missed", { count: Schema.Int })
])
/** @see {@link Change} the schema */
export type Change = typeof Change.Type
