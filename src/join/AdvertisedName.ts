/** The name that a node advertises: it is looked up again and again, and the node moves when it stands for another address. */
import { Effect } from "effect"
import { Dns, NetAddress } from "effect/net"
import { canExchange } from "../config/ConfigConflicts.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Peer from "../domain/Peer.ts"
import { LocalView } from "../membership/LocalView.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import * as PeerLookup from "../transport/PeerLookup.ts"
import { Transport } from "../transport/Transport.ts"
import { LookupTimeout } from "./Lookups.ts"

/**
 * Makes the effect that looks the name up once. `moveTo` is called with the first address that members can use, unless the
 * present one is among those of the name. When a lookup fails, the present address stays, and that is logged once.
 */
export const make = Effect.fnUntraced(function* (name: Peer.Name, moveTo: (address: NetAddress.InetAddress) => void) {
  const { bound } = yield* Transport
  const { network } = yield* CurrentConfig
  const { table } = yield* LocalView
  const addressesOf = PeerLookup.make(yield* Dns.Dns)
  const port = name.port === 0 ? bound.port : name.port
  const peer = new Peer.Name({ host: name.host, port })
  let failing = false

  const fail = (reason: string): Effect.Effect<void> => {
    if (failing) return Effect.void
    failing = true
    const present = NetAddress.formatInet(table.inetAddress(SelfSlot))
    return Effect.logWarning(
      `cannot look up ${name.host}, which this node advertises: ${reason}; advertising ${present}`
    )
  }

  return addressesOf(peer).pipe(
    Effect.timeoutOrElse({
      duration: LookupTimeout,
      orElse: () =>
        Effect.fail(
          new PeerLookup.PeerLookupError({ peer: peer.toString(), reason: "the name server does not answer" })
        )
    }),
    Effect.map((found) => found.map(NetAddress.toCanonical).filter((address) => canExchange(network.bind, address))),
    Effect.matchEffect({
      onFailure: ({ reason }) => fail(reason),
      onSuccess: (addresses) => {
        const [first] = addresses
        if (first === undefined) return fail("it has no address that this socket can serve")
        failing = false
        const present = NetAddress.formatInet(table.inetAddress(SelfSlot))
        if (addresses.some((address) => NetAddress.formatInet(address) === present)) return Effect.void
        moveTo(first)
        return Effect.logInfo(`${name.host} stands for ${NetAddress.formatIp(first.address)}: advertising that`)
      }
    })
  )
})
