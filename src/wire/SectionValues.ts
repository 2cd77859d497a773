/**
 * The sections of a message of extension level 1 as values.
 *
 * @since 0.2.0
 */
import { Schema, SchemaTransformation } from "effect"
import { Address } from "../domain/Address.ts"
import { NodeId } from "../domain/NodeId.ts"
import { U16, U32, U64, U8 } from "../domain/Unsigned.ts"
import * as Bucket from "./sections/Bucket.ts"
import * as MemberTagsBytes from "./sections/MemberTags.ts"
import * as NamedPayload from "./sections/NamedPayload.ts"
import * as Utf8 from "./Utf8.ts"

/**
 * Statuses of entries, each at the index that is its byte on the wire.
 *
 * @category constants
 * @since 0.2.0
 */
export const statuses = ["Alive", "Suspect", "Dead"] as const

/**
 * Evidence of accusations, each at the index that is its byte on the wire.
 *
 * @category constants
 * @since 0.2.0
 */
export const evidences = ["Silent", "Refused", "Replaced"] as const

/**
 * Statuses of responses, each at the index that is its byte on the wire.
 *
 * @category constants
 * @since 0.2.0
 */
export const responseStatuses = ["Value", "Failure"] as const

// --- texts and bytes -----------------------------------------------------------

/**
 * The bytes of a text in UTF-8. It is Infinity for a text that is not well-formed
 * and so has no bytes of its own.
 *
 * @category reading
 * @since 0.2.0
 */
export const utf8Length = (text: string): number => (text.isWellFormed() ? Utf8.encode(text).length : Infinity)

/**
 * The bytes of a member's tags, keys and values with their lengths.
 *
 * @category reading
 * @since 0.2.0
 */
export const pairsLength = (tags: { readonly [key: string]: string }): number =>
  Object.entries(tags).reduce((length, [key, value]) => length + 3 + utf8Length(key) + utf8Length(value), 0)

const Name = Schema.String.check(
  Schema.makeFilter((name) => utf8Length(name) <= NamedPayload.MaxName, {
    expected: `well-formed text of at most ${NamedPayload.MaxName} bytes in UTF-8`
  })
)

/** Bytes that tests can generate, which `Schema.Uint8Array` cannot. */
const Bytes = Schema.Uint8Array.annotate({
  toCodecArbitrary: () =>
    Schema.link<Uint8Array>()(
      Schema.Array(U8),
      SchemaTransformation.transform<Uint8Array, ReadonlyArray<number>>({
        decode: (bytes) => Uint8Array.from(bytes),
        encode: (bytes) => Array.from(bytes)
      })
    )
})

const upTo = (length: number) =>
  Bytes.check(Schema.makeFilter((bytes) => bytes.length <= length, { expected: `at most ${length} bytes` }))

// --- items of lists ----------------------------------------------------------------

/**
 * One claim about one node.
 *
 * **Gotchas**
 *
 * The scope id of an IPv6 address is not sent.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MessageEntry = Schema.Struct({
  nodeId: NodeId,
  heartbeat: U32,
  incarnation: U32,
  status: Schema.Literals(statuses),
  address: Address
})

/**
 * One claim about one node.
 *
 * @category models
 * @since 0.2.0
 */
export type MessageEntry = typeof MessageEntry.Type

/**
 * Who failed to reach whom, at which incarnation of the target.
 *
 * **Details**
 *
 * `Silent` means that no answer came, `Refused` that the host refused the
 * datagram, `Replaced` that another node answered at the address.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Accusation = Schema.Struct({
  targetId: NodeId,
  incarnation: U32,
  accuserId: NodeId,
  evidence: Schema.Literals(evidences)
})

/**
 * Who failed to reach whom, at which incarnation of the target.
 *
 * @category models
 * @since 0.2.0
 */
export type Accusation = typeof Accusation.Type

/**
 * A member that left of its own will, and the incarnation in which it left.
 *
 * @category schemas
 * @since 0.2.0
 */
export const LeftMember = Schema.Struct({ nodeId: NodeId, incarnation: U32 })

/**
 * A member that left of its own will, and the incarnation in which it left.
 *
 * @category models
 * @since 0.2.0
 */
export type LeftMember = typeof LeftMember.Type

/**
 * The tags of one member: at most 512 bytes of keys and values with their lengths.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MemberTags = Schema.Struct({
  nodeId: NodeId,
  incarnation: U32,
  /** Within an incarnation, the tags of the highest version count. */
  version: U32,
  tags: Schema.Record(Schema.String, Schema.String).check(
    Schema.makeFilter(
      (tags) =>
        Object.keys(tags).every((key) => utf8Length(key) <= 0xff) && pairsLength(tags) <= MemberTagsBytes.MaxPairs,
      {
        expected: `well-formed keys of at most 255 bytes, and at most ${MemberTagsBytes.MaxPairs} bytes with their values`
      }
    )
  )
})

/**
 * The tags of one member: at most 512 bytes of keys and values with their lengths.
 *
 * @category models
 * @since 0.2.0
 */
export type MemberTags = typeof MemberTags.Type

/**
 * An event: a name and a payload that every member gets once.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MemberEvent = Schema.Struct({
  originId: NodeId,
  /** The incarnation of the origin when it published the event. */
  incarnation: U32,
  /** Counts the events of one origin and incarnation. */
  number: U32,
  name: Name,
  payload: upTo(NamedPayload.MaxPayload)
})

/**
 * An event: a name and a payload that every member gets once.
 *
 * @category models
 * @since 0.2.0
 */
export type MemberEvent = typeof MemberEvent.Type

/**
 * A query: an event that members answer.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Query = Schema.Struct({
  originId: NodeId,
  number: U64,
  /** Where responses go. */
  originAddress: Address,
  /** How long the origin waits for responses, in milliseconds. */
  deadlineMs: U32,
  name: Name,
  payload: upTo(NamedPayload.MaxPayload)
})

/**
 * A query: an event that members answer.
 *
 * @category models
 * @since 0.2.0
 */
export type Query = typeof Query.Type

/**
 * A response to a query.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Response = Schema.Struct({
  /** The number of the query. */
  number: U64,
  status: Schema.Literals(responseStatuses),
  value: upTo(0xffff)
})

/**
 * A response to a query.
 *
 * @category models
 * @since 0.2.0
 */
export type Response = typeof Response.Type

/**
 * The place of a message among the chunks of a snapshot.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Chunk = Schema.Struct({
  /** Tells the snapshots of one sender apart. */
  tableVersion: U64,
  /** The place of this chunk in the snapshot, from 0. */
  chunkIndex: U16,
  totalChunks: U16
})

/**
 * The place of a message among the chunks of a snapshot.
 *
 * @category models
 * @since 0.2.0
 */
export type Chunk = typeof Chunk.Type

/** A list with one item for each bucket of a table: 1, 2, 4, ... or 256 of them. */
const perBucket = <S extends Schema.Constraint>(item: S) =>
  Schema.Union(
    Array.from({ length: Bucket.MaxBits + 1 }, (_, bits) => {
      const buckets = 1 << bits
      return Schema.Array(item).check(Schema.isBetweenLength(buckets, buckets))
    })
  )

// --- probe sections --------------------------------------------------------------------

/**
 * The probe section of a PING.
 *
 * @category schemas
 * @since 0.2.0
 */
export const PingProbe = Schema.Struct({
  sequence: U32,
  /** The id that the PING is meant for. */
  targetId: NodeId
})

/**
 * The probe section of a PING.
 *
 * @category models
 * @since 0.2.0
 */
export type PingProbe = typeof PingProbe.Type

/**
 * The probe section of an ACK.
 *
 * @category schemas
 * @since 0.2.0
 */
export const AckProbe = Schema.Struct({
  /** The sequence of the PING that the ACK answers. */
  sequence: U32
})

/**
 * The probe section of an ACK.
 *
 * @category models
 * @since 0.2.0
 */
export type AckProbe = typeof AckProbe.Type

/**
 * The probe section of a PING_REQ.
 *
 * @category schemas
 * @since 0.2.0
 */
export const RequestProbe = Schema.Struct({
  /** The sequence of the requester's probe. */
  sequence: U32,
  /** How long the requester waits, in milliseconds. */
  waitMs: U16,
  targetId: NodeId,
  targetAddress: Address
})

/**
 * The probe section of a PING_REQ.
 *
 * @category models
 * @since 0.2.0
 */
export type RequestProbe = typeof RequestProbe.Type

// --- all other sections ----------------------------------------------------------------

const list = <S extends Schema.Constraint>(item: S) =>
  Schema.optionalKey(Schema.Array(item).check(Schema.isMinLength(1)))

/**
 * The sections that a message of any kind can have, beside its probe section. A
 * message without one of them does not have the key.
 *
 * @category schemas
 * @since 0.2.0
 */
export const sections = {
  entries: list(MessageEntry),
  accusations: list(Accusation),
  left: list(LeftMember),
  /** The relay is well, but has no answer to the requester's probe of this sequence. */
  nack: Schema.optionalKey(Schema.Struct({ sequence: U32 })),
  chunk: Schema.optionalKey(Chunk),
  /** The number and the hash of the live members of the sender's table. */
  digest: Schema.optionalKey(Schema.Struct({ memberCount: U32, hash: U64 })),
  /** The hash of each bucket of the sender's table. */
  buckets: Schema.optionalKey(perBucket(U32)),
  /** For each bucket, whether the chunks cover it. */
  differing: Schema.optionalKey(perBucket(Schema.Boolean)),
  tags: list(MemberTags),
  events: list(MemberEvent),
  queries: list(Query),
  responses: list(Response)
}

/**
 * The sections of a message, beside its probe section.
 *
 * @category schemas
 * @since 0.2.0
 */
export const SectionValues = Schema.Struct(sections)

/**
 * The sections of a message, beside its probe section.
 *
 * @category models
 * @since 0.2.0
 */
export type SectionValues = typeof SectionValues.Type
