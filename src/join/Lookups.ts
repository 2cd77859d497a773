/** Looks up the peers that are given by name, in the background and in bounded time, and logs failures. */
import { Effect, FiberSet, Result, type Scope } from "effect"
import { Dns, IpNetwork, NetAddress } from "effect/net"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import { canExchange } from "../config/ConfigConflicts.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type * as Peer from "../domain/Peer.ts"
import * as PeerLookup from "../transport/PeerLookup.ts"

/** A lookup that takes longer than this has failed, in ms. */
export const LookupTimeout = 5000

/** The most addresses of a name that a message lists. */
const MaxShown = 8

/** The result of a lookup. */
export type Outcome = Result.Result<ReadonlyArray<NetAddress.InetAddress>, PeerLookup.PeerLookupError>

const list = (addresses: ReadonlyArray<NetAddress.InetAddress>): string => {
  const shown = addresses.slice(0, MaxShown).map(NetAddress.formatInet).join(", ")
  return addresses.length > MaxShown ? `${shown} and ${addresses.length - MaxShown} more` : shown
}

const failure = (peer: Peer.Named, reason: string, cause?: unknown): PeerLookup.PeerLookupError =>
  new PeerLookup.PeerLookupError({ peer: peer.toString(), reason, ...(cause === undefined ? {} : { cause }) })

/** Whether a node of this configuration can exchange datagrams with an address, and may. */
export const isUsable =
  ({ network: { allow, bind } }: ClusterConfig) =>
  (address: NetAddress.InetAddress): boolean =>
    canExchange(bind, address) &&
    (!NetAddress.isLoopback(bind.address) || NetAddress.isLoopback(address.address)) &&
    (allow.length === 0 || allow.some((network) => IpNetwork.contains(network, address.address)))

/**
 * Makes a function that starts to look up peers by the `Dns` that is provided.
 * `settled` is called for each peer when its lookup ends, with the addresses that this
 * node can use or with the failure. Nothing is cached.
 *
 * A failure is logged when it starts and when its reason changes. The end of a
 * failure is logged too.
 */
export const make = Effect.fnUntraced(function* (
  settled: (peer: Peer.Named, outcome: Outcome) => void
): Effect.fn.Return<(peers: ReadonlyArray<Peer.Named>) => void, never, CurrentConfig | Dns.Dns | Scope.Scope> {
  const config = yield* CurrentConfig
  const run = yield* FiberSet.makeRuntime<never>()
  const addressesOf = PeerLookup.make(yield* Dns.Dns)
  const usable = isUsable(config)
  /** The reason of each failure that was logged and has not ended, by the text of the peer. */
  const failing = new Map<string, string>()

  const unusable = (peer: Peer.Named, addresses: ReadonlyArray<NetAddress.InetAddress>) => {
    const { allow, bind } = config.network
    const reason = `the socket bound to ${NetAddress.formatInet(bind)} cannot reach ${list(addresses)}`
    return failure(peer, allow.length === 0 ? reason : `${reason}, or \`allow\` excludes it`)
  }

  const lookUp = (peer: Peer.Named): Effect.Effect<ReadonlyArray<NetAddress.InetAddress>, PeerLookup.PeerLookupError> =>
    addressesOf(peer).pipe(
      Effect.timeoutOrElse({
        duration: LookupTimeout,
        orElse: () => Effect.fail(failure(peer, `no answer within ${LookupTimeout / 1000} s`))
      }),
      Effect.catchDefect((defect) => Effect.fail(failure(peer, "the resolver failed with a defect", defect))),
      Effect.flatMap((found) => {
        const all = found.map(NetAddress.toCanonical)
        const addresses = all.filter(usable)
        return addresses.length > 0 ? Effect.succeed(addresses) : Effect.fail(unusable(peer, all))
      })
    )

  const log = (peer: Peer.Named, outcome: Outcome): Effect.Effect<void> => {
    const text = peer.toString()
    if (Result.isSuccess(outcome)) {
      return failing.delete(text) ? Effect.logInfo(`found the peer ${text}: ${list(outcome.success)}`) : Effect.void
    }
    const { message, reason } = outcome.failure
    if (failing.get(text) === reason) return Effect.logDebug(message)
    failing.set(text, reason)
    return Effect.logWarning(`${message}; keeps trying`)
  }

  const lookUpAll = (peers: ReadonlyArray<Peer.Named>): Effect.Effect<void> =>
    Effect.forEach(
      peers,
      (peer) =>
        Effect.flatMap(Effect.result(lookUp(peer)), (outcome) => {
          settled(peer, outcome)
          return log(peer, outcome)
        }),
      { concurrency: "unbounded", discard: true }
    )

  return (peers) => {
    if (peers.length > 0) run(lookUpAll(peers))
  }
})
