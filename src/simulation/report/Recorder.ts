/**
 * Records the history of a simulation: its hash and, on request, a trace of every datagram, view change and verb.
 *
 * @since 0.2.0
 */
import { Kind, SectionedKind } from "../../wire/Header.ts"
import type { Packet } from "../network/Packet.ts"
import type { AnyNode } from "../SimNode.ts"
import { TraceHash, type TraceRecord } from "./Trace.ts"
import type { Verbs } from "../Verbs.ts"

/** Goes into the hash before the data of an event, so that events of different kinds differ. */
const Event = { Sent: 1, Dropped: 2, Delivered: 3, ViewChange: 4, Verb: 5, Refused: 6 } as const

const kindNames = new Map<number, string>(Object.entries(Kind).map(([name, kind]) => [kind, name]))

/** The kind of a message, or `sealed` if it is encrypted. */
const kindOf = ({ payload }: Packet): string =>
  (payload[0] === 1 ? kindNames.get((payload[1] ?? 0) & ~SectionedKind) : undefined) ?? "sealed"

/**
 * Records a simulation from its beginning.
 *
 * @category models
 * @since 0.2.0
 */
export class Recorder {
  readonly #hash = new TraceHash()
  readonly #verbs: Verbs
  readonly #trace: ((record: TraceRecord) => void) | undefined

  /** `trace` gets a record of every event, in order. Without it only the hash is kept, which costs little. */
  constructor(verbs: Verbs, trace: ((record: TraceRecord) => void) | undefined) {
    this.#verbs = verbs
    this.#trace = trace
    verbs.network.observe({
      sent: (packet) => {
        this.#begin(Event.Sent)
        this.#hash.text(packet.to)
        this.#hash.text(packet.from)
        this.#hash.bytes(packet.payload)
        if (trace !== undefined) this.#datagram("sent", packet, trace)
      },
      dropped: (packet, reason) => {
        this.#begin(Event.Dropped)
        this.#hash.number(packet.number)
        this.#hash.text(reason)
        if (trace !== undefined) this.#datagram("dropped", packet, trace, reason)
      },
      refused: (packet) => {
        this.#begin(Event.Refused)
        this.#hash.number(packet.number)
        if (trace !== undefined) this.#datagram("refused", packet, trace)
      },
      delivered: (packet) => {
        this.#begin(Event.Delivered)
        this.#hash.number(packet.number)
        if (packet.corrupted) this.#hash.bytes(packet.payload)
        if (trace !== undefined) this.#datagram("delivered", packet, trace)
      }
    })
    verbs.observe({
      started: (node) => this.#follow(node),
      verb: (verb, subjects, detail) => {
        this.#begin(Event.Verb)
        this.#hash.text(verb)
        for (const subject of subjects) this.#hash.text(subject)
        this.#hash.text(detail)
        trace?.({ at: verbs.now(), event: verb, nodes: subjects, ...(detail === "" ? {} : { detail }) })
      }
    })
  }

  /** The hash of the history so far, as 16 hexadecimal digits. */
  get hash(): string {
    return this.#hash.digest
  }

  #begin(event: number): void {
    this.#hash.word(event)
    this.#hash.number(this.#verbs.timeline.now)
  }

  #follow(node: AnyNode): void {
    node.onViewChange((id, status, { cause, incarnation, kind }) => {
      this.#begin(Event.ViewChange)
      this.#hash.word(node.number)
      this.#hash.number(Number(id & 0xffffffffn))
      this.#hash.number(Number(id >> 32n))
      this.#hash.text(kind)
      this.#hash.word(incarnation)
      this.#trace?.({
        at: this.#verbs.now(),
        event: kind.toLowerCase(),
        node: node.name,
        member: String(id),
        status,
        incarnation,
        cause
      })
    })
  }

  #datagram(event: string, packet: Packet, trace: (record: TraceRecord) => void, reason?: string): void {
    trace({
      at: this.#verbs.now(),
      event,
      ...(reason === undefined ? {} : { reason }),
      number: packet.number,
      message: kindOf(packet),
      from: packet.from,
      to: packet.to,
      bytes: packet.payload.length,
      ...(packet.forged ? { forged: true } : {}),
      ...(packet.copy ? { copy: true } : {}),
      ...(packet.corrupted ? { corrupted: true } : {})
    })
  }
}
