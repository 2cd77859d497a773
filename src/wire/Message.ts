/**
 * Messages as values, and their codecs: for tests, tools and whoever reads
 * packets outside the hot path, which works on bytes in place (`Inbound`,
 * `MessageWriter`). Both use the same functions, and tests hold them equal.
 */
import { Effect, Predicate, Result, Schema, type SchemaAST, SchemaIssue, SchemaTransformation } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../domain/NodeId.ts"
import { writeU16, writeU32 } from "./Bytes.ts"
import * as Entry from "./Entry.ts"
import { Header, HeaderLength, Kind, type KindCode, MaxPayload, writeHeader } from "./Header.ts"
import { ChunkPrefixLength, Inbound } from "./Inbound.ts"
import * as PackedAddress from "./PackedAddress.ts"
import * as WireError from "./WireError.ts"

/** Statuses by their byte on the wire. */
const statuses = ["Alive", "Suspect", "Dead"] as const

/** One claim about one node. `heartbeat` and `incarnation` are unsigned 32-bit integers. */
export interface MessageEntry {
  readonly nodeId: NodeId.NodeId
  readonly heartbeat: number
  readonly incarnation: number
  readonly status: (typeof statuses)[number]
  readonly address: NetAddress.InetAddress
}

/** What every message says of its sender. */
export interface Sender {
  readonly senderId: NodeId.NodeId
  readonly heartbeat: number
  readonly incarnation: number
  /** The flag byte as it stands; bit 0 asks for an ACK, bit 1 marks a relayed ACK. */
  readonly flags: number
  /** Extension level that the sender speaks, 0..255. */
  readonly level: number
}

export interface Gossip extends Sender {
  readonly _tag: "Gossip"
  readonly entries: ReadonlyArray<MessageEntry>
}
export interface Ping extends Sender {
  readonly _tag: "Ping"
  readonly entries: ReadonlyArray<MessageEntry>
}
export interface Ack extends Sender {
  readonly _tag: "Ack"
  readonly entries: ReadonlyArray<MessageEntry>
}
export interface PingReq extends Sender {
  readonly _tag: "PingReq"
  readonly targetId: NodeId.NodeId
  readonly targetAddress: NetAddress.InetAddress
}
export interface Leave extends Sender {
  readonly _tag: "Leave"
}
export interface AntiEntropy extends Sender {
  readonly _tag: "AntiEntropy"
  readonly tableVersion: bigint
  readonly chunkIndex: number
  readonly totalChunks: number
  readonly entries: ReadonlyArray<MessageEntry>
}

/** One message of wire format version 1. */
export type Message = Gossip | Ping | PingReq | Ack | Leave | AntiEntropy

const tagOf = { 1: "Gossip", 2: "Ping", 3: "PingReq", 4: "Ack", 5: "Leave", 6: "AntiEntropy" } as const
const kindOf: { readonly [Tag in Message["_tag"]]: KindCode } = Kind

const entriesOf = (inbound: Inbound): ReadonlyArray<MessageEntry> => {
  const entries: Array<MessageEntry> = []
  const cursor = new Entry.EntryCursor()
  for (let at = inbound.entriesStart; at < inbound.entriesEnd; at = cursor.next) {
    cursor.read(inbound.bytes, at)
    const status = statuses[cursor.status]
    // A status of a later format: the rest of the message is still good.
    if (status === undefined) continue
    entries.push({
      nodeId: NodeId.fromWords(cursor.idHi, cursor.idLo),
      heartbeat: cursor.heartbeat,
      incarnation: cursor.incarnation,
      status,
      address: PackedAddress.read(inbound.bytes, cursor.addressAt)
    })
  }
  return entries
}

/**
 * Decodes a datagram. Entries with a status above 2 and bytes behind a LEAVE are
 * dropped; everything else is kept, so encoding gives back the same bytes.
 */
export const decode = (bytes: Uint8Array): Result.Result<Message, WireError.WireError> => {
  const inbound = new Inbound()
  const fault = inbound.decode(bytes)
  if (fault !== undefined) return Result.fail(fault)
  const { flags, heartbeat, idHi, idLo, incarnation, kind, level } = inbound.header
  const sender = { senderId: NodeId.fromWords(idHi, idLo), heartbeat, incarnation, flags, level }
  const tag = tagOf[kind as KindCode]
  switch (tag) {
    case "Gossip":
    case "Ping":
    case "Ack":
      return Result.succeed({ _tag: tag, ...sender, entries: entriesOf(inbound) })
    case "Leave":
      return Result.succeed({ _tag: tag, ...sender })
    case "PingReq":
      return Result.succeed({
        _tag: tag,
        ...sender,
        targetId: NodeId.fromWords(inbound.targetHi, inbound.targetLo),
        targetAddress: PackedAddress.read(bytes, inbound.targetAddressAt)
      })
    case "AntiEntropy":
      return Result.succeed({
        _tag: tag,
        ...sender,
        tableVersion: (BigInt(inbound.tableVersionHi) << 32n) | BigInt(inbound.tableVersionLo),
        chunkIndex: inbound.chunkIndex,
        totalChunks: inbound.totalChunks,
        entries: entriesOf(inbound)
      })
  }
}

const addressLength = (address: NetAddress.InetAddress): number =>
  NetAddress.isInetAddressV4(address) ? PackedAddress.Ipv4Length : PackedAddress.MaxLength

const payloadLength = (message: Message): number => {
  switch (message._tag) {
    case "Leave":
      return 0
    case "PingReq":
      return 8 + addressLength(message.targetAddress)
    default: {
      let length = message._tag === "AntiEntropy" ? ChunkPrefixLength : 0
      for (const entry of message.entries) length += Entry.PrefixLength + addressLength(entry.address)
      return length
    }
  }
}

/**
 * Encodes a message. Fails with `PayloadTooLarge` above 1400 bytes of payload,
 * which is 58 entries with IPv4 addresses.
 */
export const encode = (message: Message): Result.Result<Uint8Array, WireError.PayloadTooLarge> => {
  const length = payloadLength(message)
  if (length > MaxPayload) return Result.fail(new WireError.PayloadTooLarge(length))
  const bytes = new Uint8Array(HeaderLength + length)
  const header = new Header()
  header.kind = kindOf[message._tag]
  header.payloadLength = length
  header.idHi = NodeId.hi(message.senderId)
  header.idLo = NodeId.lo(message.senderId)
  header.heartbeat = message.heartbeat
  header.incarnation = message.incarnation
  header.flags = message.flags
  header.level = message.level
  let at = HeaderLength
  if (message._tag === "PingReq") {
    writeU32(bytes, at, NodeId.hi(message.targetId))
    writeU32(bytes, at + 4, NodeId.lo(message.targetId))
    PackedAddress.writeExact(message.targetAddress, bytes, at + 8)
  } else if (message._tag !== "Leave") {
    if (message._tag === "AntiEntropy") {
      writeU32(bytes, at, Number(message.tableVersion >> 32n))
      writeU32(bytes, at + 4, Number(message.tableVersion & 0xffffffffn))
      writeU16(bytes, at + 8, message.chunkIndex)
      writeU16(bytes, at + 10, message.totalChunks)
      at += ChunkPrefixLength
    }
    for (const entry of message.entries) {
      const { address, heartbeat, incarnation, nodeId, status } = entry
      Entry.writePrefix(
        bytes,
        at,
        NodeId.hi(nodeId),
        NodeId.lo(nodeId),
        heartbeat,
        incarnation,
        statuses.indexOf(status)
      )
      at += Entry.PrefixLength
      at += PackedAddress.writeExact(address, bytes, at)
    }
  }
  writeHeader(bytes, header)
  return Result.succeed(bytes)
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

const isMessage = (u: unknown): u is Message =>
  Predicate.hasProperty(u, "_tag") &&
  Predicate.isString(u._tag) &&
  Object.hasOwn(kindOf, u._tag) &&
  Predicate.hasProperty(u, "senderId") &&
  Predicate.isBigInt(u.senderId)

/** A message as a declared schema; its parts are checked when bytes are decoded, not again. */
export const Message = Schema.declare(isMessage, { identifier: "Message" })

/**
 * The codec between messages and datagrams, on `decode` and `encode`.
 *
 * @example
 * ```ts
 * const message = yield* Schema.decodeUnknownEffect(MessageFromBytes)(datagram)
 * ```
 */
export const MessageFromBytes = Schema.Uint8Array.pipe(
  Schema.decodeTo(
    Message,
    SchemaTransformation.transformEffect<Message, Uint8Array>({
      decode: (bytes, options) => orInvalid(decode(bytes), bytes, options),
      encode: (message, options) => orInvalid(encode(message), message, options)
    })
  )
)
