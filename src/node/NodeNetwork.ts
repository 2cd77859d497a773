/**
 * The network of this machine.
 *
 * @since 0.2.0
 */
import * as NodeDatagramSocket from "@effect/platform-node/NodeDatagramSocket"
import * as NodeDns from "@effect/platform-node/NodeDns"
import { Array as Arr, Effect, Layer, Result } from "effect"
import { type Dns, NetAddress } from "effect/net"
import * as Os from "node:os"
import { Network } from "../transport/Network.ts"
import * as PortProbe from "../transport/PortProbe.ts"

/** Datagrams that may wait while the node is busy. Beyond, new ones are dropped and counted. */
const ReceiveBuffer = 4096

/**
 * Addresses of other networks, one of each family: those reserved for documentation, which no network routes specially.
 * Nothing is sent there. A connected socket has the local address by which it would be.
 */
const elsewhere = ["198.51.100.1:9", "[2001:db8::1]:9"].map(NetAddress.inetAddressFromStringUnsafe)

const sourceTowards = Effect.fnUntraced(function* (target: NetAddress.InetAddress) {
  const socket = yield* NodeDatagramSocket.make({ connect: { address: target.address, port: target.port } })
  const { address } = yield* socket.reader
  return NetAddress.toCanonical(address.address)
})

const network: Layer.Layer<Network> = Layer.succeed(Network, {
  socket: (address) =>
    NodeDatagramSocket.make({
      bind: { address: address.address, port: address.port },
      family: NetAddress.isInetAddressV4(address) ? "ipv4" : "ipv6",
      receiveBuffer: { capacity: ReceiveBuffer }
    }),
  interfaces: Effect.sync(() =>
    Object.values(Os.networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).flatMap(({ address }) => {
        const parsed = NetAddress.ipFromString(address)
        return Result.isSuccess(parsed) ? [parsed.success] : []
      })
    )
  ),
  outbound: Effect.map(
    Effect.forEach(elsewhere, (target) => Effect.option(Effect.scoped(sourceTowards(target)))),
    Arr.getSomes
  ),
  probePort: PortProbe.make(({ onError, source, target }) =>
    NodeDatagramSocket.make({
      ...(source === undefined ? {} : { bind: { address: source } }),
      connect: { address: target.address, port: target.port },
      onError
    })
  )
})

/**
 * The UDP sockets and interfaces of this machine, and its resolver for peers that are
 * given by name.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Network | Dns.Dns> = Layer.merge(network, NodeDns.layer)
