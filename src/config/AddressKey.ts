/**
 * The kinds of configuration keys that are addresses. Addresses of IPv4 written as IPv6 (`::ffff:a.b.c.d`) become IPv4.
 */
import { Array as Arr, Predicate, Result, Schema, SchemaTransformation } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import { Address } from "../domain/Address.ts"
import * as Peer from "../domain/Peer.ts"
import { key, parsed } from "./ConfigKey.ts"

/** A value that a program may pass as it is, and a file has as text. `parse` fails with the end of a sentence about it. */
const fromString = <A>(
  output: Schema.Codec<A, unknown>,
  parse: (text: string) => Result.Result<A, string>,
  format: (value: A) => string
): Schema.Codec<A, string | A> =>
  parsed<A, string | A>(
    Schema.Union([Schema.String, Schema.toType(output)]),
    output,
    (input) => {
      const text = Predicate.isString(input) ? input : format(input)
      return Result.mapError(parse(text), (reason) => `${JSON.stringify(text)}${reason}`)
    },
    format
  )

type Role = "bind" | "advertise" | "peer"

/** Why an address cannot serve in its role, if it cannot. */
const unfit = (role: Role, { address, port }: NetAddress.InetAddress, scoped: boolean): string | undefined => {
  if (role !== "bind" && NetAddress.isUnspecified(address)) {
    return "stands for every address of a host, give the one to reach"
  }
  if (role === "peer" && port === 0) return "has port 0, give the port the peer listens on"
  if (NetAddress.isMulticast(address)) return "is a multicast address, give the address of one host"
  if (NetAddress.isIpv4Address(address) && NetAddress.isBroadcast(address)) {
    return "is the broadcast address, give the address of one host"
  }
  return scoped || (NetAddress.isIpv6Address(address) && NetAddress.isLinkLocal(address))
    ? "is a link-local IPv6 address or has a zone, which members cannot pass on to each other; give a routable one"
    : undefined
}

const isIp = (text: string): boolean => Result.isSuccess(NetAddress.ipFromString(text))

/** Why a text is no address: letters before the port and no other colon are a name, as IPv6 has two colons at least. */
const notParsed = (text: string, { message }: { readonly message: string }): string =>
  /^[^:[\]\s]*[a-z_-][^:[\]\s]*(:\d*)?$/i.test(text)
    ? " is not an IP address, and host names are not looked up"
    : `: ${message}`

const parseAddress = (role: Role, text: string): Result.Result<NetAddress.InetAddress, string> => {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text
  // A port may be left out only where port 0 says the same.
  const full = role === "advertise" && isIp(bare) ? `${bare.includes(":") ? `[${bare}]` : bare}:0` : text
  const parsed = Result.mapError(NetAddress.inetAddressFromString(full), (error) =>
    isIp(bare) && !(bare === text && text.includes(":")) ? " has no port" : notParsed(text, error)
  )
  return Result.flatMap(parsed, (given) => {
    const address = NetAddress.toCanonical(given)
    const reason = unfit(role, address, NetAddress.isInetAddressV6(given) && given.scopeId !== 0)
    return reason === undefined ? Result.succeed(address) : Result.fail(` ${reason}`)
  })
}

const address = (role: Role) => fromString(Address, (text) => parseAddress(role, text), NetAddress.formatInet)

/** An address to listen on, where port 0 lets the system choose, and `0.0.0.0` or `::` mean every interface. */
export const bindAddress = (spec: { readonly default: string }) =>
  key(address("bind"), `an IP address and port, such as "0.0.0.0:7946" or "[::]:7946"`, {
    default: NetAddress.inetAddressFromStringUnsafe(spec.default)
  })

/** What a node advertises: an address, or a name that stands for one. Port 0 is the bound port. */
export type Advertise = NetAddress.InetAddress | Peer.Name

const isAdvertise = (u: unknown): u is Advertise => NetAddress.isInetAddress(u) || u instanceof Peer.Name

const parseAdvertise = (text: string): Result.Result<Advertise, string> => {
  if (!Peer.looksNamed(text) || text.includes("://")) return parseAddress("advertise", text)
  // Any port shows whether the name is one.
  const named = Peer.namedFromString(text.includes(":") ? text : `${text}:1`)
  return Result.flatMap(
    Result.mapError(named, (reason) => ` ${reason}`),
    (name) => {
      if (name._tag === "Service") return Result.fail(" is a service, give the name of a host")
      return Result.succeed(text.includes(":") ? name : new Peer.Name({ host: name.host, port: 0 }))
    }
  )
}

const formatAdvertise = (advertise: Advertise): string =>
  NetAddress.isInetAddress(advertise) || advertise.port !== 0 ? Peer.format(advertise) : advertise.host

/** Where others reach this node, if it is given. Without a port its port is 0, for the bound one. */
export const advertisedAddress = () =>
  key(
    fromString(Schema.declare(isAdvertise), parseAdvertise, formatAdvertise),
    `an IP address or a host name, with a port unless it is the bound one, such as "10.0.0.5:7946", "[fd00::5]:7946" or ` +
      `"node1.example:7946"`,
    { default: undefined }
  )

/** An IP address of this machine to listen on, without a port. */
export const ipAddress = (spec: { readonly default: string }) => {
  const parse = (text: string): Result.Result<NetAddress.IpAddress, string> =>
    Result.flatMap(
      Result.mapError(NetAddress.ipFromString(text), (error) => notParsed(text, error)),
      (given) => {
        const address = NetAddress.toCanonical(given)
        const reason = unfit("bind", NetAddress.inetAddressUnsafe(address, 0), false)
        return reason === undefined ? Result.succeed(address) : Result.fail(` ${reason}`)
      }
    )
  const schema = fromString(Schema.IpAddress, parse, NetAddress.formatIp)
  return key(schema, `an IP address without a port, such as "0.0.0.0" or "::1"`, {
    default: NetAddress.ipFromStringUnsafe(spec.default)
  })
}

/** A list without repetition, which is empty by default. */
const listOf = <A, I>(item: Schema.Codec<A, I>, expected: string) => {
  const schema: Schema.Codec<ReadonlyArray<A>, ReadonlyArray<I>> = Schema.Array(item).pipe(
    Schema.decodeTo(
      Schema.Array(Schema.toType(item)),
      SchemaTransformation.transform<ReadonlyArray<A>, ReadonlyArray<A>>({
        decode: Arr.dedupe,
        encode: (items) => items
      })
    )
  )
  const fromText = (text: string) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "")
  return key(schema, expected, { default: [], fromText, list: true })
}

/** Peers to contact: addresses and names, each with its port, and services. */
export const peerList = () => {
  const parse = (text: string) =>
    Peer.looksNamed(text)
      ? Result.mapError(Peer.namedFromString(text), (reason) => ` ${reason}`)
      : parseAddress("peer", text)
  return listOf(
    fromString(Schema.declare(Peer.isPeer), parse, Peer.format),
    `a list of IP addresses with ports, such as "10.0.0.5:7946" and "[fd00::5]:7946", of names with ports, such as ` +
      `"seed.example:7946", or of services, such as "dns+srv://_gossip._udp.example"`
  )
}

const parseNetwork = (text: string): Result.Result<IpNetwork.IpNetwork, string> =>
  Result.mapBoth(IpNetwork.fromString(isIp(text) ? `${text}/${text.includes(":") ? 128 : 32}` : text), {
    onFailure: (error) => notParsed(text, error),
    onSuccess: ({ address, prefixLength }) => {
      const canonical = NetAddress.toCanonical(address)
      // A network of mapped addresses is the network of IPv4 addresses that they stand for.
      return NetAddress.isIpv6Address(address) && NetAddress.isIpv4Address(canonical) && prefixLength >= 96
        ? IpNetwork.makeUnsafe<NetAddress.IpAddress>(canonical, prefixLength - 96)
        : IpNetwork.makeUnsafe(address, prefixLength)
    }
  })

/** Networks in CIDR notation; a bare address is a network of one. */
export const networks = () =>
  listOf(
    fromString(Schema.IpNetwork, parseNetwork, IpNetwork.format),
    `a list of networks in CIDR notation, such as "10.0.0.0/8" and "fd00::/8"`
  )

const label = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
const hostName = new RegExp(`^(\\*|\\.?${label}(\\.${label})*)$`, "i")
const isHostName = Schema.makeFilter((text: string) => text.length <= 253 && hostName.test(text))

/** Names of hosts, where `.example.com` is a domain with all names below it, and `*` every name. */
export const hostNames = () =>
  listOf(
    Schema.String.check(isHostName),
    `a list of host names without ports, such as "web-1.example.com" and ".example.com", or "*"`
  )
