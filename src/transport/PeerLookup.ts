/** Looks up the addresses of peers that are given by name, by the `Dns` of the platform and without a cache. */
import { Array as Arr, Effect, Order, Result, Schema } from "effect"
import { AddressResolver, Dns, Host, NetAddress } from "effect/net"
import type * as Peer from "../domain/Peer.ts"

/** How many hosts of one service are looked up at the same time. */
const Concurrency = 64
/** The timeout of a query for records, in ms. Records that take longer are ignored. */
const RecordTimeout = 2000
/** The timeout for one host of a service, in ms. A host that takes longer is ignored. */
const HostTimeout = 3000
/** The most hosts of one service that are looked up: those of the first priorities. */
const MaxHosts = 256

/** The addresses of a peer cannot be looked up now. A later attempt may succeed. */
export class PeerLookupError extends Schema.TaggedError<PeerLookupError>()("PeerLookupError", {
  /** The text of the peer. */
  peer: Schema.String,
  /** Why, to end a sentence. */
  reason: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `cannot look up the peer ${this.peer}: ${this.reason}`
  }
}

const reasons: Readonly<Record<Dns.DnsErrorReason, string>> = {
  NotFound: "there is no such name, or it has no addresses",
  Timeout: "the name server does not answer",
  Temporary: "the name server does not answer, or has a temporary failure",
  Refused: "the name server refuses to answer, or there is none",
  ServerFailure: "the name server has a failure",
  BadName: "the resolver refuses such a name",
  InvalidResponse: "the answer of the name server is invalid",
  Unsupported: "this platform cannot query such records",
  Unknown: "the resolver failed"
}

const because =
  (peer: Peer.Named) =>
  (cause: Dns.DnsError | NetAddress.NetAddressError): PeerLookupError =>
    new PeerLookupError({
      peer: peer.toString(),
      reason: cause._tag === "DnsError" ? reasons[cause.reason] : cause.message,
      cause
    })

const tooSlow = ({ target }: Dns.Srv) => ({
  duration: HostTimeout,
  orElse: () => Effect.fail(new Dns.DnsError({ reason: "Timeout", method: "lookup", hostname: target }))
})

const byPriority = Order.mapInput(Order.Number, ({ priority }: Dns.Srv) => priority)

/**
 * Looks up peers by a `Dns`. A name has all addresses of both families that the resolver of the platform knows. A service
 * has those of the hosts in its SRV records, each at the port of its record, in the order of the priorities. Weights are
 * ignored, since all hosts are contacted. Hosts are looked up in DNS, and where DNS has none, by the resolver of the
 * platform. A host that has no address, or none within 3 s, is ignored while another one has an address.
 *
 * Link-local IPv6 addresses are left out, since a lookup does not tell the interface that they belong to.
 */
export const make = (
  dns: Dns.Dns["Service"]
): ((peer: Peer.Named) => Effect.Effect<ReadonlyArray<NetAddress.InetAddress>, PeerLookupError>) => {
  const resolver = AddressResolver.make(dns)

  const byName = (name: Host.DomainName, port: number) =>
    Effect.flatMap(Effect.fromResult(Host.hostPort(name, port)), (endpoint) => resolver.resolve(endpoint))

  const recordsOf = (name: Host.DomainName, type: "A" | "AAAA") =>
    dns.resolve(name, type).pipe(
      Effect.map((records): ReadonlyArray<NetAddress.IpAddress> => records.map(({ address }) => address)),
      // Some name servers never answer for a family for which they have no records.
      Effect.timeoutOrElse({ duration: RecordTimeout, orElse: () => Effect.succeed([]) }),
      Effect.orElseSucceed((): ReadonlyArray<NetAddress.IpAddress> => [])
    )

  // The target of a record is a DNS name that ends with a dot, which many systems do not find in their hosts file.
  const byRecords = Effect.fnUntraced(function* ({ port, target }: Dns.Srv) {
    const found = yield* Effect.all([recordsOf(target, "A"), recordsOf(target, "AAAA")], { concurrency: 2 })
    const addresses = found.flat().filter((ip) => !(NetAddress.isIpv6Address(ip) && NetAddress.isLinkLocal(ip)))
    return addresses.length > 0
      ? addresses.map((address) => NetAddress.inetAddressUnsafe(address, port))
      : yield* byName(Host.toRelative(target), port)
  })

  const service = Effect.fnUntraced(function* (peer: Peer.Service) {
    const records = yield* Effect.mapError(dns.resolve(peer.name, "SRV"), because(peer))
    // A record that names the root says that there is no such service (RFC 2782).
    const hosts = Arr.sort(
      records.filter(({ port, target }) => target !== "." && port !== 0),
      byPriority
    )
    if (hosts.length === 0) {
      return yield* new PeerLookupError({ peer: peer.toString(), reason: "its records say that there is no service" })
    }
    const found = yield* Effect.forEach(
      hosts.slice(0, MaxHosts),
      (record) => Effect.result(Effect.timeoutOrElse(byRecords(record), tooSlow(record))),
      { concurrency: Concurrency }
    )
    const addresses = found.flatMap((result) => (Result.isSuccess(result) ? result.success : []))
    const [failed] = found.flatMap((result) => (Result.isFailure(result) ? [result.failure] : []))
    if (addresses.length === 0 && failed !== undefined) return yield* because(peer)(failed)
    return addresses
  })

  return (peer) =>
    peer._tag === "Service" ? service(peer) : Effect.mapError(byName(peer.host, peer.port), because(peer))
}
