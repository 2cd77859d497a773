/** Datagrams as observers of a virtual network see them. */

/** An IP address in its canonical form, and a port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** A datagram on its way. It never changes: a corrupted datagram continues as a packet of its own. */
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
 */
export type PacketDropReason = "cut" | "rejected" | "lost" | "oversize" | "queue" | "buffer" | "unplugged" | "unbound"

/** Gets every event of every datagram at the time it happens. */
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

export const makeCounters = (): PacketCounters => ({
  sent: 0,
  sentBytes: 0,
  injected: 0,
  duplicated: 0,
  corrupted: 0,
  delivered: 0,
  deliveredBytes: 0,
  refused: 0,
  dropped: { cut: 0, rejected: 0, lost: 0, oversize: 0, queue: 0, buffer: 0, unplugged: 0, unbound: 0 }
})

/** A copy of a payload with one to three of its bits flipped. The payload must not be empty. */
export const withBitsFlipped = (payload: Uint8Array, random: () => number): Uint8Array => {
  const bits = payload.length * 8
  const copy = payload.slice()
  const isFlipped = (bit: number) => ((copy[bit >> 3]! ^ payload[bit >> 3]!) & (1 << (bit & 7))) !== 0
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    let bit = Math.floor(random() * bits)
    while (isFlipped(bit)) bit = (bit + 1) % bits
    copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7))
  }
  return copy
}
