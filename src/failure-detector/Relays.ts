/**
 * PING_REQs that this node serves as a relay: who waits for the ACK of which target.
 * They are few and wait for a short time, so they are kept in the order of their
 * arrival, and those whose time is over are removed from the front.
 */
import type { ReplyPath } from "../outbox/Received.ts"

/** A request to be served. */
export interface RelayRequest {
  /** Slot of the member whose ACK is asked for. */
  readonly target: number
  /** Slot of the node that asks. */
  readonly requester: number
  /** Where the ACK is sent to. */
  readonly path: ReplyPath
  /** The most bytes that the requester may get. */
  readonly limit: number
  /** The sequence of the requester's probe; `undefined` for a request of version 1, which has none. */
  readonly sequence: number | undefined
  /** The sequence of our PING to the target. */
  readonly ownSequence: number
  /** Whether our PING carried `ownSequence`, so that only an ACK with it answers the request. */
  readonly sequenced: boolean
  /** When the answer is late and the requester is to be told so, in ms of the monotonic clock; Infinity for never. */
  readonly nackAt: number
}

interface Waiting extends RelayRequest {
  readonly expiresAt: number
  nacked: boolean
}

export class Relays {
  #waiting: Array<Waiting> = []
  readonly #lifetime: number
  readonly #limit: number
  /** Requests that were refused because too many were waiting. */
  refused = 0

  /** `lifetime`: how long an ACK is of use to a requester, in ms. `limit`: how many requests can wait at once. */
  constructor(lifetime: number, limit: number) {
    this.#lifetime = lifetime
    this.#limit = limit
  }

  get size(): number {
    return this.#waiting.length
  }

  /** When the next nack is due, in ms of the monotonic clock; Infinity for none. */
  get next(): number {
    let next = Infinity
    for (const { nackAt, nacked } of this.#waiting) if (!nacked) next = Math.min(next, nackAt)
    return next
  }

  /** Adds a request. Returns whether it is served. */
  add(request: RelayRequest, now: number): boolean {
    this.#expire(now)
    if (this.#waiting.length >= this.#limit) {
      this.refused++
      return false
    }
    this.#waiting.push({ ...request, expiresAt: now + this.#lifetime, nacked: false })
    return true
  }

  /** Calls `nack` for each request whose target has not answered in time. An ACK that comes later is still passed on. */
  due(now: number, nack: (request: RelayRequest) => void): void {
    for (const request of this.#waiting) {
      if (request.nacked || request.nackAt > now) continue
      request.nacked = true
      nack(request)
    }
  }

  /**
   * The target sent an ACK, with the sequence of our PING if that had one: removes every request that it answers, and calls
   * `reply` for each. Returns whether there was one.
   */
  answer(target: number, sequence: number | undefined, now: number, reply: (request: RelayRequest) => void): boolean {
    if (this.#waiting.length === 0) return false
    this.#expire(now)
    const before = this.#waiting.length
    const rest: Array<Waiting> = []
    for (const request of this.#waiting) {
      const answers = request.sequenced ? request.ownSequence === sequence : sequence === undefined
      if (request.target === target && answers) reply(request)
      else rest.push(request)
    }
    this.#waiting = rest
    return rest.length < before
  }

  /**
   * A node answered our PING that is not the target of the request: calls `nack` for it, once, if `isAt` says that the
   * answer came from the address of the target.
   */
  replaced(
    sequence: number,
    sender: number,
    isAt: (target: number) => boolean,
    nack: (request: RelayRequest) => void
  ): void {
    for (const request of this.#waiting) {
      const { nacked, ownSequence, sequenced, target } = request
      if (!sequenced || ownSequence !== sequence || target === sender || nacked || !isAt(target)) continue
      request.nacked = true
      nack(request)
    }
  }

  /** Removes the requests of and for a slot that another node may get. */
  forget(slot: number): void {
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter((request) => request.target !== slot && request.requester !== slot)
  }

  #expire(now: number): void {
    const first = this.#waiting.findIndex((request) => request.expiresAt > now)
    if (first !== 0) this.#waiting = first === -1 ? [] : this.#waiting.slice(first)
  }
}
