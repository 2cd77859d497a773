/** A name server that answers what a test or a scenario tells it to. */
import { Effect } from "effect"
import { Dns, Host as HostName, NetAddress } from "effect/net"

type Found =
  | { readonly addresses: ReadonlyArray<string> }
  | { readonly services: ReadonlyArray<{ readonly target: string; readonly port: number; readonly priority?: number }> }

/** What the name server has for a name, or what is wrong with it. */
export type NameAnswer =
  | Found
  | { readonly fails: Dns.DnsErrorReason }
  /** Nothing comes, ever. */
  | "hangs"

export class NameServer {
  /** The answer for each name, to be changed at will. A name that is missing does not exist. */
  readonly answers = new Map<string, NameAnswer>()
  /** The names that were asked for, in order. */
  readonly asked: Array<string> = []
  readonly dns: Dns.Dns["Service"] = Dns.make({
    lookup: (host) =>
      this.#answer(host, "lookup", (answer) =>
        "addresses" in answer ? answer.addresses.map(NetAddress.ipFromStringUnsafe) : []
      ),
    resolve: (name) =>
      this.#answer(name, "resolve", (answer): ReadonlyArray<Dns.DnsRecord> =>
        "services" in answer
          ? answer.services.map(({ port, priority, target }) =>
              Dns.makeRecordUnsafe("SRV", {
                target: HostName.toFullyQualified(HostName.domainNameFromStringUnsafe(target)),
                port,
                priority: priority ?? 0,
                weight: 0
              })
            )
          : answer.addresses.map((text) => {
              const address = NetAddress.ipFromStringUnsafe(text)
              return NetAddress.isIpv4Address(address)
                ? Dns.makeRecordUnsafe("A", { address })
                : Dns.makeRecordUnsafe("AAAA", { address })
            })
      )
  })

  #answer<A>(
    full: HostName.DomainName,
    method: Dns.DnsError["method"],
    records: (answer: Found) => ReadonlyArray<A>
  ): Effect.Effect<ReadonlyArray<A>, Dns.DnsError> {
    return Effect.suspend(() => {
      const name = HostName.toRelative(full)
      this.asked.push(name)
      const answer = this.answers.get(name)
      if (answer === "hangs") return Effect.never
      if (answer === undefined) return Effect.succeed([])
      return "fails" in answer
        ? Effect.fail(new Dns.DnsError({ reason: answer.fails, method, hostname: name }))
        : Effect.succeed(records(answer))
    })
  }
}
