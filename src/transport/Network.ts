/** Where sockets come from. */
import { Context, type Effect } from "effect"
import type { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import type { PortAnswer, PortProbe } from "./PortProbe.ts"

/**
 * The network that a node lives in: a platform's, or a virtual one. It makes
 * `DatagramSocket`s rather than being one, since a socket that broke is opened
 * again at the port it had.
 */
export class Network extends Context.Service<
  Network,
  {
    /** A socket for `address`; port 0 lets the platform choose. It opens, and may fail, when its reader is acquired. */
    readonly socket: (address: NetAddress.InetAddress) => Effect.Effect<DatagramSocket.DatagramSocket>
    /** The addresses of this machine's interfaces, loopback included, in the platform's order. */
    readonly interfaces: Effect.Effect<ReadonlyArray<NetAddress.IpAddress>>
    /**
     * Sends one datagram from a connected socket that lives for this only, and tells whether the target's host refused
     * it. An unconnected socket never learns of a refusal. Missing where the platform has no connected sockets.
     */
    readonly probePort?: ((probe: PortProbe) => Effect.Effect<PortAnswer>) | undefined
  }
>()("effect-gossip/transport/Network") {}
