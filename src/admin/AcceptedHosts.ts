/**
 * Which names a client may call a node by, and from which pages a browser may ask it.
 *
 * A web page can let its own name point to this machine (DNS rebinding), and then reads whatever is served here as if it
 * were its own. The name in the header `Host` shows that. An address there is harmless: a page that has an address for a
 * name is served from that address.
 */

/** Splits `name:port` and `[address]:port`, and a name or address alone. */
const parse = (authority: string): { readonly name: string; readonly port: string } => {
  const [, name = authority, port = ""] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority) ?? []
  return { name: name.toLowerCase().replace(/\.$/, ""), port }
}

const isAddress = (name: string): boolean => /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:.%]+\])$/.test(name)

const isLoopbackName = (name: string): boolean => name === "localhost" || name.endsWith(".localhost")

const defaultPorts = new Map([
  ["http", "80"],
  ["https", "443"]
])

/** The headers of a request that say where it is for and where it comes from. */
export interface Headers {
  readonly host: string | undefined
  readonly origin: string | undefined
  /** `Sec-Fetch-Site` and `Sec-Fetch-Mode`, which browsers set. */
  readonly site: string | undefined
  readonly mode: string | undefined
}

/** Why a request is refused: for the name in it, or for the page that made it. */
export type Refusal = "Host" | "Origin"

/** The names of one node. */
export class AcceptedHosts {
  readonly #names: ReadonlyArray<string>

  /** Accepts these names besides loopback and addresses; `.example.com` is a domain with all names below it, `*` is every name. */
  constructor(names: ReadonlyArray<string>) {
    this.#names = names.map((name) => name.toLowerCase())
  }

  /** Why a request is refused, or undefined if it is not. */
  refuses({ host, mode, origin, site }: Headers): Refusal | undefined {
    // Every browser sends the header.
    if (host !== undefined && !this.#accepts(parse(host).name)) return "Host"
    if (origin !== undefined) return this.#isOurs(origin, host ?? "") ? undefined : "Origin"
    // A page of another origin may link here. It may not ask in any other way, though it could not read the answer.
    return (site === "cross-site" || site === "same-site") && mode !== "navigate" ? "Origin" : undefined
  }

  #accepts(name: string): boolean {
    return isAddress(name) || isLoopbackName(name) || this.#isListed(name)
  }

  #isListed(name: string): boolean {
    return this.#names.some(
      (listed) => listed === "*" || listed === name || (listed.startsWith(".") && `.${name}`.endsWith(listed))
    )
  }

  /** Whether a page is ours: it has the name in `Host`, or a listed one where a proxy changes the header. */
  #isOurs(origin: string, host: string): boolean {
    const [, scheme = "", authority = ""] = /^(https?):\/\/([^/]+)$/i.exec(origin) ?? []
    if (authority === "") return false
    const from = parse(authority)
    const to = parse(host)
    const port = defaultPorts.get(scheme.toLowerCase())
    const isSame = from.name === to.name && (from.port || port) === (to.port || port)
    return isSame || (!this.#names.includes("*") && this.#isListed(from.name))
  }
}
