/**
 * What a node has to send, and the way out: the queue of changes, the packer of
 * messages, and the transport behind them.
 *
 * @since 0.2.0
 */
import { Context, Effect, Layer } from "effect"
import type { NetAddress } from "effect/net"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { Overhead } from "../crypto/SealedDatagram.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, SelfSlot } from "../membership/MemberTable.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"
import { HeaderLength } from "../wire/Header.ts"
import { ChangeQueue } from "./ChangeQueue.ts"
import type { MemberClaim } from "./MemberClaim.ts"
import { MessagePacker } from "./MessagePacker.ts"
import type { Received, ReplyPath } from "./Received.ts"

export type { Findings } from "../membership/Findings.ts"
export type { Inbound } from "../wire/Inbound.ts"
export type { ChangeQueue } from "./ChangeQueue.ts"
export type { MemberClaim } from "./MemberClaim.ts"
export type { MessagePacker } from "./MessagePacker.ts"
export type { Received, ReplyPath } from "./Received.ts"
export type { ReplyBudget } from "./ReplyBudget.ts"

/**
 * Sends messages to members and addresses, and replies to messages.
 *
 * **Details**
 *
 * A component packs a message with `packer` and hands it to one of the functions that
 * send. Members are named by their slot in the member table, addresses are packed.
 * Nothing here waits or fails: `Transport` counts what it cannot send. What is being
 * handled at the moment comes in as the `Received` parameter only.
 *
 * @category services
 * @since 0.2.0
 */
export class Outbox extends Context.Service<
  Outbox,
  {
    /** Changes that wait to be passed on, by slot. They go into each GOSSIP, PING and ACK. */
    readonly queue: ChangeQueue
    /** Builds messages. */
    readonly packer: MessagePacker
    /** Sends a message to the address of a member. */
    readonly send: (slot: number, message: Uint8Array) => void
    /** Sends a message to a packed address. */
    readonly sendTo: (address: Uint8Array, message: Uint8Array) => void
    /** Sends a message back to where an earlier datagram came from. */
    readonly sendBack: (path: ReplyPath, message: Uint8Array) => void
    /** Starts the reply budget of a message that was merged. A member at its proved address has no limit. */
    readonly startBudget: (received: Received) => void
    /** Replies to a message. `build` makes the reply within a limit of bytes. It is not called when nothing may be sent. */
    readonly reply: (received: Received, build: (limit: number) => Uint8Array) => void
    /**
     * Sends a PING to a member. With `tell` it carries what we hold about the member. With `received`, the PING follows
     * from that message: if it goes to the source of the message, and that is unproved, it counts on the reply budget, and
     * is not sent when the budget is used up.
     */
    readonly ping: (slot: number, tell: boolean, now: number, received?: Received) => void
    /** Sends a PING with nothing but our own entry, so that the ACK proves the member's address. The budget as for `ping`. */
    readonly prove: (slot: number, received: Received) => void
    /** Sends a PING with a claim to the address in the claim. */
    readonly pingWithClaim: (claim: MemberClaim, now: number) => void
    /** Whether a member's address never answered us. It may be forged, so little is sent there. */
    readonly isUnproved: (slot: number) => boolean
  }
>()("effect-gossip/outbox/Outbox") {}

/**
 * An outbox for the view of this node, which queues every change that the view
 * reports.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Outbox, never, CurrentConfig | LocalView | NodeClock | Transport> = Layer.effect(
  Outbox,
  Effect.gen(function* () {
    const { gossip } = yield* CurrentConfig
    const view = yield* LocalView
    const transport = yield* Transport
    const { random } = yield* NodeClock
    const { table } = view
    const queue = new ChangeQueue()
    const packer = new MessagePacker(view, queue, gossip, random)

    view.observe({
      transition: ({ kind, previousIncarnation, slot }) => {
        // Others cannot use an address that is only where the member spoke from. Its own entry follows.
        if (table.has(slot, Mark.Provisional)) return
        queue.add(slot, kind !== "Updated" || previousIncarnation !== table.incarnation[slot])
      },
      forgotten: (slot) => queue.remove(slot),
      selfChanged: () => queue.add(SelfSlot, true)
    })

    /** Whether we do not know what a member reads, because it has not spoken to us in its present incarnation. */
    const isUnheard = (slot: number): boolean =>
      !table.has(slot, Mark.Heard) || table.heardIncarnation[slot] !== table.incarnation[slot]
    const getsBothForms = (slot: number): boolean => transport.sendsBothForms && isUnheard(slot)

    /** Sealed first: a receiver that requires seals then knows us when it drops the plain datagram. */
    const sendBoth = (message: Uint8Array, to: NetAddress.InetAddress): void => {
      transport.send(message, to, true)
      transport.send(message, to, false)
    }
    const send = (slot: number, message: Uint8Array): void => {
      const route = (table.routes[slot] ??= transport.route(table.address, table.addressAt(slot)))
      if (getsBothForms(slot)) sendBoth(message, route)
      else transport.send(message, route, table.has(slot, Mark.Sealed))
    }
    const sendTo = (address: Uint8Array, message: Uint8Array): void => {
      const route = transport.route(address, 0)
      if (transport.sendsBothForms) sendBoth(message, route)
      else transport.send(message, route, true)
    }

    const isUnproved = (slot: number): boolean => slot < 0 || !table.has(slot, Mark.AddressProved)

    /** Whether a PING may follow from a message. To the unproved source of the message, it is part of the reply. */
    const mayPing = (slot: number, length: number, { budget, inbound }: Received): boolean => {
      if (!isUnproved(slot) || !table.sameAddress(slot, inbound.source, 0)) return true
      if (getsBothForms(slot)) return budget.take(2 * length + Overhead)
      return budget.take(length + (inbound.sealed || table.has(slot, Mark.Sealed) ? Overhead : 0))
    }
    const sendPing = (slot: number, ping: Uint8Array, now: number, received?: Received): void => {
      if (received !== undefined && !mayPing(slot, ping.length, received)) return
      table.pinged[slot] = now
      send(slot, ping)
    }

    return Outbox.of({
      queue,
      packer,
      send,
      sendTo,
      sendBack: ({ datagram, sealed }, message) => transport.send(message, datagram, sealed),
      startBudget: ({ budget, inbound, sender }) => {
        const trusted = !isUnproved(sender) && table.sameAddress(sender, inbound.source, 0)
        budget.start(inbound.bytes.length, inbound.sealed, trusted)
      },
      reply: ({ budget, datagram, inbound }, build) => {
        if (budget.limit < HeaderLength) return
        const message = build(budget.limit)
        budget.spend(message.length)
        transport.send(message, datagram, inbound.sealed)
      },
      ping: (slot, tell, now, received) => sendPing(slot, packer.ping(slot, tell, !isUnproved(slot)), now, received),
      prove: (slot, received) => sendPing(slot, packer.contact(), received.now, received),
      pingWithClaim: (claim, now) => {
        const slot = table.index.get(claim.idHi, claim.idLo)
        if (slot > SelfSlot) table.pinged[slot] = now
        // Whether a forgotten member proved its address is not known any more. Only members that did are healed for long.
        sendTo(claim.address, packer.pingWithClaim(claim, slot < 0 || !isUnproved(slot)))
      },
      isUnproved
    })
  })
)
