/** Where sockets come from. */
import { Context, type Effect } from "effect"
import type { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"

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
  }
>()("effect-gossip/transport/Network") {}
