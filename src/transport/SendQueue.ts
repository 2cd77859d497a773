/** Datagrams that wait to be sent. */
import type { DatagramSocket } from "effect/socket"

/** The most datagrams that wait. Beyond, new ones are dropped and counted. */
export const MaxQueued = 8192
/** Datagrams that are given to the socket at once. */
const Batch = 64

/** A bounded queue of datagrams that is emptied in batches. */
export class SendQueue {
  #waiting: Array<DatagramSocket.OutgoingDatagram> = []

  get size(): number {
    return this.#waiting.length
  }

  get isFull(): boolean {
    return this.#waiting.length >= MaxQueued
  }

  add(datagram: DatagramSocket.OutgoingDatagram): void {
    this.#waiting.push(datagram)
  }

  /** Takes the datagrams that are sent next, in order. */
  takeBatch(): ReadonlyArray<DatagramSocket.OutgoingDatagram> {
    const waiting = this.#waiting
    if (waiting.length <= Batch) {
      this.#waiting = []
      return waiting
    }
    this.#waiting = waiting.slice(Batch)
    return waiting.slice(0, Batch)
  }
}
