/**
 * The JSON form of changes: ids are strings, because they have 64 bits; addresses are `ip:port`, times are ISO 8601, and
 * durations are milliseconds.
 *
 * @since 0.2.0
 */
import { Schema } from "effect"
import { MemberStatus } from "../domain/Member.ts"
import { NodeIdFromString } from "../domain/NodeId.ts"

/**
 * The fields of a member.
 *
 * @category schemas
 * @since 0.2.0
 */
export const memberFields = {
  id: NodeIdFromString,
  address: Schema.InetAddressFromString,
  status: MemberStatus,
  incarnation: Schema.Int,
  heartbeat: Schema.Int,
  level: Schema.Int,
  name: Schema.optionalKey(Schema.String),
  startedAt: Schema.optionalKey(Schema.DateTimeUtcFromString),
  tags: Schema.Record(Schema.String, Schema.String),
  since: Schema.DateTimeUtcFromString,
  self: Schema.Boolean
}

/**
 * The names in JSON of fields of a member that have others there.
 *
 * @category schemas
 * @since 0.2.0
 */
export const memberKeys = { address: "addr", startedAt: "started_at" } as const

/**
 * A member, as the changes show it.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Member = Schema.Struct(memberFields).pipe(Schema.encodeKeys(memberKeys))

/**
 * Why a node changed what it holds about a member.
 *
 * **Details**
 *
 * The causes are those of `Change.MemberCause`.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Cause = Schema.Union([
  Schema.TaggedStruct("Heard", {}).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Claimed", { by: NodeIdFromString }).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("ProbeFailed", { relays: Schema.Array(NodeIdFromString) }).pipe(
    Schema.encodeKeys({ _tag: "kind" })
  ),
  Schema.TaggedStruct("SuspicionExpired", { after: Schema.DurationFromMillis }).pipe(
    Schema.encodeKeys({ _tag: "kind", after: "after_ms" })
  ),
  Schema.TaggedStruct("DeathConfirmed", { by: NodeIdFromString, pings: Schema.Int }).pipe(
    Schema.encodeKeys({ _tag: "kind" })
  ),
  Schema.TaggedStruct("LeaveReceived", {}).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Replaced", { by: NodeIdFromString }).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Forgotten", { by: NodeIdFromString }).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("RetentionExpired", { after: Schema.DurationFromMillis }).pipe(
    Schema.encodeKeys({ _tag: "kind", after: "after_ms" })
  )
])

const UnreadableCause = Schema.Union([
  Schema.TaggedStruct("OtherKey", {}).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Plaintext", {}).pipe(Schema.encodeKeys({ _tag: "kind" }))
])

const eventFields = { sequence: Schema.Int, at: Schema.DateTimeUtcFromString, member: Member, cause: Cause }

/**
 * A change with its sequence number, as `GET /events` sends it and `gossip run --log-format json` logs it.
 *
 * **Details**
 *
 * The changes and their fields are those of `Change`, without `Missed`.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Change = Schema.Union([
  Schema.TaggedStruct("Joined", eventFields).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Suspected", eventFields).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Recovered", eventFields).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Died", eventFields).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Left", eventFields).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Updated", {
    ...eventFields,
    changed: Schema.Array(Schema.Literals(["address", "incarnation", "name", "tags"])),
    previousAddress: Schema.InetAddressFromString,
    previousIncarnation: Schema.Int,
    previousTags: Schema.Record(Schema.String, Schema.String)
  }).pipe(
    Schema.encodeKeys({
      _tag: "kind",
      previousAddress: "previous_addr",
      previousIncarnation: "previous_incarnation",
      previousTags: "previous_tags"
    })
  ),
  Schema.TaggedStruct("Removed", eventFields).pipe(Schema.encodeKeys({ _tag: "kind" })),
  Schema.TaggedStruct("Conflict", {
    sequence: Schema.Int,
    at: Schema.DateTimeUtcFromString,
    cause: Schema.Union([Cause.members[0], Cause.members[1]]),
    kind: Schema.Literals(["SameId", "SameAddress"]),
    id: NodeIdFromString,
    address: Schema.InetAddressFromString
  }).pipe(Schema.encodeKeys({ _tag: "kind", kind: "conflict", address: "addr" })),
  Schema.TaggedStruct("Unreadable", {
    sequence: Schema.Int,
    at: Schema.DateTimeUtcFromString,
    cause: UnreadableCause,
    id: NodeIdFromString,
    address: Schema.InetAddressFromString
  }).pipe(Schema.encodeKeys({ _tag: "kind", address: "addr" }))
])
/**
 * A change with its sequence number.
 *
 * @category models
 * @since 0.2.0
 */
export type Change = typeof Change.Type
