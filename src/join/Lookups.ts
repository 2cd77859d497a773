/** Looking up the peers that are given by name: in the background, in bounded time, and never in vain unsaid. */
import { Effect, FiberSet, Result, type Scope } from "effect"
import { Dns, IpNetwork, NetAddress } from "effect/net"
import { canExchange } from "../config/ConfigResolution.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type * as Peer from "../domain/Peer.ts"
import * as PeerLookup from "../transport/PeerLookup.ts"

/** A lookup that takes longer has failed, in ms. */
export const LookupTimeout = 5000

/** Addresses of a name that a message tells. */
const MaxShown = 8

/** What came of a lookup. */
export type Outcome = Result.Result<ReadonlyArray<NetAddress.InetAddress>, PeerLookup.PeerLookupError>

const list = (addresses: ReadonlyArray<NetAddress.InetAddress>): string => {
  const shown = addresses.slice(0, MaxShown).map(NetAddress.formatInet).join(", ")
  return addresses.length > MaxShown ? `${shown} and ${addresses.length - MaxShown} more` : shown
}

/**
 * Makes a function that begins to look peers up, by the `Dns` that is provided. `settled` is
 * called for each as soon as it is found, with addresses that this node can speak to, or has failed. Nothing is kept.
 *
 * A failure is logged when it begins and when its reason changes, and its end too.
 */
export const make = Effect.fnUntraced(function* (
  settled: (peer: Peer.Named, outcome: Outcome) => void
): Effect.fn.Return<(peers: ReadonlyArray<Peer.Named>) => void, never, CurrentConfig | Dns.Dns | Scope.Scope> {
  const { network } = yield* CurrentConfig
  const run = yield* FiberSet.makeRuntime<never>()
  const addressesOf = PeerLookup.make(yield* Dns.Dns)
  /** The failure of a peer that was logged and has not ended. */
  const complaints = new Map<string, string>()

  const { allow, bind } = network
  const usable = (address: NetAddress.InetAddress): boolean =>
    canExchange(bind, address) &&
    (!NetAddress.isLoopback(bind.address) || NetAddress.isLoopback(address.address)) &&
    (allow.length === 0 || allow.some((network) => IpNetwork.contains(network, address.address)))

  const lookUp = (
    peer: Peer.Named
  ): Effect.Effect<ReadonlyArray<NetAddress.InetAddress>, PeerLookup.PeerLookupError> => {
    const failure = (reason: string, cause?: unknown) =>
      new PeerLookup.PeerLookupError({ peer: peer.toString(), reason, ...(cause === undefined ? {} : { cause }) })
    return addressesOf(peer).pipe(
      Effect.timeoutOrElse({
        duration: LookupTimeout,
        orElse: () => Effect.fail(failure(`no answer within ${LookupTimeout / 1000} s`))
      }),
      Effect.catchDefect((defect) => Effect.fail(failure("the resolver is broken", defect))),
      Effect.flatMap((found) => {
        const all = found.map(NetAddress.toCanonical)
        const addresses = all.filter(usable)
        if (addresses.length > 0) return Effect.succeed(addresses)
        const why = `cannot be spoken to from the bound ${NetAddress.formatInet(bind)}`
        return Effect.fail(failure(`${list(all)} ${why}${allow.length === 0 ? "" : ", or is not allowed to speak"}`))
      })
    )
  }

  const report = (peer: Peer.Named, outcome: Outcome): Effect.Effect<void> => {
    const text = peer.toString()
    const complaint = complaints.get(text)
    if (Result.isSuccess(outcome)) {
      if (complaint === undefined) return Effect.void
      complaints.delete(text)
      return Effect.logInfo(`found the peer ${text} after all: ${list(outcome.success)}`)
    }
    const { message, reason } = outcome.failure
    if (complaint === reason) return Effect.logDebug(message)
    complaints.set(text, reason)
    return Effect.logWarning(`${message}; keeps trying`)
  }

  const round = (peers: ReadonlyArray<Peer.Named>): Effect.Effect<void> =>
    Effect.forEach(
      peers,
      (peer) =>
        Effect.flatMap(Effect.result(lookUp(peer)), (outcome) => {
          settled(peer, outcome)
          return report(peer, outcome)
        }),
      { concurrency: "unbounded", discard: true }
    )

  return (peers) => {
    if (peers.length > 0) run(round(peers))
  }
})
