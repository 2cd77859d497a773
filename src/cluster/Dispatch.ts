/**
 * The way of one message through the components of a node.
 *
 * @since 0.2.0
 */
import type { DatagramSocket } from "effect/socket"
import type { AntiEntropy } from "../anti-entropy/AntiEntropy.ts"
import type { ReliableDelivery } from "../delivery/ReliableDelivery.ts"
import type { Events } from "../events/Events.ts"
import type { FailureDetector } from "../failure-detector/FailureDetector.ts"
import type { Gossip } from "../gossip/Gossip.ts"
import type { Join } from "../join/Join.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import type { Queries } from "../queries/Queries.ts"
import type { Outbox } from "../outbox/Outbox.ts"
import { Received } from "../outbox/Received.ts"
import { Kind, RequestAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { SectionType } from "../wire/sections/Section.ts"

/** The accusation in a nack is for the probe that the nack answers. */
const isNack = ({ sections }: Inbound): boolean => sections.has(SectionType.Nack)

/** The components that messages are passed to. */
export interface Recipients {
  readonly view: ClusterView
  readonly outbox: Outbox["Service"]
  readonly detector: FailureDetector["Service"]
  readonly gossip: Gossip["Service"]
  readonly join: Join["Service"]
  readonly antiEntropy: AntiEntropy["Service"]
  readonly delivery: ReliableDelivery["Service"]
  readonly events: Events["Service"]
  readonly queries: Queries["Service"]
}

/**
 * Passes each message to the components that handle its kind: first it is merged
 * into the view, then handled, then acknowledged. A node that is leaving only
 * answers: it acknowledges, relays probes, and takes the acknowledgements of its
 * own LEAVE.
 */
export class Dispatch {
  readonly #to: Recipients
  /** One object for all messages. A component that needs something later keeps a copy of that. */
  #received: Received | undefined

  constructor(recipients: Recipients) {
    this.#to = recipients
  }

  /** Handles one message. `now` is in ms of the monotonic clock. */
  receive(inbound: Inbound, datagram: DatagramSocket.Datagram, now: number): void {
    const received = (this.#received ??= new Received(inbound, datagram, now))
    received.start(inbound, datagram, now)
    if (inbound.header.kind === Kind.Leave) this.#leave(received)
    else this.#message(received)
  }

  #leave(received: Received): void {
    const { delivery, join, outbox, view } = this.#to
    const { findings, inbound, now } = received
    // Anybody can write a LEAVE in the clear. A sealed one is from a node that has the key.
    const counts = view.receiveLeave(inbound, inbound.sealed, now, findings)
    const { sender } = received
    if (counts) {
      join.left(sender)
      delivery.left(sender)
    }
    if (!inbound.has(RequestAck) || view.isSelf(inbound.header.idHi, inbound.header.idLo)) return
    outbox.startBudget(received)
    // The ACK carries our entry of the sender: Dead, if its LEAVE counts.
    outbox.acknowledge(received, true)
  }

  #message(received: Received): void {
    const { antiEntropy, delivery, detector, events, gossip, join, outbox, queries, view } = this.#to
    const { findings, inbound, now } = received
    const { kind } = inbound.header
    view.receive(inbound, now, findings)
    outbox.heard(inbound)
    outbox.startBudget(received)
    const fromOther = !view.isSelf(inbound.header.idHi, inbound.header.idLo)
    received.acknowledged = fromOther && kind !== Kind.Ack && (kind === Kind.Ping || inbound.has(RequestAck))
    if (!view.leaving) {
      join.received(received)
      gossip.received(received)
    }
    if (!fromOther) return
    if (!view.leaving && inbound.sections.has(SectionType.Accusations) && !isNack(inbound)) {
      detector.accusations(received)
    }
    if (!view.leaving && inbound.sections.has(SectionType.Events)) events.received(received)
    if (!view.leaving && inbound.header.sectioned) queries.received(received)
    switch (kind) {
      case Kind.PingReq:
        detector.pingReq(received)
        break
      case Kind.Ack:
        // Before it may prove an address, and a table be sent there that it does not acknowledge.
        antiEntropy.acknowledged(received)
        detector.ack(received)
        delivery.ack(received)
        break
      case Kind.AntiEntropy:
        if (!view.leaving) antiEntropy.received(received)
        break
    }
    if (received.acknowledged) outbox.acknowledge(received, findings.tellSender)
  }
}
