/** A name server with answers that a test or a scenario sets. */
import { Effect } from "effect"
import { Dns, Host as HostName, NetAddress } from "effect/net"

type Found =
  | { readonly addresses: ReadonlyArray<string> }
  | { readonly services: ReadonlyArray<{ readonly target: string; readonly port: number; readonly priority?: number }> }

/**
 * The answer for a name: its records, a failure, or no answer at all.
 *
 * @category models
 * @since 0.2.0
 */
export type NameAnswer =
  | Found
  | { readonly fails: Dns.DnsErrorReason }
  /** The lookup never ends. */
  | "hangs"

/**
 * A name server whose answers a test or a scenario sets.
 *
 * @category models
 * @since 0.2.0
 */
export class NameServer {
  /** The answer for each name; it may be changed at any time. A name without an entry does not exist. */
  readonly answers = new Map<string, NameAnswer>()
  /** The names that were looked up, in order. */
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
