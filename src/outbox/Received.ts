/**
 * One received message on its way through a node.
 *
 * @since 0.2.0
 */
import type { DatagramSocket } from "effect/socket"
import { Findings } from "../membership/Findings.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { ReplyBudget } from "./ReplyBudget.ts"

/**
 * Where a reply goes: back to the source of a datagram, in the form in which the
 * datagram came.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReplyPath {
  readonly datagram: DatagramSocket.Datagram
  /** Whether the reply is sealed. */
  readonly sealed: boolean
}

/**
 * Everything that the components need to know about one message.
 *
 * **Gotchas**
 *
 * `Cluster` fills one object again for each message and passes it to each component,
 * so nothing may keep the object. `replyPath` makes a value that can be kept.
 *
 * @category models
 * @since 0.2.0
 */
export class Received {
  /** The message, decoded in place. */
  inbound: Inbound
  /** The datagram, to reply to. */
  datagram: DatagramSocket.Datagram
  /** When the message was received, in ms of the monotonic clock. */
  now: number
  /** What merging the message found out. */
  readonly findings = new Findings()
  /** How many bytes may be sent in reply. */
  readonly budget = new ReplyBudget()
  /** Whether the sender gets an ACK, which can carry what we hold about it. */
  acknowledged = false

  constructor(inbound: Inbound, datagram: DatagramSocket.Datagram, now: number) {
    this.inbound = inbound
    this.datagram = datagram
    this.now = now
  }

  /** Takes the next message. The caller fills in what follows from merging it. */
  start(inbound: Inbound, datagram: DatagramSocket.Datagram, now: number): void {
    this.inbound = inbound
    this.datagram = datagram
    this.now = now
    this.acknowledged = false
    this.findings.reset()
  }

  /** Slot of the sender, or -1 when the sender is this node or is unknown. */
  get sender(): number {
    return this.findings.sender
  }

  /** Where a reply goes, as a value that may be kept. */
  get replyPath(): ReplyPath {
    return { datagram: this.datagram, sealed: this.inbound.sealed }
  }
}
