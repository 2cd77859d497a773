/**
 * Messages as values: their schema, and the codec between them and datagrams.
 *
 * A node reads and writes messages in place (`Inbound`, `MessageWriter`). The
 * codec is made of the same parts and is for tests, tools and everything else
 * that handles whole messages.
 *
 * @since 0.2.0
 */
import { Effect, Result, Schema, type SchemaAST, SchemaIssue, SchemaTransformation } from "effect"
import { Address } from "../domain/Address.ts"
import { NodeId } from "../domain/NodeId.ts"
import { U16, U32, U64, U8 } from "../domain/Unsigned.ts"
import type { AddressCache } from "./AddressCache.ts"
import { HeaderLength, Kind, MaxLevel, MaxPayload } from "./Header.ts"
import { ChunkPrefixLength, Inbound } from "./Inbound.ts"
import { readSections, sectionsLength, writeSections } from "./SectionCodec.ts"
import { SectionHeaderLength, SectionType } from "./sections/Section.ts"
import { AckProbeLength, PingProbeLength, RequestProbePrefixLength } from "./sections/Sections.ts"
import { AckProbe, MessageEntry, PingProbe, RequestProbe, sections } from "./SectionValues.ts"
import { ValueReader } from "./ValueReader.ts"
import { addressLength, entriesLength, ValueWriter } from "./ValueWriter.ts"
import * as WireError from "./WireError.ts"

export { AddressCache } from "./AddressCache.ts"
export {
  Accusation,
  AckProbe,
  Chunk,
  LeftMember,
  MemberEvent,
  MemberTags,
  MessageEntry,
  PingProbe,
  Query,
  RequestProbe,
  Response,
  SectionValues
} from "./SectionValues.ts"

// --- schemas -------------------------------------------------------------------

const sender = {
  senderId: NodeId,
  /** The sender's heartbeat counter. */
  heartbeat: U32,
  /** The sender's incarnation. */
  incarnation: U32,
  /** The flag byte: bit 0 asks for an acknowledgement, bit 1 marks a relayed ACK. */
  flags: U8,
  /** The extension level that the sender speaks. */
  level: U8
}

/**
 * What every message tells about its sender.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Sender = Schema.Struct(sender)

/**
 * What every message tells about its sender.
 *
 * @category models
 * @since 0.2.0
 */
export type Sender = typeof Sender.Type

const entries = Schema.Array(MessageEntry)

/**
 * GOSSIP: changes that spread.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Gossip = Schema.TaggedStruct("Gossip", { ...sender, entries })

/**
 * GOSSIP: changes that spread.
 *
 * @category models
 * @since 0.2.0
 */
export type Gossip = typeof Gossip.Type

/**
 * PING: a direct probe, which the receiver answers with an ACK.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Ping = Schema.TaggedStruct("Ping", { ...sender, entries })

/**
 * PING: a direct probe, which the receiver answers with an ACK.
 *
 * @category models
 * @since 0.2.0
 */
export type Ping = typeof Ping.Type

/**
 * PING_REQ: asks the receiver, a relay, to probe the target.
 *
 * @category schemas
 * @since 0.2.0
 */
export const PingReq = Schema.TaggedStruct("PingReq", { ...sender, targetId: NodeId, targetAddress: Address })

/**
 * PING_REQ: asks the receiver, a relay, to probe the target.
 *
 * @category models
 * @since 0.2.0
 */
export type PingReq = typeof PingReq.Type

/**
 * ACK: the answer to a PING, or to a message that asks for one by its flags.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Ack = Schema.TaggedStruct("Ack", { ...sender, entries })

/**
 * ACK: the answer to a PING, or to a message that asks for one by its flags.
 *
 * @category models
 * @since 0.2.0
 */
export type Ack = typeof Ack.Type

/**
 * LEAVE: the sender leaves the cluster.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Leave = Schema.TaggedStruct("Leave", sender)

/**
 * LEAVE: the sender leaves the cluster.
 *
 * @category models
 * @since 0.2.0
 */
export type Leave = typeof Leave.Type

/**
 * ANTI_ENTROPY: one chunk of a snapshot of the sender's table.
 *
 * @category schemas
 * @since 0.2.0
 */
export const AntiEntropy = Schema.TaggedStruct("AntiEntropy", {
  ...sender,
  /** Tells the snapshots of one sender apart. */
  tableVersion: U64,
  /** The place of this chunk in the snapshot, from 0. */
  chunkIndex: U16,
  totalChunks: U16,
  entries
})

/**
 * ANTI_ENTROPY: one chunk of a snapshot of the sender's table.
 *
 * @category models
 * @since 0.2.0
 */
export type AntiEntropy = typeof AntiEntropy.Type

/**
 * GOSSIP in the form of extension level 1.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Gossip1 = Schema.TaggedStruct("Gossip1", { ...sender, ...sections })

/**
 * GOSSIP in the form of extension level 1.
 *
 * @category models
 * @since 0.2.0
 */
export type Gossip1 = typeof Gossip1.Type

/**
 * PING in the form of extension level 1.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Ping1 = Schema.TaggedStruct("Ping1", { ...sender, probe: Schema.optionalKey(PingProbe), ...sections })

/**
 * PING in the form of extension level 1.
 *
 * @category models
 * @since 0.2.0
 */
export type Ping1 = typeof Ping1.Type

/**
 * PING_REQ in the form of extension level 1.
 *
 * @category schemas
 * @since 0.2.0
 */
export const PingReq1 = Schema.TaggedStruct("PingReq1", { ...sender, probe: RequestProbe, ...sections })

/**
 * PING_REQ in the form of extension level 1.
 *
 * @category models
 * @since 0.2.0
 */
export type PingReq1 = typeof PingReq1.Type

/**
 * ACK in the form of extension level 1.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Ack1 = Schema.TaggedStruct("Ack1", { ...sender, probe: Schema.optionalKey(AckProbe), ...sections })

/**
 * ACK in the form of extension level 1.
 *
 * @category models
 * @since 0.2.0
 */
export type Ack1 = typeof Ack1.Type

/**
 * ANTI_ENTROPY in the form of extension level 1: a chunk of a snapshot, or a step
 * of the comparison of two tables by digest and buckets.
 *
 * @category schemas
 * @since 0.2.0
 */
export const AntiEntropy1 = Schema.TaggedStruct("AntiEntropy1", { ...sender, ...sections })

/**
 * ANTI_ENTROPY in the form of extension level 1: a chunk of a snapshot, or a step
 * of the comparison of two tables by digest and buckets.
 *
 * @category models
 * @since 0.2.0
 */
export type AntiEntropy1 = typeof AntiEntropy1.Type

/**
 * A message of version 1, which every node understands.
 *
 * @category schemas
 * @since 0.2.0
 */
export const BaseMessage = Schema.Union([Gossip, Ping, PingReq, Ack, Leave, AntiEntropy])

/**
 * A message of version 1, which every node understands.
 *
 * @category models
 * @since 0.2.0
 */
export type BaseMessage = typeof BaseMessage.Type

/**
 * A message whose payload is a sequence of sections, the form of extension level
 * 1.
 *
 * @category schemas
 * @since 0.2.0
 */
export const SectionedMessage = Schema.Union([Gossip1, Ping1, PingReq1, Ack1, AntiEntropy1])

/**
 * A message whose payload is a sequence of sections, the form of extension level
 * 1.
 *
 * @category models
 * @since 0.2.0
 */
export type SectionedMessage = typeof SectionedMessage.Type

/**
 * One message, of at most 1400 bytes of payload.
 *
 * **When to use**
 *
 * Use for messages as data: arbitraries for property tests
 * (`Arbitrary.schema(Message)`), JSON (`Schema.toCodecJson(Message)`), and
 * checks. `MessageFromBytes` is the codec to datagrams.
 *
 * **Details**
 *
 * It is a `BaseMessage` or a `SectionedMessage`. In the latter, a section that the
 * message does not have is an absent key.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Message = Schema.Union([BaseMessage, SectionedMessage]).check(
  Schema.makeFilter((message) => {
    const length = payloadLength(message)
    return length <= MaxPayload || new WireError.PayloadTooLarge(length).message
  })
)

/**
 * One message, of at most 1400 bytes of payload.
 *
 * @category models
 * @since 0.2.0
 */
export type Message = typeof Message.Type

// --- from datagrams --------------------------------------------------------------

/**
 * How a datagram is decoded.
 *
 * @category models
 * @since 0.2.0
 */
export interface DecodeOptions {
  /** Kinds of extension levels above this one are unknown kinds. By default it is the highest that this module knows. */
  readonly maxLevel?: number
  /** Where to find the addresses that were decoded before. Without it every address is a new object. */
  readonly addresses?: AddressCache
}

/**
 * Decodes a datagram that is not sealed. The result fails with what is wrong; this
 * function never throws.
 *
 * **Details**
 *
 * What a receiver skips is not in the message: entries with a status above 2,
 * bytes behind a LEAVE, sections of unknown types, empty lists, accusations with
 * evidence above 2, responses with a status above 1. Everything else is kept.
 * Encoding a message of version 1 gives the same bytes again, and encoding one of
 * extension level 1 gives the same sections in the order of their types.
 *
 * @example
 * ```ts
 * import { Result } from "effect"
 * import { Message } from "effect-gossip"
 *
 * const addresses = new Message.AddressCache()
 *
 * const describe = (datagram: Uint8Array) =>
 *   Result.match(Message.decode(datagram, { addresses }), {
 *     onFailure: (error) => `no message: ${error.message}`,
 *     onSuccess: ({ _tag, senderId }) => `${_tag} of ${senderId}`
 *   })
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const decode = (
  bytes: Uint8Array,
  { addresses, maxLevel = MaxLevel }: DecodeOptions = {}
): Result.Result<Message, WireError.WireError> => {
  const inbound = new Inbound()
  const fault = inbound.decode(bytes, maxLevel)
  if (fault !== undefined) return Result.fail(fault)
  const reader = new ValueReader(inbound, addresses)
  const { flags, heartbeat, incarnation, level, sectioned } = inbound.header
  const sender = { senderId: reader.nodeId(4), heartbeat, incarnation, flags, level }
  return Result.succeed(sectioned ? sectionedMessage(reader, sender) : baseMessage(reader, sender))
}

const baseMessage = (reader: ValueReader, sender: Sender): BaseMessage => {
  const { inbound } = reader
  switch (inbound.header.kind) {
    case Kind.Gossip:
      return { _tag: "Gossip", ...sender, entries: reader.entries() }
    case Kind.Ping:
      return { _tag: "Ping", ...sender, entries: reader.entries() }
    case Kind.PingReq: {
      const targetId = reader.nodeId(HeaderLength)
      return { _tag: "PingReq", ...sender, targetId, targetAddress: reader.address(inbound.targetAddressAt) }
    }
    case Kind.Ack:
      return { _tag: "Ack", ...sender, entries: reader.entries() }
    case Kind.Leave:
      return { _tag: "Leave", ...sender }
    default: {
      const tableVersion = reader.u64(HeaderLength)
      const { chunkIndex, totalChunks } = inbound
      return { _tag: "AntiEntropy", ...sender, tableVersion, chunkIndex, totalChunks, entries: reader.entries() }
    }
  }
}

const sectionedMessage = (reader: ValueReader, sender: Sender): SectionedMessage => {
  const { inbound } = reader
  const { sections } = inbound
  const values = readSections(reader)
  const probeAt = sections.startOf(SectionType.Probe)
  switch (inbound.header.kind) {
    case Kind.Gossip:
      return { _tag: "Gossip1", ...sender, ...values }
    case Kind.Ping: {
      if (probeAt === 0) return { _tag: "Ping1", ...sender, ...values }
      const probe = { sequence: sections.sequence, targetId: reader.nodeId(probeAt + 4) }
      return { _tag: "Ping1", ...sender, probe, ...values }
    }
    case Kind.PingReq: {
      const { sequence, waitMs } = sections
      const targetId = reader.nodeId(probeAt + 6)
      const probe = { sequence, waitMs, targetId, targetAddress: reader.address(inbound.targetAddressAt) }
      return { _tag: "PingReq1", ...sender, probe, ...values }
    }
    case Kind.Ack:
      return probeAt === 0
        ? { _tag: "Ack1", ...sender, ...values }
        : { _tag: "Ack1", ...sender, probe: { sequence: sections.sequence }, ...values }
    default:
      return { _tag: "AntiEntropy1", ...sender, ...values }
  }
}

// --- to datagrams ------------------------------------------------------------------

const probeLength = (probe: Ping1["probe"] | PingReq1["probe"] | Ack1["probe"]): number => {
  if (probe === undefined) return 0
  if ("targetAddress" in probe) {
    return SectionHeaderLength + RequestProbePrefixLength + addressLength(probe.targetAddress)
  }
  return SectionHeaderLength + ("targetId" in probe ? PingProbeLength : AckProbeLength)
}

const payloadLength = (message: BaseMessage | SectionedMessage): number => {
  switch (message._tag) {
    case "Leave":
      return 0
    case "PingReq":
      return 8 + addressLength(message.targetAddress)
    case "AntiEntropy":
      return ChunkPrefixLength + entriesLength(message.entries)
    case "Gossip":
    case "Ping":
    case "Ack":
      return entriesLength(message.entries)
    case "Gossip1":
    case "AntiEntropy1":
      return sectionsLength(message)
    default:
      return sectionsLength(message) + probeLength(message.probe)
  }
}

/**
 * Encodes a message. Fails with `PayloadTooLarge` above 1400 bytes of payload,
 * which is 58 entries with IPv4 addresses in a message of version 1.
 *
 * **Gotchas**
 *
 * Values that the schema refuses, such as a number that is too large for its
 * field, give bytes without meaning. `MessageFromBytes` checks them.
 *
 * @category encoding
 * @since 0.2.0
 */
export const encode = (message: Message): Result.Result<Uint8Array, WireError.PayloadTooLarge> => {
  const length = payloadLength(message)
  if (length > MaxPayload) return Result.fail(new WireError.PayloadTooLarge(length))
  const values = new ValueWriter(HeaderLength + length)
  const writer = values.message
  const { header } = writer
  values.split(message.senderId)
  header.idHi = values.hi
  header.idLo = values.lo
  header.heartbeat = message.heartbeat
  header.incarnation = message.incarnation
  header.level = message.level
  switch (message._tag) {
    case "Gossip":
    case "Ping":
    case "Ack":
      writer.begin(Kind[message._tag], message.flags)
      values.entries(message.entries)
      break
    case "Leave":
      writer.begin(Kind.Leave, message.flags)
      break
    case "PingReq":
      writer.begin(Kind.PingReq, message.flags)
      values.split(message.targetId)
      writer.target(values.hi, values.lo, values.pack(message.targetAddress), 0)
      break
    case "AntiEntropy":
      writer.begin(Kind.AntiEntropy, message.flags)
      values.split(message.tableVersion)
      writer.chunk(values.hi, values.lo, message.chunkIndex, message.totalChunks)
      values.entries(message.entries)
      break
    default:
      encodeSectioned(message, values)
  }
  return Result.succeed(writer.finish())
}

const encodeSectioned = (message: SectionedMessage, values: ValueWriter): void => {
  const writer = values.message
  switch (message._tag) {
    case "Ping1":
      writer.beginSectioned(Kind.Ping, message.flags)
      return writeSections(message, values, () => {
        if (message.probe !== undefined)
          writer.pingProbe(message.probe.sequence, ...values.words(message.probe.targetId))
      })
    case "PingReq1":
      writer.beginSectioned(Kind.PingReq, message.flags)
      return writeSections(message, values, () => {
        const { sequence, targetAddress, targetId, waitMs } = message.probe
        writer.requestProbe(sequence, waitMs, ...values.words(targetId), values.pack(targetAddress), 0)
      })
    case "Ack1":
      writer.beginSectioned(Kind.Ack, message.flags)
      return writeSections(message, values, () => {
        if (message.probe !== undefined) writer.ackProbe(message.probe.sequence)
      })
    case "Gossip1":
      writer.beginSectioned(Kind.Gossip, message.flags)
      return writeSections(message, values, () => {})
    case "AntiEntropy1":
      writer.beginSectioned(Kind.AntiEntropy, message.flags)
      return writeSections(message, values, () => {})
  }
}

const orInvalid = <A>(
  result: Result.Result<A, { readonly message: string }>,
  input: unknown,
  options: SchemaAST.ParseOptions
): Effect.Effect<A, SchemaIssue.Issue> =>
  Result.match(result, {
    onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, input, options)),
    onSuccess: (value) => Effect.succeed(value)
  })

/**
 * The codec between messages and datagrams, as a schema.
 *
 * **Gotchas**
 *
 * A schema checks every value again that `decode` has built. Where many datagrams
 * are decoded, use `decode` itself.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Message } from "effect-gossip"
 *
 * const describe = (datagram: Uint8Array) =>
 *   Effect.gen(function*() {
 *     const message = yield* Schema.decodeUnknownEffect(Message.MessageFromBytes)(datagram)
 *     return `${message._tag} of ${message.senderId}`
 *   })
 * ```
 *
 * @category schemas
 * @since 0.2.0
 */
export const MessageFromBytes = Schema.Uint8Array.pipe(
  Schema.decodeTo(
    Schema.toType(Message),
    SchemaTransformation.transformEffect<Message, Uint8Array>({
      decode: (bytes, options) => orInvalid(decode(bytes), bytes, options),
      encode: (message, options) => orInvalid(encode(message), message, options)
    })
  )
)
