/**
 * The machines of a virtual network.
 *
 * @since 0.2.0
 */
import type { Layer } from "effect"
import type { Dns } from "effect/net"
import type { Network } from "../../transport/Network.ts"
import type { Conditions } from "./Conditions.ts"

/**
 * The default receive buffer of a socket on Linux, in bytes.
 *
 * @category constants
 * @since 0.2.0
 */
export const DefaultReceiveBuffer = 212_992
/**
 * What the kernel charges the receive buffer for each datagram beside its payload, in bytes.
 *
 * @category constants
 * @since 0.2.0
 */
export const WaitingOverhead = 768

/**
 * Datagrams, and the bytes of their payloads, that the sockets of a host sent and received.
 *
 * @category models
 * @since 0.2.0
 */
export interface Traffic {
  datagramsOut: number
  bytesOut: number
  datagramsIn: number
  bytesIn: number
}

/**
 * One machine on a virtual network, from its start to the end of the process that runs on it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Host {
  readonly name: string
  /** The `Network` service of a node on this host. */
  readonly network: Network["Service"]
  /** The same, and the name server of the network, as a layer. */
  readonly layer: Layer.Layer<Network | Dns.Dns>
  readonly traffic: Readonly<Traffic>
  /** The receive buffer of each socket, in bytes. Each waiting datagram takes `WaitingOverhead` and its payload. */
  receiveBuffer: number
  /** Datagrams that wait until the process reads again. */
  readonly held: number
  /** Whether the process has stopped reading. */
  readonly holding: boolean
  /** Conditions of datagrams that leave for other hosts. They are neutral, and cost nothing, until the first call. */
  readonly egress: () => Conditions
  /** Conditions of datagrams that arrive from other hosts. They are neutral, and cost nothing, until the first call. */
  readonly ingress: () => Conditions
  /** Stops reading: datagrams that arrive wait in the receive buffer. The host still sends. */
  readonly hold: () => void
  /** Reads again: the waiting datagrams are delivered in order, at the present instant. */
  readonly release: () => void
  /**
   * Ends the process. Its sockets are closed and no new ones open, so from now on the machine refuses every datagram.
   * The network gives the name, and the addresses, to the next host that asks for them.
   */
  readonly exit: () => void
  /**
   * Takes the host off the network for good, as a power failure does: nothing that it sent or should receive arrives any
   * more, and nobody is told. The network gives the name, and the addresses, to the next host that asks for them.
   */
  readonly detach: () => void
}
