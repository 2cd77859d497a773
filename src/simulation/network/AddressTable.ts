/** The IP addresses of a virtual network and their owners. */
import { NetAddress } from "effect/net"
import type { Endpoint } from "./Packet.ts"

/** Every spelling of an address has one canonical form; an IPv4-mapped address becomes IPv4. */
const canonical = (text: string): string =>
  NetAddress.formatIp(NetAddress.toCanonical(NetAddress.inetAddressFromNativeUnsafe(text, 0)).address)

/** One IP address, with its present or last owner and the owner's sockets. */
export class HostAddress<Owner, Socket> {
  readonly text: string
  readonly v6: boolean
  owner: Owner | undefined
  /** The owner's sockets at this address, by port. */
  readonly sockets = new Map<number, Socket>()
  #endpoint: Endpoint | undefined

  constructor(text: string) {
    this.text = text
    this.v6 = text.includes(":")
  }

  /** The endpoint at a port. The newest one is cached, since most addresses use a single port. */
  at(port: number): Endpoint {
    if (this.#endpoint?.port !== port) this.#endpoint = { host: this.text, port }
    return this.#endpoint
  }
}

export class AddressTable<Owner, Socket> {
  /** By each spelling that was looked up. Only addresses that a host has had are kept, so the table stays bounded. */
  readonly #bySpelling = new Map<string, HostAddress<Owner, Socket>>()

  /** The address with this spelling. It has no owner, and is not kept, if no host has ever had it. */
  find(spelling: string): HostAddress<Owner, Socket> {
    const known = this.#bySpelling.get(spelling)
    if (known !== undefined) return known
    const text = canonical(spelling)
    const address = this.#bySpelling.get(text)
    if (address === undefined) return new HostAddress(text)
    this.#bySpelling.set(spelling, address)
    return address
  }

  /** Gives a host an address. The sockets of the previous owner are gone from it. */
  claim(spelling: string, owner: Owner): HostAddress<Owner, Socket> {
    const address = this.find(spelling)
    this.#bySpelling.set(address.text, address)
    if (address.owner !== owner) {
      address.owner = owner
      address.sockets.clear()
    }
    return address
  }
}
