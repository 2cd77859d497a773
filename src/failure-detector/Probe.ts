/**
 * One probe of one member (SWIM, section 4.1): it is sent a PING, and the probe waits
 * for its ACK. After a while relays are asked to PING it, and the probe waits for an
 * ACK by either way. Without one the probe fails.
 */

/** What a probe starts with. Times are in ms of the monotonic clock. */
export interface ProbeOptions {
  /** Slot of the member. */
  readonly target: number
  /** The incarnation that the probe is about. A failure says nothing about a later one. */
  readonly incarnation: number
  /** When the PING is sent. */
  readonly sentAt: number
  /** When relays are asked, if no ACK has come. */
  readonly askRelaysAt: number
  /** When the probe fails, if no ACK has come. */
  readonly failsAt: number
}

/** The next step of a probe without an ACK. */
export type ProbeStep = "AskRelays" | "Fail"

/** A probe that waits for an ACK. */
export class Probe {
  readonly target: number
  readonly incarnation: number
  readonly sentAt: number
  readonly failsAt: number
  /** What is done at `deadline`. */
  step: ProbeStep = "AskRelays"
  /** When `step` is done, in ms of the monotonic clock. */
  deadline: number
  /** Slots of the relays that were asked. */
  readonly relays: Array<number> = []

  constructor({ askRelaysAt, failsAt, incarnation, sentAt, target }: ProbeOptions) {
    this.target = target
    this.incarnation = incarnation
    this.sentAt = sentAt
    this.failsAt = failsAt
    this.deadline = askRelaysAt
  }

  /** The wait for a direct ACK alone is over. */
  waitForRelays(): void {
    this.step = "Fail"
    this.deadline = this.failsAt
  }
}
