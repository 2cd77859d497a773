/**
 * How many bytes may be sent in reply to one datagram. Anybody can write the address
 * of another host on a datagram, so an address that has not proved that it receives
 * our messages gets at most three times the bytes that it sent.
 */
import { Overhead } from "../crypto/SealedDatagram.ts"
import { MaxMessage } from "../wire/Header.ts"

/** Bytes that an unproved address gets for each byte that it sent. */
export const AmplificationLimit = 3

/**
 * The budget of the reply to one datagram. One object is reused for every datagram.
 *
 * @category models
 * @since 0.2.0
 */
export class ReplyBudget {
  #remaining = 0
  #overhead = 0

  /**
   * Starts the budget for a message of `length` bytes. `sealed` adds the bytes of a
   * seal in both directions. `trusted` lifts the limit, because the source address
   * has answered us before.
   */
  start(length: number, sealed: boolean, trusted: boolean): void {
    this.#overhead = sealed ? Overhead : 0
    this.#remaining = trusted ? Infinity : AmplificationLimit * (length + this.#overhead)
  }

  /** The most bytes that the next message may have, its seal not included. */
  get limit(): number {
    return Math.min(this.#remaining - this.#overhead, MaxMessage)
  }

  /** Counts a message of `length` bytes that was sent in the form in which the datagram came. */
  spend(length: number): void {
    this.#remaining -= length + this.#overhead
  }

  /** Counts `bytes` on the wire if there are as many left, and returns whether there were. */
  take(bytes: number): boolean {
    if (bytes > this.#remaining) return false
    this.#remaining -= bytes
    return true
  }
}
