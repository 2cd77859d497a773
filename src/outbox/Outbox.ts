/** What a node has to say, and the way out: the queue of changes, the packer, and the transport behind them. */
import { Context, Effect, Layer } from "effect"
import type { NetAddress } from "effect/net"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, SelfSlot } from "../membership/MemberTable.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"
import { HeaderLength } from "../wire/Header.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { type MemberClaim, MessagePacker } from "./MessagePacker.ts"
import type { Received, ReplyPath } from "./Received.ts"
import { ChangeQueue } from "./ChangeQueue.ts"

export class Outbox extends Context.Service<
  Outbox,
  {
    readonly queue: ChangeQueue
    readonly packer: MessagePacker
    /** Sends a message to a member's address. */
    readonly send: (slot: number, message: Uint8Array) => void
    /** Starts the reply budget of a message that was merged: unlimited for a member at its proved address. */
    readonly startBudget: (received: Received) => void
    /** Replies to a message. `build` makes the reply within a limit of bytes, and is not called when nothing may be sent. */
    readonly reply: (received: Received, build: (limit: number) => Uint8Array) => void
    /** Sends a message back to where an earlier datagram came from. */
    readonly sendBack: (path: ReplyPath, message: Uint8Array) => void
    /** Sends a message to a packed address. */
    readonly sendTo: (address: Uint8Array, message: Uint8Array) => void
    /**
     * PINGs a member. With `tell` the PING carries the claim that we hold about it. A PING that follows from a received
     * message and goes to the source of that message counts on its reply budget.
     */
    readonly ping: (slot: number, tell: boolean, now: number, received?: Received) => void
    /** PINGs a member with nothing but our own entry, so that its ACK proves its address. */
    readonly prove: (slot: number, received: Received) => void
    /** PINGs whoever is at a claim's address with that claim. */
    readonly pingWithClaim: (claim: MemberClaim, now: number) => void
    /** Whether a slot's address never answered us: it gets little, since it may be forged. */
    readonly isUnproved: (slot: number) => boolean
  }
>()("effect-gossip/outbox/Outbox") {}

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
        // Known only by where it spoke from: others learn it once its own entry came.
        if (table.has(slot, Mark.Provisional)) return
        queue.add(slot, kind !== "Updated" || previousIncarnation !== table.incarnation[slot])
      },
      forgotten: (slot) => queue.remove(slot),
      selfChanged: () => queue.add(SelfSlot, true)
    })

    /** Whether a member has not spoken to us in its present life, so that we do not know what it reads. */
    const isUnheard = (slot: number): boolean =>
      !table.has(slot, Mark.Heard) || table.heardIncarnation[slot] !== table.incarnation[slot]
    /** Sealed first: to one that requires that, whoever sends in the clear after it is no stranger. */
    const sendBoth = (message: Uint8Array, to: NetAddress.InetAddress): void => {
      transport.send(message, to, true)
      transport.send(message, to, false)
    }
    const send = (slot: number, message: Uint8Array): void => {
      const route = (table.routes[slot] ??= transport.route(table.address, table.addressAt(slot)))
      if (transport.sendsBothForms && isUnheard(slot)) sendBoth(message, route)
      else transport.send(message, route, table.has(slot, Mark.Sealed))
    }
    const sendTo = (address: Uint8Array, message: Uint8Array): void => {
      const route = transport.route(address, 0)
      if (transport.sendsBothForms) sendBoth(message, route)
      else transport.send(message, route, true)
    }

    const isUnproved = (slot: number): boolean => slot < 0 || !table.has(slot, Mark.AddressProved)

    const sendPing = (slot: number, ping: Uint8Array, now: number, received?: Received): void => {
      table.pinged[slot] = now
      // A PING to the unproved source of a message is part of the reply to it.
      if (received !== undefined && isUnproved(slot) && table.sameAddress(slot, received.inbound.source, 0)) {
        received.budget.spend(ping.length)
      }
      send(slot, ping)
    }

    return Outbox.of({
      queue,
      packer,
      send,
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
      sendBack: ({ datagram, sealed }, message) => transport.send(message, datagram, sealed),
      sendTo,
      ping: (slot, tell, now, received) => sendPing(slot, packer.ping(slot, tell, !isUnproved(slot)), now, received),
      prove: (slot, received) => sendPing(slot, packer.contact(), received.now, received),
      pingWithClaim: (claim, now) => {
        const slot = table.index.get(claim.idHi, claim.idLo)
        if (slot > SelfSlot) table.pinged[slot] = now
        // Of one that is forgotten nothing is known but that it died.
        sendTo(claim.address, packer.pingWithClaim(claim, slot < 0 || !isUnproved(slot)))
      },
      isUnproved
    })
  })
)

/** The claim that a slot holds, in a form that outlives it. */
export const claimOf = (table: LocalView["Service"]["table"], slot: number): MemberClaim => {
  const address = new Uint8Array(PackedAddress.MaxLength)
  PackedAddress.copy(table.address, table.addressAt(slot), address, 0)
  return {
    idHi: table.idHi[slot]!,
    idLo: table.idLo[slot]!,
    incarnation: table.incarnation[slot]!,
    heartbeat: table.heartbeat[slot]!,
    address
  }
}
