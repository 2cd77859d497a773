/**
 * How a node gets the member table when it joins: it asks the first peer that
 * answers, a few times, until a part of a table comes.
 */
import type { ReplyPath } from "../outbox/Received.ts"

/** How often the table is asked for. A peer that knows nobody else has nothing to send, so the requests must end. */
export const MaxRequests = 3

/** Wait between two requests, in ms. */
export const RequestInterval = 1000

/** How long the parts of the table may take to come, in ms. */
const WelcomeTime = 5000

/** One introduction. Times are in ms of the monotonic clock. */
export class Introduction {
  #path: ReplyPath | undefined
  #requests = 0
  #nextAt = Infinity
  #over = false
  #restarted = false
  /** Who sent the table, and until when its parts may come. */
  #welcomedBy = -1
  #welcomedUntil = -Infinity

  /** Whether the first answer is still to come, so that `peerAnswered` has an effect. */
  get isOpen(): boolean {
    return !this.#over && this.#path === undefined
  }

  /** When the next request is due, or Infinity. */
  get next(): number {
    return this.#nextAt
  }

  /** Notes the answer of a peer. The first one decides whom to ask; `path` leads back to it. */
  peerAnswered(path: ReplyPath, now: number): void {
    if (!this.isOpen) return
    this.#path = path
    this.#nextAt = now
  }

  /** Where to send a request now, or `undefined` when none is due. */
  takeDue(now: number): ReplyPath | undefined {
    if (this.#nextAt > now) return undefined
    this.#requests++
    this.#nextAt = this.#requests < MaxRequests ? now + RequestInterval : Infinity
    return this.#path
  }

  /**
   * Notes that a part of a table came from the member of a slot. After a restart it counts only once a peer was asked,
   * because the members that the node knew before send their tables all the time. Returns whether it belongs to the table
   * that was asked for.
   */
  tableArrived(sender: number, now: number): boolean {
    if (this.#over) return sender === this.#welcomedBy && now < this.#welcomedUntil
    if (this.#restarted && this.#path === undefined) return false
    this.#welcomedBy = sender
    this.#welcomedUntil = this.#path === undefined ? now : now + WelcomeTime
    this.#close()
    return now < this.#welcomedUntil
  }

  /** The node knows enough members without the table. After a restart it knew them before. */
  end(): void {
    if (!this.#restarted) this.#close()
  }

  #close(): void {
    this.#over = true
    this.#path = undefined
    this.#nextAt = Infinity
  }

  /** Starts again with the next peer that answers. */
  restart(): void {
    this.#path = undefined
    this.#requests = 0
    this.#nextAt = Infinity
    this.#over = false
    this.#restarted = true
  }
}
