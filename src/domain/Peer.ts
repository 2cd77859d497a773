/**
 * Peers that a node joins through: an address, a host name, or a service in DNS.
 *
 * @since 0.2.0
 */
import { Data, Result } from "effect"
import { Host, NetAddress } from "effect/net"

/**
 * A host name and a port. It stands for all addresses of the name, which may change at any time.
 *
 * @category models
 * @since 0.2.0
 */
export class Name extends Data.TaggedClass("Name")<{ readonly host: Host.DomainName; readonly port: number }> {
  override toString(): string {
    return `${this.host}:${this.port}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/**
 * The name of SRV records in DNS, each of which has a host name and a port.
 *
 * @category models
 * @since 0.2.0
 */
export class Service extends Data.TaggedClass("Service")<{ readonly name: Host.DomainName }> {
  override toString(): string {
    return `${Scheme}${this.name}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/**
 * A peer whose addresses have to be looked up.
 *
 * @category models
 * @since 0.2.0
 */
export type Named = Name | Service

/**
 * A peer to join through.
 *
 * @category models
 * @since 0.2.0
 */
export type Peer = NetAddress.InetAddress | Named

/**
 * How the text of a service begins.
 *
 * @category constants
 * @since 0.2.0
 */
export const Scheme = "dns+srv://"

/**
 * Whether a value is a peer that has to be looked up.
 *
 * @category guards
 * @since 0.2.0
 */
export const isNamed = (u: unknown): u is Named => u instanceof Name || u instanceof Service

/**
 * Whether a value is a peer.
 *
 * @category guards
 * @since 0.2.0
 */
export const isPeer = (u: unknown): u is Peer => NetAddress.isInetAddress(u) || isNamed(u)

/**
 * The text of a peer: `10.0.0.5:7946`, `seed.example:7946` or `dns+srv://_gossip._udp.example`.
 *
 * @category formatting
 * @since 0.2.0
 */
export const format = (peer: Peer): string => (isNamed(peer) ? peer.toString() : NetAddress.formatInet(peer))

// Before the port something other than digits and dots, and no other colon: an IPv6 address has at least two colons.
const namePattern = /^[^:[\]\s]*[^:[\]\s\d.][^:[\]\s]*(:[^:]*)?$/

/**
 * Whether a text is meant to be a host name or a service, well-formed or not, and not an address.
 *
 * @category guards
 * @since 0.2.0
 */
export const looksNamed = (text: string): boolean => text.includes("://") || namePattern.test(text)

/**
 * Reads the text of a host name or a service.
 *
 * **Details**
 *
 * Fails with the rest of a sentence whose subject is the text, for example `has no port`.
 *
 * @category parsing
 * @since 0.2.0
 */
export const namedFromString = (text: string): Result.Result<Named, string> =>
  text.includes("://") ? serviceFromString(text) : nameFromString(text)

const serviceFromString = (text: string): Result.Result<Service, string> => {
  const at = text.indexOf("://")
  if (text.slice(0, at + 3).toLowerCase() !== Scheme) {
    return Result.fail(`begins with ${JSON.stringify(text.slice(0, at + 3))}, where only ${Scheme} is known`)
  }
  const name = text.slice(at + 3)
  if (/:\d*$/.test(name)) return Result.fail("has a port, which a service's records give; leave it out")
  return Result.map(domainName(name), (name) => new Service({ name }))
}

const nameFromString = (text: string): Result.Result<Name, string> => {
  const [host = "", port] = text.split(":")
  if (port === undefined || port === "") return Result.fail("has no port")
  if (!/^(0|[1-9]\d*)$/.test(port) || Number(port) > 65_535) {
    return Result.fail(`has the port ${JSON.stringify(port)}, which is no whole number from 1 to 65535`)
  }
  if (port === "0") return Result.fail("has port 0, give the port the peer listens on")
  return Result.map(domainName(host), (host) => new Name({ host, port: Number(port) }))
}

const domainName = (text: string): Result.Result<Host.DomainName, string> =>
  text === "."
    ? Result.fail("is the root of DNS, give the name of a host")
    : Result.mapError(Host.domainNameFromString(text), ({ message }) => `is no name of a host: ${message}`)
