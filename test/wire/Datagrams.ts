/** Datagrams that tests of src/wire make, and the vectors that nodes of the older implementation recorded. */
import { readFileSync } from "node:fs"
import { Arbitrary, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import { U8 } from "../../src/domain/Unsigned.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { HeaderLength, MaxMessage } from "../../src/wire/Header.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import type { SectionValues } from "../../src/wire/SectionValues.ts"

const linesOf = (file: string) =>
  readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line): { readonly kind: string; readonly hex: string; readonly plaintext_hex?: string } => JSON.parse(line))

/** The vectors: messages that are not sealed, each with the name of its kind. */
export const vectors = [...linesOf("plain.jsonl"), ...linesOf("encrypted.jsonl")].map(
  ({ hex, kind, plaintext_hex }) => ({ kind, bytes: Uint8Array.from(Buffer.from(plaintext_hex ?? hex, "hex")) })
)

export const encode = (message: Message.Message): Uint8Array => Result.getOrThrow(Message.encode(message))

export const ping: Message.Ping = {
  _tag: "Ping",
  senderId: NodeId.fromWords(1, 2),
  heartbeat: 3,
  incarnation: 4,
  flags: 0,
  level: 0,
  entries: [1, 2, 3].map((n) => ({
    nodeId: NodeId.fromWords(0, n),
    heartbeat: n,
    incarnation: 0,
    status: "Alive" as const,
    address: NetAddress.inetAddressFromStringUnsafe(`10.0.0.${n}:7000`)
  }))
}

export const pingReq: Message.PingReq = {
  ...ping,
  _tag: "PingReq",
  targetId: NodeId.fromWords(0, 9),
  targetAddress: ping.entries[0]!.address
}

export const leave: Message.Leave = { ...ping, _tag: "Leave" }

const id = (n: number) => NodeId.fromWords(n, n + 1)
const payload = Uint8Array.of(1, 2, 3)
const { targetAddress } = pingReq

/** Every section, beside the probe section, with one item where it is a list. */
export const sections: Required<SectionValues> = {
  entries: [ping.entries[0]!],
  accusations: [{ targetId: id(2), incarnation: 3, accuserId: id(4), evidence: "Refused" }],
  left: [{ nodeId: id(5), incarnation: 6 }],
  nack: { sequence: 7 },
  chunk: { tableVersion: 8n, chunkIndex: 0, totalChunks: 1 },
  digest: { memberCount: 9, hash: 2n ** 63n + 10n },
  buckets: [11, 12],
  differing: [true, false],
  tags: [{ nodeId: id(13), incarnation: 14, version: 15, tags: { role: "web", zone: "a" } }],
  events: [{ originId: id(16), incarnation: 17, number: 18, name: "deploy", payload }],
  queries: [{ originId: id(19), number: 20n, originAddress: targetAddress, deadlineMs: 21, name: "load", payload }],
  responses: [{ number: 22n, status: "Failure", value: payload }]
}

const { entries: _, ...sender } = ping
/** One message of each kind of extension level 1, with every section that it can have. */
export const ping1 = { ...sender, _tag: "Ping1", probe: { sequence: 23, targetId: id(24) }, ...sections } as const
export const pingReq1 = {
  ...sender,
  _tag: "PingReq1",
  probe: { sequence: 25, waitMs: 500, targetId: id(26), targetAddress },
  ...sections
} as const
export const ack1 = { ...sender, _tag: "Ack1", probe: { sequence: 27 }, ...sections } as const
export const gossip1 = { ...sender, _tag: "Gossip1", ...sections } as const
export const antiEntropy1 = { ...sender, _tag: "AntiEntropy1", ...sections } as const
export const sectioned: ReadonlyArray<Message.SectionedMessage> = [ping1, pingReq1, ack1, gossip1, antiEntropy1]

/** Writes the checksum that fits the datagram as it is. */
export const sum = (bytes: Uint8Array): Uint8Array => {
  bytes.fill(0, 22, 24)
  const checksum = internetChecksum(bytes, 0, bytes.length)
  bytes[22] = checksum >>> 8
  bytes[23] = checksum
  return bytes
}

/** Writes the payload length and the checksum that fit the datagram as it is. */
export const seal = (bytes: Uint8Array): Uint8Array => {
  const length = bytes.length - HeaderLength
  bytes[2] = length >>> 8
  bytes[3] = length
  return sum(bytes)
}

export const append = (bytes: Uint8Array, ...more: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.from([...bytes, ...more])

/** An address packed as it is, an IPv4-mapped one as IPv6. */
export const packedExactly = (address: NetAddress.InetAddress): Uint8Array => {
  const bytes = new Uint8Array(PackedAddress.MaxLength)
  PackedAddress.writeExact(address, bytes, 0)
  return bytes
}

/** The `_tag` of the error that a datagram gives, or `undefined` when it is a message. */
export const fault = (bytes: Uint8Array): string | undefined =>
  Result.match(Message.decode(bytes), { onFailure: (error) => error._tag, onSuccess: () => undefined })

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** Any bytes, from `minLength` to `maxLength` of them. */
export const anyBytes = (maxLength: number, minLength = 0): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.map(Arbitrary.array(Arbitrary.schema(U8), { minLength, maxLength }), (bytes) => Uint8Array.from(bytes))

/**
 * Encoded messages that are changed in a few bytes, cut, or made longer. Three of four get the payload length and the
 * checksum that fit, so that the change is read.
 */
export const mutated: Arbitrary.Arbitrary<Uint8Array> = Arbitrary.map(
  Arbitrary.all({
    message: Arbitrary.schema(Message.Message),
    places: Arbitrary.array(Arbitrary.schema(Schema.Tuple([upTo(MaxMessage), U8])), { maxLength: 4 }),
    cut: Arbitrary.schema(Schema.NullOr(upTo(MaxMessage))),
    more: anyBytes(40),
    sealed: Arbitrary.schema(upTo(3)),
    // A kind is a small number, which a random byte seldom is.
    kind: Arbitrary.schema(
      Schema.NullOr(Schema.Union([upTo(8), Schema.Literals([0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26])]))
    )
  }),
  ({ cut, kind, message, more, places, sealed }) => {
    const whole = append(encode(message), ...more)
    const bytes = cut === null ? whole : whole.slice(0, cut)
    for (const [at, value] of places) if (at < bytes.length) bytes[at] = value
    if (kind !== null && bytes.length > 1) bytes[1] = kind
    return sealed > 0 && bytes.length >= HeaderLength ? seal(bytes) : bytes
  }
)
