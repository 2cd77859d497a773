/**
 * One probe of one member (SWIM, section 4.1): it is sent a PING, and the probe waits
 * for its ACK. After a while relays are asked to PING it, and the probe waits for an
 * ACK by either way. Without one the probe fails: at its end, or earlier if every
 * relay has said that it has no answer.
 */
import { Evidence } from "./Accusers.ts"

/** What a probe starts with. Times are in ms of the monotonic clock. */
export interface ProbeOptions {
  /** Slot of the member. */
  readonly target: number
  /** The incarnation that the probe is about. A failure says nothing about a later one. */
  readonly incarnation: number
  /** Names the probe in messages of sections. */
  readonly sequence: number
  /** When the PING is sent. */
  readonly sentAt: number
  /** When relays are asked, if no ACK has come. */
  readonly askRelaysAt: number
  /** Before this the probe does not fail, whatever relays say. */
  readonly mayFailAt: number
  /** When the probe fails, if no ACK has come. */
  readonly failsAt: number
  /** Whether it gives a second opinion on an accusation, outside the rounds. Such a probe leaves local health alone. */
  readonly witness: boolean
}

/** The next step of a probe without an ACK. */
export type ProbeStep = "AskRelays" | "Fail"

/** What a relay found about the target beyond silence. */
export interface RelayEvidence {
  readonly relay: number
  readonly evidence: number
}

/** A probe that waits for an ACK. */
export class Probe {
  readonly target: number
  readonly incarnation: number
  readonly sequence: number
  readonly sentAt: number
  readonly mayFailAt: number
  readonly failsAt: number
  readonly witness: boolean
  /** Whether the PING carried the sequence, so that only an ACK with the sequence answers it. */
  sequenced = false
  /** What is done at `deadline`. */
  step: ProbeStep = "AskRelays"
  /** When `step` is done, in ms of the monotonic clock. */
  deadline: number
  /** Slots of the relays that were asked. */
  readonly relays: Array<number> = []
  /** Slots of the relays that said that they have no answer. */
  readonly nacks: Array<number> = []
  /** What was found about the target beyond silence. */
  evidence: number = Evidence.Silent
  readonly relayEvidence: Array<RelayEvidence> = []

  constructor(options: ProbeOptions) {
    this.target = options.target
    this.incarnation = options.incarnation
    this.sequence = options.sequence
    this.sentAt = options.sentAt
    this.mayFailAt = options.mayFailAt
    this.failsAt = options.failsAt
    this.witness = options.witness
    this.deadline = options.askRelaysAt
  }

  /** The wait for a direct ACK alone is over. */
  waitForRelays(): void {
    this.step = "Fail"
    this.deadline = this.failsAt
  }

  /** A relay that was asked has no answer. Returns whether that is news. */
  nacked(relay: number): boolean {
    if (!this.relays.includes(relay) || this.nacks.includes(relay)) return false
    this.nacks.push(relay)
    return true
  }

  /** A slot may be given to another node: it is a relay of this probe no longer. */
  forgetRelay(relay: number): void {
    for (const slots of [this.relays, this.nacks]) if (slots.includes(relay)) slots.splice(slots.indexOf(relay), 1)
    const found = this.relayEvidence.findIndex((evidence) => evidence.relay === relay)
    if (found >= 0) this.relayEvidence.splice(found, 1)
  }

  /** Whether no relay that was asked can still bring an ACK. */
  get isHopeless(): boolean {
    return this.step === "Fail" && this.relays.length > 0 && this.nacks.length === this.relays.length
  }

  /** Whether we and a relay found evidence, and no relay got an answer. There is nothing to wait for. */
  get isProved(): boolean {
    return this.isHopeless && this.evidence !== Evidence.Silent && this.relayEvidence.length > 0
  }
}
