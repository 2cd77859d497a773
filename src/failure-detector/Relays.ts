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
}

interface Waiting extends RelayRequest {
  readonly expiresAt: number
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

  /** Adds a request. Returns whether it is served. */
  add(request: RelayRequest, now: number): boolean {
    this.#expire(now)
    if (this.#waiting.length >= this.#limit) {
      this.refused++
      return false
    }
    this.#waiting.push({ ...request, expiresAt: now + this.#lifetime })
    return true
  }

  /** The target sent an ACK: removes every request for it, and calls `reply` for each. */
  answer(target: number, now: number, reply: (path: ReplyPath, limit: number) => void): void {
    if (this.#waiting.length === 0) return
    this.#expire(now)
    const rest: Array<Waiting> = []
    for (const request of this.#waiting) {
      if (request.target === target) reply(request.path, request.limit)
      else rest.push(request)
    }
    this.#waiting = rest
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
