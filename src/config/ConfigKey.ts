/**
 * The kinds of configuration keys. A key knows the form it has in a file, the value it stands for, its default, its
 * unit and what it is for, so that a table of keys is all that files, environment, options and help texts need.
 */
import {
  Array as Arr,
  Duration,
  Effect,
  Option,
  Predicate,
  Redacted,
  Result,
  Schema,
  SchemaIssue,
  SchemaTransformation
} from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as Peer from "../domain/Peer.ts"

/**
 * What a key can be in a file.
 */
export type FileValue = string | number | boolean | ReadonlyArray<string>

/**
 * One configuration key. `A` is its value once given, `D` what else its default may be (`undefined` for a key that is
 * optional).
 */
export interface ConfigKey<out A, out D extends A | undefined = A> {
  /** The file form and the value. */
  readonly schema: Schema.Codec<A, FileValue>
  /** The value alone, as a field of the resolved configuration. */
  readonly field: Schema.Codec<A | D, unknown>
  readonly default: D
  /** `"ms"` for times: their file names end in `_ms`. */
  readonly unit: "ms" | undefined
  /** Whether it holds a list, which is comma-separated in an environment variable. */
  readonly list: boolean
  /** Whether no value of it may be shown anywhere, right or wrong. */
  readonly secret: boolean
  /** Whether its environment variable may also leave out the section: `GOSSIP_CLUSTER_KEY`. */
  readonly shortVariable: boolean
  /** One line for help texts and printed files. */
  readonly doc: string
  /** What a value must be, to end the sentence "expected ...". */
  readonly expected: string
  /** Brings the text of an environment variable into file form, as far as it can be; `schema` judges the result. */
  readonly fromText: (text: string) => unknown
  /** Brings what a program passes into file form, as far as it can be; `schema` judges the result. */
  readonly fromOption: (option: unknown) => unknown
}

/**
 * The longest time that a timer can wait: 2^31 - 1 ms, almost 25 days. Timers of JavaScript fire at once when asked
 * for more.
 */
export const maximumTimer = 2 ** 31 - 1

const identity = (value: unknown): unknown => value

// What most kinds are.
const plain = {
  unit: undefined,
  list: false,
  secret: false,
  shortVariable: false,
  fromText: identity,
  fromOption: identity
} as const

const numberFromText = (text: string): unknown =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text

const booleanFromText = (text: string): unknown => (text === "true" ? true : text === "false" ? false : text)

const listFromText = (text: string): unknown =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

const invalid = (message: string): SchemaIssue.Issue => new SchemaIssue.InvalidValue({ message })

const units = ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"]

// `Duration` reads NaN, `{}` and `{ second: 1 }` as zero, which would pass where zero means "off".
const isDurationInput = (input: unknown): input is Duration.Input => {
  if (Arr.isArray(input))
    return input.length === 2 && input.every((part) => Predicate.isNumber(part) && !Number.isNaN(part))
  if (!Predicate.isObject(input)) return Predicate.isString(input) || Predicate.isBigInt(input)
  return (
    units.some((unit) => Predicate.isNumber(input[unit])) &&
    units.every((unit) => !Number.isNaN(input[unit])) &&
    Object.keys(input).every((name) => units.includes(name))
  )
}

const millisFromOption = (option: unknown): unknown => {
  if (Duration.isDuration(option)) return Duration.toMillis(option)
  const parsed = isDurationInput(option) ? Duration.fromInput(option) : Option.none()
  return Option.match(parsed, { onNone: () => option, onSome: Duration.toMillis })
}

/**
 * A time. In files a number of milliseconds, whole or fractional, of at least 0.001; `zero` allows 0 besides. In code
 * any `Duration.Input`. `maximum` is in milliseconds, by default what a timer can hold.
 */
export const duration = (spec: {
  readonly default: Duration.Input
  readonly doc: string
  readonly zero?: string
  readonly maximum?: number
}): ConfigKey<Duration.Duration> => {
  const maximum = spec.maximum ?? maximumTimer
  const allowed = (ms: number) => (ms === 0 && spec.zero !== undefined) || (ms >= 0.001 && ms <= maximum)
  return {
    schema: Schema.Finite.check(Schema.makeFilter(allowed)).pipe(
      Schema.decodeTo(Schema.Duration, SchemaTransformation.durationFromMillis)
    ),
    field: Schema.Duration,
    default: Duration.fromInputUnsafe(spec.default),
    ...plain,
    unit: "ms",
    doc: spec.doc,
    expected: `a number of milliseconds from 0.001 to ${maximum}${spec.zero === undefined ? "" : `, or 0 for ${spec.zero}`}`,
    fromText: numberFromText,
    fromOption: millisFromOption
  }
}

/**
 * A whole number from `minimum` to `maximum`.
 */
export const count = (spec: {
  readonly default: number
  readonly minimum: number
  readonly maximum: number
  readonly doc: string
}): ConfigKey<number> => ({
  schema: Schema.Int.check(Schema.isBetween({ minimum: spec.minimum, maximum: spec.maximum })),
  field: Schema.Number,
  default: spec.default,
  ...plain,
  doc: spec.doc,
  expected: `a whole number from ${spec.minimum} to ${spec.maximum}`,
  fromText: numberFromText
})

/**
 * A number from `minimum` to `maximum`, whole or fractional.
 */
export const factor = (spec: {
  readonly default: number
  readonly minimum: number
  readonly maximum: number
  readonly doc: string
}): ConfigKey<number> => ({
  ...count(spec),
  schema: Schema.Finite.check(Schema.isBetween({ minimum: spec.minimum, maximum: spec.maximum })),
  expected: `a number from ${spec.minimum} to ${spec.maximum}`
})

/**
 * `true` or `false`.
 */
export const toggle = (spec: { readonly default: boolean; readonly doc: string }): ConfigKey<boolean> => ({
  schema: Schema.Boolean,
  field: Schema.Boolean,
  default: spec.default,
  ...plain,
  doc: spec.doc,
  expected: "true or false",
  fromText: booleanFromText
})

const InetAddress: Schema.Codec<NetAddress.InetAddress> = Schema.Union([Schema.InetAddressV4, Schema.InetAddressV6])

type Role = "bind" | "advertise" | "peer"

// Why an address cannot serve in its role, or undefined if it can.
const unfit = (role: Role, { address, port }: NetAddress.InetAddress, scoped: boolean): string | undefined => {
  if (role !== "bind" && NetAddress.isUnspecified(address))
    return "stands for every address of a host, give the one to reach"
  if (role === "peer" && port === 0) return "has port 0, give the port the peer listens on"
  if (NetAddress.isMulticast(address)) return "is a multicast address, give the address of one host"
  if (NetAddress.isIpv4Address(address) && NetAddress.isBroadcast(address)) {
    return "is the broadcast address, give the address of one host"
  }
  if (scoped || (NetAddress.isIpv6Address(address) && NetAddress.isLinkLocal(address))) {
    return "is a link-local IPv6 address or has a zone, which members cannot pass on to each other; give a routable one"
  }
  return undefined
}

// Letters before the port and no other colon: an IPv6 address has two colons at least.
const looksLikeName = (text: string): boolean => /^[^:[\]\s]*[a-z_-][^:[\]\s]*(:\d*)?$/i.test(text)

const isIp = (text: string): boolean => Result.isSuccess(NetAddress.ipFromString(text))

const parseAddress = (role: Role, text: string): Result.Result<NetAddress.InetAddress, string> => {
  const quoted = JSON.stringify(text)
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text
  // A port may be left out only where port 0 says the same.
  const full = role === "advertise" && isIp(bare) ? `${bare.includes(":") ? `[${bare}]` : bare}:0` : text
  return Result.match(NetAddress.inetAddressFromString(full), {
    onFailure: (error) =>
      Result.fail(
        isIp(bare) && !(bare === text && text.includes(":"))
          ? `${quoted} has no port`
          : looksLikeName(text)
            ? `${quoted} is not an IP address, and host names are not looked up`
            : `${quoted}: ${error.message}`
      ),
    onSuccess: (given) => {
      const address = NetAddress.toCanonical(given)
      const reason = unfit(role, address, NetAddress.isInetAddressV6(given) && given.scopeId !== 0)
      return reason === undefined ? Result.succeed(address) : Result.fail(`${quoted} ${reason}`)
    }
  })
}

const addressSchema = (role: Role): Schema.Codec<NetAddress.InetAddress, string> =>
  Schema.String.pipe(
    Schema.decodeTo(
      InetAddress,
      SchemaTransformation.transformEffect<NetAddress.InetAddress, string>({
        decode: (text) =>
          Result.match(parseAddress(role, text), {
            onFailure: (message) => Effect.fail(invalid(message)),
            onSuccess: (address) => Effect.succeed(address)
          }),
        encode: (address) => Effect.succeed(NetAddress.formatInet(address))
      })
    )
  )

const addressFromOption = (option: unknown): unknown =>
  NetAddress.isInetAddress(option) ? NetAddress.formatInet(option) : option

/**
 * An address to listen on: `IPv4:port` or `[IPv6]:port`, where port 0 lets the system choose, and `0.0.0.0` or `::`
 * mean every interface. Addresses of IPv4 written as IPv6 (`::ffff:a.b.c.d`) become IPv4.
 */
export const bindAddress = (spec: {
  readonly default: string
  readonly doc: string
}): ConfigKey<NetAddress.InetAddress> => ({
  schema: addressSchema("bind"),
  field: InetAddress,
  default: NetAddress.inetAddressFromStringUnsafe(spec.default),
  ...plain,
  doc: spec.doc,
  expected: `an IP address and port, such as "0.0.0.0:7946" or "[::]:7946"`,
  fromOption: addressFromOption
})

/**
 * An IP address of this machine to listen on, without a port; `0.0.0.0` or `::` mean every interface.
 */
export const ipAddress = (spec: {
  readonly default: string
  readonly doc: string
}): ConfigKey<NetAddress.IpAddress> => ({
  schema: Schema.String.pipe(
    Schema.decodeTo(
      Schema.IpAddress,
      SchemaTransformation.transformEffect<NetAddress.IpAddress, string>({
        decode: (text) =>
          Result.match(NetAddress.ipFromString(text), {
            onFailure: () => Effect.fail(invalid(looksLikeName(text) ? "host names are not looked up" : "")),
            onSuccess: (given) => {
              const { address } = NetAddress.toCanonical(NetAddress.inetAddressUnsafe(given, 0))
              const reason = unfit("bind", NetAddress.inetAddressUnsafe(address, 0), false)
              return reason === undefined
                ? Effect.succeed(address)
                : Effect.fail(invalid(`${JSON.stringify(text)} ${reason}`))
            }
          }),
        encode: (address) => Effect.succeed(NetAddress.formatIp(address))
      })
    )
  ),
  field: Schema.IpAddress,
  default: NetAddress.ipFromStringUnsafe(spec.default),
  ...plain,
  doc: spec.doc,
  expected: `an IP address without a port, such as "0.0.0.0" or "::1"`,
  fromOption: (option) => (NetAddress.isIpAddress(option) ? NetAddress.formatIp(option) : option)
})

/**
 * An address at which others reach this node, or `undefined` when it is not given. Without a port, or with port 0, its
 * port is 0 and stands for the port that was bound.
 */
export const advertisedAddress = (spec: { readonly doc: string }): ConfigKey<NetAddress.InetAddress, undefined> => ({
  schema: addressSchema("advertise"),
  field: Schema.UndefinedOr(InetAddress),
  default: undefined,
  ...plain,
  doc: spec.doc,
  expected: `an IP address, with a port unless it is the bound one, such as "10.0.0.5:7946" or "[fd00::5]:7946"`,
  fromOption: addressFromOption
})

const parsePeer = (text: string): Result.Result<Peer.Peer, string> =>
  Peer.looksNamed(text)
    ? Result.mapError(Peer.namedFromString(text), (reason) => `${JSON.stringify(text)} ${reason}`)
    : parseAddress("peer", text)

const PeerSchema = Schema.declare(Peer.isPeer)

const peerFromText: Schema.Codec<Peer.Peer, string> = Schema.String.pipe(
  Schema.decodeTo(
    PeerSchema,
    SchemaTransformation.transformEffect<Peer.Peer, string>({
      decode: (text) =>
        Result.match(parsePeer(text), {
          onFailure: (message) => Effect.fail(invalid(message)),
          onSuccess: (peer) => Effect.succeed(peer)
        }),
      encode: (peer) => Effect.succeed(Peer.format(peer))
    })
  )
)

const peerFromOption = (option: unknown): unknown => (Peer.isPeer(option) ? Peer.format(option) : option)

/**
 * A list of peers to contact: addresses and names, each with its port, and services. What is named twice is kept once.
 */
export const peerList = (spec: { readonly doc: string }): ConfigKey<ReadonlyArray<Peer.Peer>> => ({
  schema: Schema.Array(peerFromText).pipe(
    Schema.decodeTo(
      Schema.Array(PeerSchema),
      SchemaTransformation.transform<ReadonlyArray<Peer.Peer>, ReadonlyArray<Peer.Peer>>({
        decode: Arr.dedupe,
        encode: (peers) => peers
      })
    )
  ),
  field: Schema.Array(PeerSchema),
  default: [],
  ...plain,
  list: true,
  doc: spec.doc,
  expected:
    `a list of IP addresses with ports, such as "10.0.0.5:7946" and "[fd00::5]:7946", of names with ports, such as ` +
    `"seed.example:7946", or of services, such as "dns+srv://_gossip._udp.example"`,
  fromText: listFromText,
  fromOption: (option) => (Arr.isArray(option) ? option.map(peerFromOption) : option)
})

/**
 * A node id, or `undefined` when it is not given. In files a text, decimal or `0x` and hexadecimal digits, or a whole
 * number up to 2^53 - 1, which is as far as numbers in files are exact.
 */
export const nodeId = (spec: { readonly doc: string }): ConfigKey<NodeId.NodeId, undefined> => ({
  schema: Schema.Union([Schema.String, Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))]).pipe(
    Schema.decodeTo(
      NodeId.NodeId,
      SchemaTransformation.transformEffect<bigint, string | number>({
        decode: (input) =>
          Result.match(NodeId.fromString(String(input)), {
            onFailure: () => Effect.fail(invalid("")),
            onSuccess: (id) => Effect.succeed(id)
          }),
        encode: (id) => Effect.succeed(id.toString())
      })
    )
  ),
  field: Schema.UndefinedOr(NodeId.NodeId),
  default: undefined,
  ...plain,
  doc: spec.doc,
  expected: `a node id below 2^64: decimal, or 0x and 1 to 16 hexadecimal digits, such as "0x2a"`,
  fromOption: (option) => (Predicate.isBigInt(option) ? option.toString() : option)
})

const parseNetwork = (text: string): Result.Result<IpNetwork.IpNetwork, string> => {
  const quoted = JSON.stringify(text)
  const bits = isIp(text) ? (text.includes(":") ? "/128" : "/32") : ""
  return Result.mapBoth(IpNetwork.fromString(`${text}${bits}`), {
    onFailure: (error) =>
      looksLikeName(text)
        ? `${quoted} is not an IP network, and host names are not looked up`
        : `${quoted}: ${error.message}`,
    onSuccess: ({ address, prefixLength }) => {
      const canonical = NetAddress.toCanonical(address)
      // A network of mapped addresses is that of IPv4 which it stands for.
      return NetAddress.isIpv6Address(address) && NetAddress.isIpv4Address(canonical) && prefixLength >= 96
        ? IpNetwork.makeUnsafe<NetAddress.IpAddress>(canonical, prefixLength - 96)
        : IpNetwork.makeUnsafe(address, prefixLength)
    }
  })
}

/**
 * A list of networks in CIDR notation; a bare address is a network of one. What is named twice is kept once, and
 * networks of mapped IPv4 addresses become IPv4.
 */
export const networks = (spec: { readonly doc: string }): ConfigKey<ReadonlyArray<IpNetwork.IpNetwork>> => ({
  schema: Schema.Array(
    Schema.String.pipe(
      Schema.decodeTo(
        Schema.IpNetwork,
        SchemaTransformation.transformEffect<IpNetwork.IpNetwork, string>({
          decode: (text) =>
            Result.match(parseNetwork(text), {
              onFailure: (message) => Effect.fail(invalid(message)),
              onSuccess: (network) => Effect.succeed(network)
            }),
          encode: (network) => Effect.succeed(IpNetwork.format(network))
        })
      )
    )
  ).pipe(
    Schema.decodeTo(
      Schema.Array(Schema.IpNetwork),
      SchemaTransformation.transform<ReadonlyArray<IpNetwork.IpNetwork>, ReadonlyArray<IpNetwork.IpNetwork>>({
        decode: Arr.dedupe,
        encode: (networks) => networks
      })
    )
  ),
  field: Schema.Array(Schema.IpNetwork),
  default: [],
  ...plain,
  list: true,
  doc: spec.doc,
  expected: `a list of networks in CIDR notation, such as "10.0.0.0/8" and "fd00::/8"`,
  fromText: listFromText,
  fromOption: (option) =>
    Arr.isArray(option) ? option.map((item) => (IpNetwork.isIpNetwork(item) ? IpNetwork.format(item) : item)) : option
})

// Somebody who gives the key of the cluster where its name or its file belongs shall not see it printed.
const isKey = (text: string): boolean => Result.isSuccess(ClusterKey.fromText(text))

const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/**
 * A text of at most `maximum` bytes in UTF-8. Brought to normal form C, so that what looks the same is the same.
 */
export const name = (spec: {
  readonly default: string
  readonly maximum: number
  readonly doc: string
}): ConfigKey<string> => ({
  schema: Schema.String.check(
    Schema.makeFilter((text) => text.isWellFormed() && bytesOf(text.normalize("NFC")) <= spec.maximum && !isKey(text))
  ).pipe(
    Schema.decodeTo(
      Schema.String,
      SchemaTransformation.transform({ decode: (text) => text.normalize("NFC"), encode: (text) => text })
    )
  ),
  field: Schema.String,
  default: spec.default,
  ...plain,
  doc: spec.doc,
  expected: `a text of at most ${spec.maximum} bytes that is no key`
})

/**
 * The path of a file, or `undefined` when it is not given.
 */
export const path = (spec: {
  readonly doc: string
  readonly shortVariable: boolean
}): ConfigKey<string, undefined> => ({
  schema: Schema.String.check(Schema.makeFilter((text) => text !== "" && !text.includes("\0") && !isKey(text))),
  field: Schema.UndefinedOr(Schema.String),
  default: undefined,
  ...plain,
  shortVariable: spec.shortVariable,
  doc: spec.doc,
  expected: "the path of a file, and not a key"
})

/**
 * A key whose value, when it is not given, follows from others: it has none here, and always one in a configuration.
 */
export interface DerivedKey<A> extends ConfigKey<A, undefined> {
  readonly field: Schema.Codec<A, unknown>
}

/**
 * One of several words. When it is not given, it follows from other keys.
 */
export const derivedChoice = <const A extends string>(spec: {
  readonly choices: readonly [A, A, ...ReadonlyArray<A>]
  readonly doc: string
}): DerivedKey<A> => {
  const schema = Schema.Literals(spec.choices)
  return {
    schema,
    field: schema,
    default: undefined,
    ...plain,
    doc: spec.doc,
    expected: `one of ${spec.choices.map((choice) => JSON.stringify(choice)).join(", ")}`
  }
}

const whatIsWrong = ({ length, position }: ClusterKey.ClusterKeyError): string =>
  position === undefined ? `it has ${length} characters` : `character ${position} is not one`

/**
 * The key of a cluster, or `undefined` when it is not given. It is never shown, and never written to a file.
 */
export const clusterKey = (spec: {
  readonly doc: string
}): ConfigKey<Redacted.Redacted<ClusterKey.ClusterKey>, undefined> => {
  const field = Schema.toType(ClusterKey.ClusterKeyFromText)
  return {
    schema: Schema.String.pipe(
      Schema.decodeTo(
        field,
        SchemaTransformation.transformEffect<Redacted.Redacted<ClusterKey.ClusterKey>, string>({
          decode: (text) =>
            Result.match(ClusterKey.fromText(text), {
              onFailure: (error) => Effect.fail(invalid(whatIsWrong(error))),
              onSuccess: (key) => Effect.succeed(key)
            }),
          encode: () => Effect.fail(invalid("a cluster key is not written out"))
        })
      )
    ),
    field: Schema.UndefinedOr(field),
    default: undefined,
    ...plain,
    secret: true,
    shortVariable: true,
    doc: spec.doc,
    expected: "64 hexadecimal digits, such as gossip keygen makes",
    fromOption: (option) => {
      if (!Redacted.isRedacted(option)) return option
      if (isClusterKey(option)) return ClusterKey.toText(option)
      return Redacted.value(option)
    }
  }
}

const isClusterKey = Schema.is(ClusterKey.ClusterKeyFromText)

// What may stand in an Authorization header (RFC 6750), and is too long to be guessed.
const bearerToken = /^[A-Za-z0-9._~+/-]{16,512}=*$/

/** Whether a text can be a token. */
export const isToken = (text: string): boolean => bearerToken.test(text)

/** What a text must be to be a token, to end the sentence "expected ...". */
export const tokenForm = "16 to 512 letters, digits or any of . _ ~ + / - without blanks"

/**
 * A secret that lets its bearer in, or `undefined` when it is not given. It is never shown, and never written to a file.
 */
export const token = (spec: { readonly doc: string }): ConfigKey<Redacted.Redacted<string>, undefined> => {
  const field = Schema.Redacted(Schema.String)
  return {
    schema: Schema.String.pipe(
      Schema.decodeTo(
        Schema.toType(field),
        SchemaTransformation.transformEffect<Redacted.Redacted<string>, string>({
          decode: (text) => (isToken(text) ? Effect.succeed(Redacted.make(text)) : Effect.fail(invalid(""))),
          encode: () => Effect.fail(invalid("a token is not written out"))
        })
      )
    ),
    field: Schema.UndefinedOr(Schema.toType(field)),
    default: undefined,
    ...plain,
    secret: true,
    doc: spec.doc,
    expected: tokenForm,
    fromOption: (option) => (Redacted.isRedacted(option) ? Redacted.value(option) : option)
  }
}

// The sentences that this module wrote itself. What schemas say by themselves ("Expected number") repeats `expected`.
const reasons = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (issue._tag === "InvalidValue" ? SchemaIssue.defaultLeafHook(issue) : ""),
  checkHook: () => ""
})

/**
 * Judges a value in file form. Fails with the end of a sentence that says what was expected and, where that helps, why
 * the value is not it.
 */
export const decode = <A, D extends A | undefined>(key: ConfigKey<A, D>, raw: unknown): Result.Result<A, string> => {
  // Minus zero has no file form of its own.
  const value = raw === 0 ? 0 : raw
  return Result.mapError(Schema.decodeUnknownResult(key.schema, { errors: "all" })(value), (error) => {
    const because = reasons(error.issue)
      .issues.map((issue) => issue.message)
      .filter((message) => message !== "" && !message.startsWith("Expected "))
    return [`expected ${key.expected}`, ...because].join("; ")
  })
}

/**
 * The file form of a value; `undefined` for a value that is not given or is a secret.
 */
export const encode = (key: ConfigKey<unknown>, value: unknown): FileValue | undefined =>
  value === undefined ? undefined : Result.getOrUndefined(Schema.encodeUnknownResult(key.schema)(value))
