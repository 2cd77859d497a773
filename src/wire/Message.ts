/**
 * Messages as values: their schema, and the codec between them and datagrams.
 *
 * A node reads and writes messages in place (`Inbound`, `MessageWriter`). The
 * codec is made of the same parts and is for tests, tools and everything else
 * that handles whole messages.
 *
 * @since 0.2.0
 */
import { Brand, Effect, Result, Schema, type SchemaAST, SchemaIssue, SchemaTransformation } from "effect"
import { NetAddress } from "effect/net"
import { Address } from "../domain/Address.ts"
import { NodeId } from "../domain/NodeId.ts"
import { U16, U32, U64, U8 } from "../domain/Unsigned.ts"
import * as Entry from "./Entry.ts"
import { HeaderLength, Kind, type KindCode, MaxPayload } from "./Header.ts"
import { ChunkPrefixLength, Inbound } from "./Inbound.ts"
import { MessageWriter } from "./MessageWriter.ts"
import * as PackedAddress from "./PackedAddress.ts"
import * as WireError from "./WireError.ts"

// --- schemas -------------------------------------------------------------------

/** Statuses, each at the index that is its byte on the wire. */
const statuses = ["Alive", "Suspect", "Dead"] as const

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

const Kinds = Schema.Union([Gossip, Ping, PingReq, Ack, Leave, AntiEntropy])

/**
 * One message, of at most 1400 bytes of payload.
 *
 * **When to use**
 *
 * Use for messages as data: arbitraries for property tests
 * (`Arbitrary.schema(Message)`), JSON (`Schema.toCodecJson(Message)`), and
 * checks. `MessageFromBytes` is the codec to datagrams.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Message = Kinds.check(
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

const toNodeId = Brand.nominal<NodeId>()

const tagOf = { 1: "Gossip", 2: "Ping", 3: "PingReq", 4: "Ack", 5: "Leave", 6: "AntiEntropy" } as const

const entriesOf = (inbound: Inbound, view: DataView): ReadonlyArray<MessageEntry> => {
  const entries: Array<MessageEntry> = []
  const cursor = new Entry.EntryCursor()
  for (let at = inbound.entriesStart; at < inbound.entriesEnd; at = cursor.next) {
    cursor.read(inbound.bytes, at)
    const status = statuses[cursor.status]
    // A status of a later level: the other entries count all the same.
    if (status === undefined) continue
    entries.push({
      nodeId: toNodeId(view.getBigUint64(at)),
      heartbeat: cursor.heartbeat,
      incarnation: cursor.incarnation,
      status,
      address: PackedAddress.read(inbound.bytes, cursor.addressAt)
    })
  }
  return entries
}

/**
 * Decodes a datagram that is not sealed.
 *
 * **Details**
 *
 * Entries with a status above 2 and bytes behind a LEAVE are dropped. Everything
 * else is kept, so that encoding gives the same bytes again. The result fails
 * with what is wrong; this function never throws.
 *
 * @category decoding
 * @since 0.2.0
 */
export const decode = (bytes: Uint8Array): Result.Result<Message, WireError.WireError> => {
  const inbound = new Inbound()
  const fault = inbound.decode(bytes)
  if (fault !== undefined) return Result.fail(fault)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { flags, heartbeat, incarnation, kind, level } = inbound.header
  const sender = { senderId: toNodeId(view.getBigUint64(4)), heartbeat, incarnation, flags, level }
  const tag = tagOf[kind as KindCode]
  switch (tag) {
    case "Gossip":
    case "Ping":
    case "Ack":
      return Result.succeed({ _tag: tag, ...sender, entries: entriesOf(inbound, view) })
    case "Leave":
      return Result.succeed({ _tag: tag, ...sender })
    case "PingReq":
      return Result.succeed({
        _tag: tag,
        ...sender,
        targetId: toNodeId(view.getBigUint64(HeaderLength)),
        targetAddress: PackedAddress.read(bytes, inbound.targetAddressAt)
      })
    case "AntiEntropy":
      return Result.succeed({
        _tag: tag,
        ...sender,
        tableVersion: view.getBigUint64(HeaderLength),
        chunkIndex: inbound.chunkIndex,
        totalChunks: inbound.totalChunks,
        entries: entriesOf(inbound, view)
      })
  }
}

// --- to datagrams ------------------------------------------------------------------

const addressLength = (address: Address): number =>
  NetAddress.isInetAddressV4(address) ? PackedAddress.Ipv4Length : PackedAddress.MaxLength

const entriesLength = (entries: ReadonlyArray<MessageEntry>): number => {
  let length = 0
  for (const { address } of entries) length += Entry.PrefixLength + addressLength(address)
  return length
}

const payloadLength = (message: typeof Kinds.Type): number => {
  switch (message._tag) {
    case "Leave":
      return 0
    case "PingReq":
      return 8 + addressLength(message.targetAddress)
    case "AntiEntropy":
      return ChunkPrefixLength + entriesLength(message.entries)
    default:
      return entriesLength(message.entries)
  }
}

/** Puts values into the form in which a `MessageWriter` takes them: ids as two words, addresses packed. */
class ValueWriter {
  readonly writer: MessageWriter
  readonly #words = new DataView(new ArrayBuffer(8))
  readonly #address = new Uint8Array(PackedAddress.MaxLength)
  /** The halves of the id that `split` got last. */
  hi = 0
  lo = 0

  constructor(length: number) {
    this.writer = new MessageWriter(length)
  }

  /** Arithmetic on a `bigint` would cost ten times as much. */
  split(id: bigint): void {
    this.#words.setBigUint64(0, id)
    this.hi = this.#words.getUint32(0)
    this.lo = this.#words.getUint32(4)
  }

  pack(address: Address): Uint8Array {
    PackedAddress.writeExact(address, this.#address, 0)
    return this.#address
  }

  entries(entries: ReadonlyArray<MessageEntry>): void {
    for (const { address, heartbeat, incarnation, nodeId, status } of entries) {
      this.split(nodeId)
      const code = status === "Alive" ? 0 : status === "Suspect" ? 1 : 2
      this.writer.entry(this.hi, this.lo, heartbeat, incarnation, code, this.pack(address), 0)
    }
  }
}

/**
 * Encodes a message. Fails with `PayloadTooLarge` above 1400 bytes of payload,
 * which is 58 entries with IPv4 addresses.
 *
 * @category encoding
 * @since 0.2.0
 */
export const encode = (message: Message): Result.Result<Uint8Array, WireError.PayloadTooLarge> => {
  const length = payloadLength(message)
  if (length > MaxPayload) return Result.fail(new WireError.PayloadTooLarge(length))
  const values = new ValueWriter(HeaderLength + length)
  const { writer } = values
  const { header } = writer
  values.split(message.senderId)
  header.idHi = values.hi
  header.idLo = values.lo
  header.heartbeat = message.heartbeat
  header.incarnation = message.incarnation
  header.level = message.level
  writer.begin(Kind[message._tag], message.flags)
  switch (message._tag) {
    case "Leave":
      break
    case "PingReq":
      values.split(message.targetId)
      writer.target(values.hi, values.lo, values.pack(message.targetAddress), 0)
      break
    case "AntiEntropy":
      values.split(message.tableVersion)
      writer.chunk(values.hi, values.lo, message.chunkIndex, message.totalChunks)
      values.entries(message.entries)
      break
    default:
      values.entries(message.entries)
  }
  return Result.succeed(writer.finish())
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
 * const message = yield* Schema.decodeUnknownEffect(MessageFromBytes)(datagram)
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
