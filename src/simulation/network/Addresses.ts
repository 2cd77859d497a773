/** The IP addresses of a network, and who has them. */
import { NetAddress } from "effect/net"
import type { Endpoint } from "./Packet.ts"
import type { Socket, VirtualHost } from "./VirtualHost.ts"

/** An address in one form, IPv4-mapped ones as IPv4. */
const canonical = (text: string): string =>
  NetAddress.formatIp(NetAddress.toCanonical(NetAddress.inetAddressFromNativeUnsafe(text, 0)).address)

export class Address {
  readonly text: string
  readonly v6: boolean
  /** The host that has it, or the last one that had it. */
  owner: VirtualHost | undefined
  /** The owner's sockets on it, by port. */
  readonly sockets = new Map<number, Socket>()
  #endpoint: Endpoint | undefined

  constructor(text: string) {
    this.text = text
    this.v6 = text.includes(":")
  }

  /** The endpoint at that port. Most addresses use one port, whose endpoint is kept. */
  at(port: number): Endpoint {
    if (this.#endpoint?.port !== port) this.#endpoint = { host: this.text, port }
    return this.#endpoint
  }
}

export class Addresses {
  /** By every spelling that was asked for. Only addresses that some host had are kept, so that there is an end to them. */
  readonly #bySpelling = new Map<string, Address>()

  /** The address, however it is spelled; one without an owner if no host ever had it. */
  find(spelling: string): Address {
    const known = this.#bySpelling.get(spelling)
    if (known !== undefined) return known
    const text = canonical(spelling)
    const address = this.#bySpelling.get(text)
    if (address === undefined) return new Address(text)
    this.#bySpelling.set(spelling, address)
    return address
  }

  /** Gives a host an address, with nothing of who had it before. */
  claim(spelling: string, owner: VirtualHost): Address {
    const address = this.find(spelling)
    this.#bySpelling.set(address.text, address)
    if (address.owner !== owner) {
      address.owner = owner
      address.sockets.clear()
    }
    return address
  }
}
