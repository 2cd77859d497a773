/**
 * Whom a node looks for at its start: an address, a name that stands for addresses, or a service that DNS lists.
 */
import { Data, Result } from "effect"
import { Host, NetAddress } from "effect/net"

/** A host by its name. All its addresses count, at one port; which they are may change at any time. */
export class Name extends Data.TaggedClass("Name")<{ readonly host: Host.DomainName; readonly port: number }> {
  override toString(): string {
    return `${this.host}:${this.port}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** A service by the name of its SRV records, each of which names a host and a port. */
export class Service extends Data.TaggedClass("Service")<{ readonly name: Host.DomainName }> {
  override toString(): string {
    return `${Scheme}${this.name}`
  }
  toJSON(): string {
    return this.toString()
  }
}

/** A peer whose addresses have to be looked up. */
export type Named = Name | Service

/** Somebody to join through. */
export type Peer = NetAddress.InetAddress | Named

/** What the text of a service begins with. */
export const Scheme = "dns+srv://"

/** Whether a value is a peer that has to be looked up. */
export const isNamed = (u: unknown): u is Named => u instanceof Name || u instanceof Service

/** Whether a value is a peer. */
export const isPeer = (u: unknown): u is Peer => NetAddress.isInetAddress(u) || isNamed(u)

/** The text of a peer: `10.0.0.5:7946`, `seed.example:7946` or `dns+srv://_gossip._udp.example`. */
export const format = (peer: Peer): string => (isNamed(peer) ? peer.toString() : NetAddress.formatInet(peer))

// Something that is no digit or dot before the port, and no other colon: an IPv6 address has two colons at least.
const namePattern = /^[^:[\]\s]*[^:[\]\s\d.][^:[\]\s]*(:[^:]*)?$/

/** Whether a text is meant to be a name or a service, right or wrong, and not an address. */
export const looksNamed = (text: string): boolean => text.includes("://") || namePattern.test(text)

/**
 * Reads the text of a name or a service. Fails with a sentence about the text, without its subject, for a message to
 * begin with the text: "has no port".
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
