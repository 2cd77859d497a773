/**
 * The bytes of messages, put together by the tables of the protocol and nothing else: what the codec and the readers in
 * place are compared with.
 */
import { NetAddress } from "effect/net"
import type { Address } from "../../src/domain/Address.ts"
import type * as Message from "../../src/wire/Message.ts"
import { seal } from "./Datagrams.ts"

type Bytes = ReadonlyArray<number>

const u8 = (n: number): Bytes => [n]
const u16 = (n: number): Bytes => [n >>> 8, n & 0xff]
const u32 = (n: number): Bytes => [...u16(n >>> 16), ...u16(n & 0xffff)]
const u64 = (n: bigint): Bytes => [...u32(Number(n >> 32n)), ...u32(Number(n & 0xffff_ffffn))]
const text = (text: string): Bytes => [...Buffer.from(text)]
const all = <A>(items: ReadonlyArray<A> | undefined, bytesOf: (item: A) => Bytes): Bytes =>
  (items ?? []).flatMap(bytesOf)

const address = (address: Address): Bytes =>
  NetAddress.isInetAddressV4(address)
    ? [4, ...NetAddress.ipv4ToOctets(address.address), ...u16(address.port)]
    : [6, ...NetAddress.ipv6ToOctets(address.address), ...u16(address.port)]

const entry = (entry: Message.MessageEntry): Bytes => [
  ...u64(entry.nodeId),
  ...u32(entry.heartbeat),
  ...u32(entry.incarnation),
  ...u8(["Alive", "Suspect", "Dead"].indexOf(entry.status)),
  ...address(entry.address)
]

const named = ({ name, payload }: { readonly name: string; readonly payload: Uint8Array }): Bytes => {
  const bytes = text(name)
  return [...u8(bytes.length), ...bytes, ...u16(payload.length), ...payload]
}

const section = (type: number, content: Bytes | undefined): Bytes =>
  content === undefined ? [] : [...u8(type), ...u16(content.length), ...content]

const list = (type: number, content: Bytes): Bytes => (content.length === 0 ? [] : section(type, content))

const bitmap = (bits: ReadonlyArray<boolean>): Bytes =>
  Array.from({ length: Math.ceil(bits.length / 8) }, (_, byte) =>
    bits.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, i) => sum + (bit ? 2 ** i : 0), 0)
  )

const tags = (tags: { readonly [key: string]: string }): Bytes =>
  Object.entries(tags)
    .map(([key, value]) => [text(key), text(value)] as const)
    .sort(([a], [b]) => Buffer.compare(Uint8Array.from(a), Uint8Array.from(b)))
    .flatMap(([key, value]) => [...u8(key.length), ...key, ...u16(value.length), ...value])

const probe = (message: Message.SectionedMessage): Bytes => {
  if (message._tag === "Ping1" && message.probe !== undefined) {
    return section(2, [...u32(message.probe.sequence), ...u64(message.probe.targetId)])
  }
  if (message._tag === "Ack1" && message.probe !== undefined) return section(2, u32(message.probe.sequence))
  if (message._tag !== "PingReq1") return []
  const { sequence, targetAddress, targetId, waitMs } = message.probe
  return section(2, [...u32(sequence), ...u16(waitMs), ...u64(targetId), ...address(targetAddress)])
}

/** The sections of a message, each as its bytes, in the order of their types. */
export const sectionsOf = (message: Message.SectionedMessage): ReadonlyArray<Bytes> =>
  [
    list(1, all(message.entries, entry)),
    probe(message),
    list(
      3,
      all(message.accusations, ({ accuserId, evidence, incarnation, targetId }) => [
        ...u64(targetId),
        ...u32(incarnation),
        ...u64(accuserId),
        ...u8(["Silent", "Refused", "Replaced"].indexOf(evidence))
      ])
    ),
    list(
      4,
      all(message.left, ({ incarnation, nodeId }) => [...u64(nodeId), ...u32(incarnation)])
    ),
    section(5, message.nack && u32(message.nack.sequence)),
    section(
      6,
      message.chunk && [
        ...u64(message.chunk.tableVersion),
        ...u16(message.chunk.chunkIndex),
        ...u16(message.chunk.totalChunks)
      ]
    ),
    section(7, message.digest && [...u32(message.digest.memberCount), ...u64(message.digest.hash)]),
    section(8, message.buckets && [...u8(Math.log2(message.buckets.length)), ...all(message.buckets, u32)]),
    section(9, message.differing && [...u8(Math.log2(message.differing.length)), ...bitmap(message.differing)]),
    list(
      10,
      all(message.tags, (member) => {
        const bytes = tags(member.tags)
        return [
          ...u64(member.nodeId),
          ...u32(member.incarnation),
          ...u32(member.version),
          ...u16(bytes.length),
          ...bytes
        ]
      })
    ),
    list(
      11,
      all(message.events, (event) => [
        ...u64(event.originId),
        ...u32(event.incarnation),
        ...u32(event.number),
        ...named(event)
      ])
    ),
    ...(message.queries ?? []).map((query) =>
      section(12, [
        ...u64(query.originId),
        ...u64(query.number),
        ...address(query.originAddress),
        ...u32(query.deadlineMs),
        ...named(query)
      ])
    ),
    ...(message.responses ?? []).map(({ number, status, value }) =>
      section(13, [...u64(number), ...u8(["Value", "Failure"].indexOf(status)), ...u16(value.length), ...value])
    )
  ].filter(({ length }) => length > 0)

const payloadOf = (message: Message.Message): Bytes => {
  switch (message._tag) {
    case "Gossip":
    case "Ping":
    case "Ack":
      return all(message.entries, entry)
    case "PingReq":
      return [...u64(message.targetId), ...address(message.targetAddress)]
    case "Leave":
      return []
    case "AntiEntropy":
      return [
        ...u64(message.tableVersion),
        ...u16(message.chunkIndex),
        ...u16(message.totalChunks),
        ...all(message.entries, entry)
      ]
    default:
      return sectionsOf(message).flat()
  }
}

const kinds = {
  Gossip: 1,
  Ping: 2,
  PingReq: 3,
  Ack: 4,
  Leave: 5,
  AntiEntropy: 6,
  Gossip1: 0x21,
  Ping1: 0x22,
  PingReq1: 0x23,
  Ack1: 0x24,
  AntiEntropy1: 0x26
}

/** A datagram with the header of a message and the given payload. */
export const withPayload = (message: Message.Message, payload: Bytes): Uint8Array =>
  seal(
    Uint8Array.from([
      ...u8(1),
      ...u8(kinds[message._tag]),
      ...u16(0),
      ...u64(message.senderId),
      ...u32(message.heartbeat),
      ...u32(message.incarnation),
      ...u8(message.flags),
      ...u8(message.level),
      ...u16(0),
      ...payload
    ])
  )

/** The datagram of a message. */
export const datagramOf = (message: Message.Message): Uint8Array => withPayload(message, payloadOf(message))
