/**
 * Members as a node sees them.
 *
 * @since 0.2.0
 */
import { Schema } from "effect"
import { Address } from "./Address.ts"
import { Incarnation } from "./Incarnation.ts"
import { NodeId } from "./NodeId.ts"
import { U32, U8 } from "./Unsigned.ts"

/**
 * The status of a member.
 *
 * **Details**
 *
 * - `alive`: it answers.
 * - `suspect`: a probe of it failed. It is still a member, and has a limited time to refute the suspicion.
 * - `dead`: it did not refute the suspicion.
 * - `left`: it announced that it leaves the cluster.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MemberStatus = Schema.Literals(["alive", "suspect", "dead", "left"])

/**
 * The status of a member.
 *
 * @see {@link MemberStatus} for what each status means
 * @category models
 * @since 0.2.0
 */
export type MemberStatus = typeof MemberStatus.Type

/**
 * One member as one node sees it.
 *
 * **Details**
 *
 * A value does not change after it was read. It encodes to JSON with `Schema.toCodecJson`: the id as a decimal string,
 * the address as `10.0.0.1:7946` or `[::1]:7946`.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Member = Schema.Struct({
  /** Identifies one run of one node. */
  id: NodeId,
  /** Where the member receives datagrams, as it advertises it. */
  address: Address,
  status: MemberStatus,
  /** Raised by the member itself: to refute a suspicion, and after a restart. */
  incarnation: Incarnation,
  /** Raised by the member at every heartbeat interval. A suspicion raises it by 2^20. */
  heartbeat: U32,
  /** The protocol extension level of the member's newest message; 0 before its first message. */
  level: U8,
  /** The name that the member has for people. Absent until it is heard, and for members of level 0. */
  name: Schema.optionalKey(Schema.String),
  /** When the member started, by its own clock. Absent until it is heard, and for members of level 0. */
  startedAt: Schema.optionalKey(Schema.DateTimeUtc),
  /** What the member tells about itself, such as its zone; none until it is heard, and for members of level 0. */
  tags: Schema.Record(Schema.String, Schema.String),
  /** When the status began, by this node's clock. */
  since: Schema.DateTimeUtc,
  /** The newest measured round trip to the member. Absent before the first, and for the node itself. */
  roundTrip: Schema.optionalKey(Schema.Duration),
  /** Whether this is the node itself. */
  self: Schema.Boolean
}).annotate({ identifier: "Member" })

/**
 * One member as one node sees it.
 *
 * @see {@link Member} for the schema
 * @category models
 * @since 0.2.0
 */
export type Member = typeof Member.Type

/**
 * Whether a member is alive or suspect: it counts as one of the cluster until it is dead or has left.
 *
 * @category predicates
 * @since 0.2.0
 */
export const isLive = ({ status }: Member): boolean => status === "alive" || status === "suspect"
