/** Pacing of long answers, so that they overflow neither the socket buffer of the receiver nor the link to it. */

/** Datagrams that go out at once. */
export const BurstLength = 8

/** Pause between two bursts to one member, in ms. */
export const BurstPause = 20

/** The most members that are being sent bursts at once. */
export const MaxTransfers = 16

interface Transfer {
  readonly slot: number
  readonly messages: ReadonlyArray<Uint8Array>
  /** Index of the next message. */
  at: number
  nextAt: number
}

/** Transfers in progress. Times are in ms of the monotonic clock. */
export class PacedSends {
  #transfers: Array<Transfer> = []
  readonly #send: (slot: number, message: Uint8Array) => void
  /** Transfers that were refused because too many were in progress. */
  refused = 0

  constructor(send: (slot: number, message: Uint8Array) => void) {
    this.#send = send
  }

  /** Whether a transfer of more than one burst would be refused. */
  get isFull(): boolean {
    return this.#transfers.length >= MaxTransfers
  }

  /** Sends the first burst at once. The rest follows from `due`. */
  start(slot: number, messages: ReadonlyArray<Uint8Array>, now: number): void {
    const transfer = { slot, messages, at: 0, nextAt: now }
    if (messages.length <= BurstLength) this.#burst(transfer, now)
    else if (this.isFull) this.refused++
    else {
      this.#burst(transfer, now)
      this.#transfers.push(transfer)
    }
  }

  /** How many transfers are in progress. */
  get size(): number {
    return this.#transfers.length
  }

  /** When the next burst is due, or Infinity. */
  get next(): number {
    let next = Infinity
    for (const { nextAt } of this.#transfers) next = Math.min(next, nextAt)
    return next
  }

  /** Sends the bursts that are due. */
  due(now: number): void {
    for (const transfer of this.#transfers) if (transfer.nextAt <= now) this.#burst(transfer, now)
    this.#transfers = this.#transfers.filter(({ at, messages }) => at < messages.length)
  }

  /** Ends all transfers to a slot. */
  cancel(slot: number): void {
    this.#transfers = this.#transfers.filter((transfer) => transfer.slot !== slot)
  }

  #burst(transfer: Transfer, now: number): void {
    const end = Math.min(transfer.at + BurstLength, transfer.messages.length)
    while (transfer.at < end) this.#send(transfer.slot, transfer.messages[transfer.at++]!)
    transfer.nextAt = now + BurstPause
  }
}
