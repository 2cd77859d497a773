/**
 * What changes in a cluster, as one node sees it, and why.
 *
 * @since 0.2.0
 */
import { Schema } from "effect"
import { Address } from "./Address.ts"
import { Incarnation } from "./Incarnation.ts"
import { Member } from "./Member.ts"
import { NodeId } from "./NodeId.ts"

const Heard = Schema.TaggedStruct("Heard", {})
const Claimed = Schema.TaggedStruct("Claimed", { by: NodeId })

/**
 * Why a node changed what it holds about a member.
 *
 * **Details**
 *
 * - `Heard`: the word of the member itself: a message of it, or, about this node, what the node did.
 * - `Claimed`: a message of the member `by`, which passed on what it knows.
 * - `ProbeFailed`: our probe got no answer, neither directly nor through `relays`.
 * - `SuspicionExpired`: the member was suspect for the time `after` and did not refute it.
 * - `DeathConfirmed`: the member `by` reported it dead, and it answered none of our `pings`.
 * - `LeaveReceived`: the member announced that it leaves.
 * - `Replaced`: the node `by` answers at the address of the member, so it runs there in its place.
 * - `Forgotten`: an operator asked the member `by` to forget it (`Membership.forget`).
 * - `RetentionExpired`: the member was dead, or had left, for the time `after` (`probes.deadRetention`).
 *
 * @category schemas
 * @since 0.2.0
 */
export const MemberCause = Schema.Union([
  Heard,
  Claimed,
  Schema.TaggedStruct("ProbeFailed", { relays: Schema.Array(NodeId) }),
  Schema.TaggedStruct("SuspicionExpired", { after: Schema.Duration }),
  Schema.TaggedStruct("DeathConfirmed", { by: NodeId, pings: Schema.Int }),
  Schema.TaggedStruct("LeaveReceived", {}),
  Schema.TaggedStruct("Replaced", { by: NodeId }),
  Schema.TaggedStruct("Forgotten", { by: NodeId }),
  Schema.TaggedStruct("RetentionExpired", { after: Schema.Duration })
])

/**
 * Why a node changed what it holds about a member.
 *
 * @see {@link MemberCause} for what each cause means
 * @category models
 * @since 0.2.0
 */
export type MemberCause = typeof MemberCause.Type

/**
 * Why datagrams could not be read.
 *
 * **Details**
 *
 * - `OtherKey`: they are sealed with a key that this node does not have, or for another cluster.
 * - `Plaintext`: they are not encrypted, and this node requires encryption.
 *
 * @category schemas
 * @since 0.2.0
 */
export const UnreadableCause = Schema.Union([Schema.TaggedStruct("OtherKey", {}), Schema.TaggedStruct("Plaintext", {})])

/**
 * Why datagrams could not be read.
 *
 * @see {@link UnreadableCause} for what each cause means
 * @category models
 * @since 0.2.0
 */
export type UnreadableCause = typeof UnreadableCause.Type

const SlowSubscriber = Schema.TaggedStruct("SlowSubscriber", {})

/**
 * Why a change happened: the `cause` of any change.
 *
 * **Details**
 *
 * `SlowSubscriber` is the cause of `Missed`: more changes waited for this subscriber than `limits.eventBuffer`.
 *
 * @see {@link MemberCause} for the causes of changes of members
 * @see {@link UnreadableCause} for the causes of `Unreadable`
 * @category schemas
 * @since 0.2.0
 */
export const Cause = Schema.Union([...MemberCause.members, ...UnreadableCause.members, SlowSubscriber])

/**
 * Why a change happened.
 *
 * @see {@link Cause} for what each cause means
 * @category models
 * @since 0.2.0
 */
export type Cause = typeof Cause.Type

/** What every change has: its number among the changes of this node, from 1 on, and when it happened by its clock. */
const numbered = { sequence: Schema.Int, at: Schema.DateTimeUtc }
const ofMember = { ...numbered, member: Member, cause: MemberCause }

/**
 * A change of one member. `member` is the member after the change.
 *
 * **Details**
 *
 * - `Joined`: it is listed from now on. Its status can be `suspect`, when other members suspect it already.
 * - `Suspected`: somebody failed to reach it. It has until its suspicion expires to refute that.
 * - `Recovered`: it was suspect or dead, and proved with a higher incarnation that it is alive.
 * - `Died`: it is dead.
 * - `Left`: it left the cluster.
 * - `Updated`: something in `changed` is new, and its status is the same. "name" stands for `startedAt` too.
 * - `Removed`: it was dead or had left, and is no longer listed.
 *
 * The changes after a snapshot tell the state: putting `member` of each in the place of the one with its id, and taking
 * out those that are `Removed`, gives the members, this node itself included. Only `heartbeat`, `level` and `roundTrip`
 * go on without a change. A dead member that is back, and suspected already, has `Recovered` and then `Suspected`.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MemberChange = Schema.Union([
  Schema.TaggedStruct("Joined", ofMember),
  Schema.TaggedStruct("Suspected", ofMember),
  Schema.TaggedStruct("Recovered", ofMember),
  Schema.TaggedStruct("Died", ofMember),
  Schema.TaggedStruct("Left", ofMember),
  Schema.TaggedStruct("Updated", {
    ...ofMember,
    changed: Schema.Array(Schema.Literals(["address", "incarnation", "name", "tags"])),
    previousAddress: Address,
    previousIncarnation: Incarnation,
    previousTags: Schema.Record(Schema.String, Schema.String)
  }),
  Schema.TaggedStruct("Removed", ofMember)
])

/**
 * A change of one member.
 *
 * @see {@link MemberChange} for what each change means
 * @category models
 * @since 0.2.0
 */
export type MemberChange = typeof MemberChange.Type

/**
 * One change, as the stream of changes tells it.
 *
 * **Details**
 *
 * Every change has a `sequence`, which counts the changes of one node from 1, the time `at`, and a `cause`, so both
 * `change._tag` and `change.cause` can be matched exhaustively. Besides the changes of members there are:
 *
 * - `Conflict`: two nodes have one `id` (`SameId`; one of them, not we, is at `address`), or another node, `id`, claims our
 *   address (`SameAddress`). Two nodes with one id are reported at every member, once a minute while it lasts: that of a
 *   member other than this one shows in its address, which goes back and forth. The cause is `Heard` when that node sent the message itself, and `Claimed` when another member passed it on.
 * - `Unreadable`: datagrams from `address` cannot be read. `id` is the sender's own statement, and nothing proves it.
 *   Reported once per source at first, and then less and less often.
 * - `Missed`: this subscriber was too slow and does not get `count` changes, the last of which had this `sequence`.
 *
 * @see {@link MemberChange} for the changes of members
 * @category schemas
 * @since 0.2.0
 */
export const Change = Schema.Union([
  ...MemberChange.members,
  Schema.TaggedStruct("Conflict", {
    ...numbered,
    cause: Schema.Union([Heard, Claimed]),
    kind: Schema.Literals(["SameId", "SameAddress"]),
    id: NodeId,
    address: Address
  }),
  Schema.TaggedStruct("Unreadable", { ...numbered, cause: UnreadableCause, id: NodeId, address: Address }),
  Schema.TaggedStruct("Missed", { ...numbered, cause: SlowSubscriber, count: Schema.Int })
])

/**
 * One change, as the stream of changes tells it.
 *
 * @see {@link Change} for what each change means
 * @example
 * ```ts
 * import { Duration, Match } from "effect"
 * import type { Change } from "effect-gossip"
 *
 * const why = (cause: Change.Cause): string =>
 *   Match.valueTags(cause, {
 *     Heard: () => "it sent a message",
 *     Claimed: ({ by }) => `node ${by} reported it`,
 *     ProbeFailed: ({ relays }) => `it answered no probe, directly or through ${relays.length} relays`,
 *     SuspicionExpired: ({ after }) => `it was suspect for ${Duration.format(after)}`,
 *     DeathConfirmed: ({ by, pings }) => `node ${by} reported it, and it answered none of ${pings} pings`,
 *     LeaveReceived: () => "it announced that it leaves",
 *     Replaced: ({ by }) => `node ${by} answers at its address`,
 *     Forgotten: ({ by }) => `node ${by} was asked to forget it`,
 *     RetentionExpired: ({ after }) => `it was gone for ${Duration.format(after)}`,
 *     OtherKey: () => "its datagrams are sealed with an unknown key",
 *     Plaintext: () => "its datagrams are not encrypted",
 *     SlowSubscriber: () => "this subscriber is too slow"
 *   })
 *
 * const line = (change: Change.Change): string => `${change._tag}: ${why(change.cause)}`
 * ```
 * @category models
 * @since 0.2.0
 */
export type Change = typeof Change.Type

/**
 * Tells the changes of members from `Conflict`, `Unreadable` and `Missed`.
 *
 * @category guards
 * @since 0.2.0
 */
export const isMemberChange = (change: Change): change is MemberChange => "member" in change
