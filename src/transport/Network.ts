/**
 * Where the sockets of a node come from.
 *
 * @since 0.2.0
 */
import { Context, type Effect } from "effect"
import type { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import type { PortAnswer, PortProbe } from "./PortProbe.ts"

export type { PortAnswer, PortProbe } from "./PortProbe.ts"

/**
 * The network of a node: that of a platform, or a virtual one.
 *
 * **Details**
 *
 * It makes sockets and is not one itself, since a node opens a broken socket again at
 * the same port. `NodeNetwork.layer` of `effect-gossip/node` is the network of this
 * machine, and a host of `VirtualNetwork` of `effect-gossip/testing` has one in virtual
 * time.
 *
 * @category services
 * @since 0.2.0
 */
export class Network extends Context.Service<
  Network,
  {
    /** A socket for `address`; port 0 lets the platform choose. It opens, and may fail, when its reader is acquired. */
    readonly socket: (address: NetAddress.InetAddress) => Effect.Effect<DatagramSocket.DatagramSocket>
    /** The addresses of this machine's interfaces, loopback included, in the platform's order. */
    readonly interfaces: Effect.Effect<ReadonlyArray<NetAddress.IpAddress>>
    /**
     * The addresses from which this machine sends to other networks: those of the default routes, at most one of each
     * family. Left out where the platform does not tell.
     */
    readonly outbound?: Effect.Effect<ReadonlyArray<NetAddress.IpAddress>> | undefined
    /**
     * Sends one datagram from a connected socket that lives for this only, and tells whether the target's host refused
     * it. An unconnected socket never learns of a refusal. Left out where the platform has no connected sockets.
     */
    readonly probePort?: ((probe: PortProbe) => Effect.Effect<PortAnswer>) | undefined
  }
>()("effect-gossip/transport/Network") {}
