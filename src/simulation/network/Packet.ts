/** Datagrams as those see them who watch the network. */

/** An IP address in its canonical form, and a port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** A datagram on its way. It stays as it is: what is corrupted on the way goes on as another one. */
export interface Packet {
  /** Which of the network's datagrams it is, from 0 on; copies have the number of the original. */
  readonly number: number
  /** When it was sent, in ms of the network's agenda. */
  readonly sentAt: number
  /** The host that sent it; the source address if it is forged. */
  readonly from: string
  /** The host that it goes to; the address if no host has it. */
  readonly to: string
  readonly source: Endpoint
  readonly destination: Endpoint
  /** The bytes themselves, which sender and receiver have too: not to be written to. */
  readonly payload: Uint8Array
  /** Whether no socket sent it. */
  readonly forged: boolean
  /** Whether it was duplicated on the way. */
  readonly copy: boolean
  /** Whether bits of it were flipped on the way. */
  readonly corrupted: boolean
}

/**
 * Why a datagram was dropped: the way is `cut` or partitioned, it was `lost`, is longer than the MTU (`oversize`), the
 * `queue` for the bandwidth or the receive `buffer` was full, sender or receiver is `unplugged`, or nobody has the
 * address or a socket at the port (`unbound`).
 */
export type DropReason = "cut" | "lost" | "oversize" | "queue" | "buffer" | "unplugged" | "unbound"

/** Sees what happens to datagrams, when it happens. */
export interface Observer {
  /** Called before anything else happens to it. A copy that is made on the way is not sent. */
  readonly sent?: (packet: Packet) => void
  readonly dropped?: (packet: Packet, reason: DropReason) => void
  /** Called before the socket gets it. */
  readonly delivered?: (packet: Packet) => void
}

/** Datagrams, and the bytes of their payloads. Once all have arrived, sent + injected + duplicated = delivered + dropped. */
export interface Counters {
  sent: number
  sentBytes: number
  injected: number
  duplicated: number
  corrupted: number
  delivered: number
  deliveredBytes: number
  readonly dropped: Record<DropReason, number>
}

export const counters = (): Counters => ({
  sent: 0,
  sentBytes: 0,
  injected: 0,
  duplicated: 0,
  corrupted: 0,
  delivered: 0,
  deliveredBytes: 0,
  dropped: { cut: 0, lost: 0, oversize: 0, queue: 0, buffer: 0, unplugged: 0, unbound: 0 }
})

/** A copy of the bytes, of which there are some, with one to three bits flipped. */
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
