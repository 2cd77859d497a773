/**
 * The events and queries that wait to be passed on, least-sent first.
 *
 * @since 0.2.0
 */
import type { MemberEvent } from "../wire/sections/MemberEvent.ts"
import { lengthOf as eventLength } from "../wire/sections/MemberEvent.ts"
import type { Query } from "../wire/sections/Query.ts"
import { lengthOf as queryLength } from "../wire/sections/Query.ts"
import { SectionHeaderLength, SectionType } from "../wire/sections/Section.ts"
import { LeastSentFirst, type Waiting } from "./LeastSentFirst.ts"

/** The most events and queries that wait. Beyond, the one that was sent most often makes room. */
export const MaxBroadcasts = 512

interface WaitingEvent extends Waiting {
  readonly kind: "event"
  readonly content: MemberEvent
  readonly length: number
}

interface WaitingQuery extends Waiting {
  readonly kind: "query"
  readonly content: Query
  readonly length: number
  /** When its origin stops to wait, in ms. */
  readonly expiresAt: number
}

type WaitingBroadcast = WaitingEvent | WaitingQuery

/**
 * What takes events and queries: a writer of messages.
 *
 * @category models
 * @since 0.2.0
 */
export interface BroadcastWriter {
  /** Opens a section for list items. */
  readonly beginSection: (type: number) => boolean
  /** Adds an event to the open section of events. Returns `false` when it does not fit. */
  readonly event: (event: MemberEvent) => boolean
  /** Writes a query. Returns `false` when it does not fit. */
  readonly query: (query: Query) => boolean
}

/**
 * Events and queries, in the order in which they go out.
 *
 * @category models
 * @since 0.2.0
 */
export class BroadcastQueue {
  readonly #waiting: LeastSentFirst<WaitingBroadcast>
  /** What of the two goes first into the next message, so that many of one do not keep back the other. */
  #first: WaitingBroadcast["kind"] = "event"

  /** `onFirst` is called when something is queued while nothing was. */
  constructor(onFirst: () => void = () => {}) {
    this.#waiting = new LeastSentFirst(MaxBroadcasts, onFirst)
  }

  /** How many events and queries are queued. */
  get size(): number {
    return this.#waiting.items.length
  }

  /** Bytes that the first needs in a message, its section header included; 0 if nothing waits. */
  get firstLength(): number {
    const [first] = this.#waiting.items
    return first === undefined ? 0 : SectionHeaderLength + first.length
  }

  /** Queues an event. Its bytes must not change. */
  addEvent(content: MemberEvent): void {
    this.#waiting.add({ kind: "event", content, length: eventLength(content), sent: 0 })
  }

  /** Queues a query, to be passed on until its origin stops to wait. Its bytes must not change. */
  addQuery(content: Query, expiresAt: number): void {
    this.#waiting.add({ kind: "query", content, length: queryLength(content), expiresAt, sent: 0 })
  }

  /**
   * Writes what fits into a message of sections, least-sent first. Each that was written counts as sent once more; at
   * `limit` it leaves the queue, as does a query whose origin waits no more.
   */
  write(form: BroadcastWriter, limit: number, now: number): void {
    const waiting = this.#waiting
    waiting.remove((item) => item.kind === "query" && item.expiresAt <= now)
    if (waiting.items.length === 0) return
    const sent: Array<WaitingBroadcast> = []
    const [one, other] = this.#first === "event" ? (["event", "query"] as const) : (["query", "event"] as const)
    this.#first = other
    this.#writeKind(one, form, now, sent)
    this.#writeKind(other, form, now, sent)
    waiting.countSent(sent, limit)
  }

  #writeKind(kind: WaitingBroadcast["kind"], form: BroadcastWriter, now: number, sent: Array<WaitingBroadcast>): void {
    if (kind === "event" && !form.beginSection(SectionType.Events)) return
    // What is too long for the rest of the message does not keep back what is shorter.
    for (const item of this.#waiting.items) {
      if (
        item.kind === "event" ? kind === "event" && form.event(item.content) : kind === "query" && ask(form, item, now)
      ) {
        sent.push(item)
      }
    }
  }
}

/** The deadline on the wire is what remains, since nodes do not know each other's clocks. */
const ask = (form: BroadcastWriter, { content, expiresAt }: WaitingQuery, now: number): boolean =>
  form.query({ ...content, deadlineMs: Math.max(0, Math.floor(expiresAt - now)) })
