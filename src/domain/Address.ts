/**
 * Where a node receives datagrams: an IP address and a port.
 *
 * @since 0.2.0
 */
import { Effect, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { NetAddress } from "effect/net"
import { U16, U32 } from "./Unsigned.ts"

const fromString = SchemaTransformation.transformEffect<NetAddress.InetAddress, string>({
  decode: (input, options) =>
    Result.match(NetAddress.inetAddressFromString(input), {
      onFailure: ({ message }) => Effect.fail(new SchemaIssue.InvalidValue({ message }, input, options)),
      onSuccess: (address) => Effect.succeed(address)
    }),
  encode: (address) => Effect.succeed(NetAddress.formatInet(address))
})

// IPv4-mapped addresses are a case of their own, since a random IPv6 address is practically never one.
const Generated = Schema.Struct({
  words: Schema.Union([
    Schema.Tuple([U32]),
    Schema.Tuple([U32, U32, U32, U32]),
    Schema.Tuple([Schema.Literal(0), Schema.Literal(0), Schema.Literal(0xffff), U32])
  ]),
  port: U16
})

const fromWords = SchemaTransformation.transform<NetAddress.InetAddress, typeof Generated.Type>({
  decode: ({ port, words }) => {
    const bytes = Uint8Array.from(words.flatMap((word) => [word >>> 24, word >>> 16, word >>> 8, word]))
    return NetAddress.inetAddressUnsafe(
      bytes.length === 4 ? NetAddress.ipv4FromBytesUnsafe(bytes) : NetAddress.ipv6FromBytesUnsafe(bytes),
      port
    )
  },
  encode: ({ address, port }) => {
    if (NetAddress.isIpv4Address(address)) {
      const [a, b, c, d] = NetAddress.ipv4ToOctets(address)
      return { words: [((a << 24) | (b << 16) | (c << 8) | d) >>> 0], port }
    }
    const [a, b, c, d, e, f, g, h] = NetAddress.ipv6ToSegments(address)
    const word = (high: number, low: number) => ((high << 16) | low) >>> 0
    return { words: [word(a, b), word(c, d), word(e, f), word(g, h)], port }
  }
})

/**
 * The schema of Effect's `InetAddress`, with a JSON form.
 *
 * **When to use**
 *
 * Use for every address in a schema that is written as JSON or generated in
 * tests. `Schema.InetAddress` has neither codec: `Schema.toCodecJson` of a
 * schema that contains it fails when it encodes.
 *
 * **Details**
 *
 * The JSON form is the text `10.0.0.1:7946` or `[fd00::1]:7946`. Arbitraries
 * cover IPv4, IPv6 and IPv4-mapped IPv6 addresses at every port, 0 included,
 * and never a scope id.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Address = Schema.declare(NetAddress.isInetAddress, {
  identifier: "Address",
  expected: "an IP address and a port",
  toCodecJson: () => Schema.link<NetAddress.InetAddress>()(Schema.String, fromString),
  toCodecArbitrary: () => Schema.link<NetAddress.InetAddress>()(Generated, fromWords)
})

/**
 * Effect's `InetAddress`: an IP address and a port.
 *
 * @category models
 * @since 0.2.0
 */
export type Address = typeof Address.Type

/**
 * An address from its text: `10.0.0.1:7946` or `[fd00::1]:7946`.
 *
 * @category schemas
 * @since 0.2.0
 */
export const AddressFromString = Schema.String.pipe(Schema.decodeTo(Address, fromString))
