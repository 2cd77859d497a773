/**
 * How a node gets the member table when it joins: it asks the first peer that
 * answers, a few times, until a part of a table comes. A peer that sends too many
 * tables already names members that have one instead, and one of them is asked.
 */
import type { ReplyPath } from "../outbox/Received.ts"

/** How often the table is asked for. A peer that knows nobody else has nothing to send, so the requests must end. */
export const MaxRequests = 3

/** Wait between two requests, in ms. */
export const RequestInterval = 1000

/** How long the parts of the table may take to come, in ms. */
const WelcomeTime = 5000

/**
 * Before one of the members that a peer named is asked, in ms, at random between the two. They are getting the table
 * themselves: that of 1000 members takes 140 ms. A crowd of newcomers must not ask them in one instant.
 */
export const AskFirst = 150
export const AskLast = 250

/** A member that was asked for the table answers in this time, in ms, or another one is asked. */
export const AskInterval = 500

/** A node looks for a member that sends it the table for this long, in ms. After that, comparisons of tables must do. */
export const MostWait = 3000

/** Whom to ask for the table: where an answer of a peer came from, or the member of a slot. */
export type Request =
  | { readonly _tag: "Peer"; readonly path: ReplyPath; readonly slot: number }
  | { readonly _tag: "Member"; readonly slot: number }

/** One introduction. Times are in ms of the monotonic clock. */
export class Introduction {
  readonly #random: () => number
  #path: ReplyPath | undefined
  /** The slot of the member that was asked last, or -1, and when it was asked. */
  #asked = -1
  #askedAt = -Infinity
  #requests = 0
  #nextAt = Infinity
  #over = false
  #restarted = false
  /** Members that have the table or are getting it, because a peer named them. */
  #helpers: Array<number> = []
  /** Until when one of them is looked for, or Infinity before a peer named some. */
  #waitsUntil = Infinity
  /** Who sent the table, and until when its parts may come. */
  #welcomedBy = -1
  #welcomedUntil = -Infinity

  constructor(random: () => number) {
    this.#random = random
  }

  /** Whether the first answer is still to come, so that `peerAnswered` has an effect. */
  get isOpen(): boolean {
    return !this.#over && this.#path === undefined && !this.#waits
  }

  /** When the next request is due, or Infinity. */
  get next(): number {
    return this.#nextAt
  }

  get #waits(): boolean {
    return this.#waitsUntil < Infinity
  }

  /** Notes the answer of a peer. The first one decides whom to ask; `path` leads back to it, and `slot` is its slot or -1. */
  peerAnswered(path: ReplyPath, slot: number, now: number): void {
    if (!this.isOpen) return
    this.#path = path
    this.#asked = slot
    this.#nextAt = now
  }

  /** Where to send a request now, or `undefined` when none is due. */
  takeDue(now: number): Request | undefined {
    if (this.#nextAt > now) return undefined
    if (this.#waits) return this.#takeHelper(now)
    this.#requests++
    this.#askedAt = now
    this.#nextAt = this.#requests < MaxRequests ? now + RequestInterval : Infinity
    return this.#path === undefined ? undefined : { _tag: "Peer", path: this.#path, slot: this.#asked }
  }

  #takeHelper(now: number): Request | undefined {
    this.#asked = -1
    if (now >= this.#waitsUntil) {
      this.#close()
      return undefined
    }
    const [slot] = this.#helpers.splice(Math.floor(this.#random() * this.#helpers.length), 1)
    this.#nextAt = slot === undefined ? this.#waitsUntil : Math.min(now + AskInterval, this.#waitsUntil)
    if (slot === undefined) return undefined
    this.#asked = slot
    this.#askedAt = now
    return { _tag: "Member", slot }
  }

  /** Whether the member of a slot was asked a moment ago, and has not sent the table yet. */
  isAsked(slot: number, now: number): boolean {
    return !this.#over && slot >= 0 && slot === this.#asked && now - this.#askedAt < RequestInterval
  }

  /** Whether that is a member that a peer named. It gets the request when it has answered a PING. */
  isAskedMember(slot: number, now: number): boolean {
    return this.#waits && this.isAsked(slot, now)
  }

  /**
   * The member that was asked sends too many tables already, and named members that have one. Returns until when one of them
   * is looked for, or `undefined` if nothing changes: a node that starts again knew members before, whose messages look the
   * same.
   */
  sentOn(helpers: ReadonlyArray<number>, now: number): number | undefined {
    if (this.#over || this.#restarted || helpers.length === 0) return undefined
    if (!this.#waits) this.#waitsUntil = now + MostWait
    this.#path = undefined
    this.#helpers = [...helpers]
    this.#nextAt = Math.min(now + AskFirst + (AskLast - AskFirst) * this.#random(), this.#waitsUntil)
    return this.#waitsUntil
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
    this.#welcomedUntil = this.isOpen ? now : now + WelcomeTime
    this.#close()
    return now < this.#welcomedUntil
  }

  /** The node knows enough members without the table. After a restart it knew them before, and one that waits was told. */
  end(): void {
    if (!this.#restarted && !this.#waits) this.#close()
  }

  #close(): void {
    this.#over = true
    this.#forgetAsked()
  }

  /** Starts again with the next peer that answers. `amongOthers`: the node knows members already. */
  restart(amongOthers: boolean): void {
    this.#forgetAsked()
    this.#requests = 0
    this.#over = false
    this.#restarted = amongOthers
  }

  #forgetAsked(): void {
    this.#path = undefined
    this.#asked = -1
    this.#nextAt = Infinity
    this.#helpers = []
    this.#waitsUntil = Infinity
  }
}
