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
    kind: Arbitrary.schema(Schema.NullOr(upTo(8)))
  }),
  ({ cut, kind, message, more, places, sealed }) => {
    const whole = append(encode(message), ...more)
    const bytes = cut === null ? whole : whole.slice(0, cut)
    for (const [at, value] of places) if (at < bytes.length) bytes[at] = value
    if (kind !== null && bytes.length > 1) bytes[1] = kind
    return sealed > 0 && bytes.length >= HeaderLength ? seal(bytes) : bytes
  }
)
