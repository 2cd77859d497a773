/**
 * PING_REQs that we serve: who waits for the ACK of which target. They are few
 * and short-lived, so they stand in the order of their arrival, and those whose
 * time is over fall out from the front.
 */
import type { ReplyPath } from "../outbox/Received.ts"

interface Relay {
  readonly target: number
  readonly requester: number
  /** Where the ACK goes. */
  readonly path: ReplyPath
  /** The most bytes that the requester may get. */
  readonly limit: number
  readonly expiresAt: number
}

export class Relays {
  #waiting: Array<Relay> = []
  readonly #lifetime: number
  readonly #limit: number
  /** Requests that found the table full. */
  refused = 0

  /** `lifetime`: how long a request is worth answering, in ms. `limit`: the most requests served at once. */
  constructor(lifetime: number, limit: number) {
    this.#lifetime = lifetime
    this.#limit = limit
  }

  get size(): number {
    return this.#waiting.length
  }

  /** Notes a request. `requester` is a slot, or -1. Returns whether it is served. */
  add(target: number, requester: number, path: ReplyPath, limit: number, now: number): boolean {
    this.#expire(now)
    if (this.#waiting.length >= this.#limit) {
      this.refused++
      return false
    }
    this.#waiting.push({ target, requester, path, limit, expiresAt: now + this.#lifetime })
    return true
  }

  /** Hands out every request for `target` and forgets it. */
  answer(target: number, now: number, reply: (path: ReplyPath, limit: number) => void): void {
    if (this.#waiting.length === 0) return
    this.#expire(now)
    const rest: Array<Relay> = []
    for (const relay of this.#waiting) {
      if (relay.target === target) reply(relay.path, relay.limit)
      else rest.push(relay)
    }
    this.#waiting = rest
  }

  /** Forgets what concerns a slot that another node may get. */
  forget(slot: number): void {
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter((relay) => relay.target !== slot && relay.requester !== slot)
  }

  #expire(now: number): void {
    const first = this.#waiting.findIndex((relay) => relay.expiresAt > now)
    if (first !== 0) this.#waiting = first === -1 ? [] : this.#waiting.slice(first)
  }
}
