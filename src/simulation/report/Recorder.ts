/** Keeps the hash of a simulation's history and, if wanted, its trace: every datagram, change and verb. */
import { Kind } from "../../wire/Header.ts"
import type { Packet } from "../network/Packet.ts"
import type { AnyNode } from "../SimNode.ts"
import { TraceHash, type TraceRecord } from "./Trace.ts"
import type { Verbs } from "../Verbs.ts"

/** What goes into the hash before what belongs to an event, so that no two kinds of event look alike. */
const Event = { Sent: 1, Dropped: 2, Delivered: 3, Learned: 4, Verb: 5 } as const

const kindNames = new Map<number, string>(Object.entries(Kind).map(([name, kind]) => [kind, name]))

/** What a datagram is, as far as it shows. */
const kindOf = ({ payload }: Packet): string =>
  (payload[0] === 1 ? kindNames.get(payload[1] ?? 0) : undefined) ?? "sealed"

export class Recorder {
  readonly #hash = new TraceHash()
  readonly #verbs: Verbs
  readonly #trace: ((record: TraceRecord) => void) | undefined

  /** `trace` gets a record for every event, in order; without, the hash alone is kept, which costs little. */
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

  /** The hash of everything so far, as 16 hexadecimal digits. */
  get hash(): string {
    return this.#hash.digest
  }

  #begin(event: number): void {
    this.#hash.word(event)
    this.#hash.number(this.#verbs.timeline.now)
  }

  #follow(node: AnyNode): void {
    node.onViewChange((id, known, { cause, incarnation, kind }) => {
      this.#begin(Event.Learned)
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
        status: known,
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
