/**
 * Datagrams as observers of a virtual network see them.
 *
 * @since 0.2.0
 */

/**
 * An IP address in its canonical form, and a port.
 *
 * @category models
 * @since 0.2.0
 */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/**
 * A datagram on its way. It never changes: a corrupted datagram continues as a packet of its own.
 *
 * @category models
 * @since 0.2.0
 */
export interface Packet {
  /** Counts the network's datagrams from 0. A copy has the number of the original. */
  readonly number: number
  /** When it was sent, in ms of the network's agenda. */
  readonly sentAt: number
  /** The name of the sending host; the source address if the packet is forged. */
  readonly from: string
  /** The name of the destination host; the address if no host has it. */
  readonly to: string
  readonly source: Endpoint
  readonly destination: Endpoint
  /** The bytes themselves, shared with sender and receiver: do not write to them. */
  readonly payload: Uint8Array
  /** Whether it was injected and no socket sent it. */
  readonly forged: boolean
  /** Whether it was duplicated on the way. */
  readonly copy: boolean
  /** Whether bits of it were flipped on the way. */
  readonly corrupted: boolean
}

/**
 * Why a datagram was dropped.
 *
 * - `cut`: the path is cut or partitioned.
 * - `rejected`: the path rejects it, as a firewall does that answers with ICMP.
 * - `lost`: by chance.
 * - `oversize`: it is longer than the MTU.
 * - `queue`: the queue for the bandwidth is full.
 * - `buffer`: the receive buffer is full.
 * - `unplugged`: the sending or the receiving host is off the network.
 * - `unbound`: no host has the address, or its host has no socket at the port.
 *
 * @category models
 * @since 0.2.0
 */
export type PacketDropReason = "cut" | "rejected" | "lost" | "oversize" | "queue" | "buffer" | "unplugged" | "unbound"

/**
 * Gets every event of every datagram at the time it happens.
 *
 * @category models
 * @since 0.2.0
 */
export interface PacketObserver {
  /** Called before anything else happens to it. A copy that is made on the way is not sent. */
  readonly sent?: (packet: Packet) => void
  readonly dropped?: (packet: Packet, reason: PacketDropReason) => void
  /** Called before the socket gets it. */
  readonly delivered?: (packet: Packet) => void
  /** Called before the connected socket that sent it learns that it was refused. */
  readonly refused?: (packet: Packet) => void
}

/**
 * Datagrams, and the bytes of their payloads. Once all have arrived, sent + injected + duplicated = delivered + dropped.
 * `refused` counts the refusals that reached a connected socket; each belongs to a datagram that was dropped.
 *
 * @category models
 * @since 0.2.0
 */
export interface PacketCounters {
  sent: number
  sentBytes: number
  injected: number
  duplicated: number
  corrupted: number
  delivered: number
  deliveredBytes: number
  refused: number
  readonly dropped: Record<PacketDropReason, number>
}
