/** What a node has to say, and the way out: the queue of changes, the packer, and the transport behind them. */
import { Context, Effect, Layer } from "effect"
import type { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, SelfSlot } from "../membership/MemberTable.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Overhead } from "../transport/SealedDatagram.ts"
import { Transport } from "../transport/Transport.ts"
import { HeaderLength, MaxMessage } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { type LooseClaim, MessagePacker } from "./MessagePacker.ts"
import { UpdateQueue } from "./UpdateQueue.ts"

/** A stranger gets at most this many times the bytes that it sent. */
export const StrangerFactor = 3

export class Messenger extends Context.Service<
  Messenger,
  {
    readonly queue: UpdateQueue
    readonly packer: MessagePacker
    /** Sends a message to a member's address. */
    readonly send: (slot: number, message: Uint8Array) => void
    /**
     * Says to whom the messages of `answer` go from now on, and how many bytes they
     * may have: a stranger, whose address anybody may have written on the datagram,
     * gets three times what it sent.
     */
    readonly answering: (inbound: Inbound, sender: number) => void
    /** Bytes of message that may still be answered. */
    readonly answerBudget: () => number
    /** Sends a message back to where a datagram came from, built within a limit of bytes. */
    readonly answer: (datagram: DatagramSocket.Datagram, build: (limit: number) => Uint8Array) => void
    /** Whether the datagram that is being answered came sealed. */
    readonly answeringSealed: () => boolean
    /** Sends a message back to where a datagram came from. */
    readonly reply: (datagram: DatagramSocket.Datagram, message: Uint8Array, sealed: boolean) => void
    /** Sends a message to a packed address. */
    readonly sendTo: (address: Uint8Array, message: Uint8Array) => void
    /** PINGs a member; with `tell` it hears what we hold of it, and at an address that never answered nothing else. */
    readonly ping: (slot: number, tell: boolean, now: number) => void
    /** PINGs a member whose address is to be proved, with nothing but our own entry. */
    readonly prove: (slot: number, now: number) => void
    /** PINGs whoever is at a claim's address with that claim. */
    readonly pingWithClaim: (claim: LooseClaim, now: number) => void
    /** Whether a slot's address never answered us: it gets little, since it may be forged. */
    readonly isUnproved: (slot: number) => boolean
  }
>()("effect-gossip/gossip/Messenger") {
  static readonly layer: Layer.Layer<Messenger, never, CurrentConfig | LocalView | NodeClock | Transport> =
    Layer.effect(
      Messenger,
      Effect.gen(function* () {
        const { gossip } = yield* CurrentConfig
        const view = yield* LocalView
        const transport = yield* Transport
        const { random } = yield* NodeClock
        const { table } = view
        const queue = new UpdateQueue()
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
          if (transport.bilingual && isUnheard(slot)) sendBoth(message, route)
          else transport.send(message, route, table.has(slot, Mark.Sealed))
        }
        const sendTo = (address: Uint8Array, message: Uint8Array): void => {
          const route = transport.route(address, 0)
          if (transport.bilingual) sendBoth(message, route)
          else transport.send(message, route, true)
        }

        const isUnproved = (slot: number): boolean => slot < 0 || !table.has(slot, Mark.Proved)

        // Whom the message that is being answered came from, and what may still be sent there, seals included.
        let budget = 0
        let source = new Uint8Array(PackedAddress.MaxLength)
        let sealed = false
        let overhead = 0

        const pinged = (slot: number, ping: Uint8Array, now: number): void => {
          table.pinged[slot] = now
          // One that a stranger's message led to is part of the answer to it.
          if (isUnproved(slot) && table.sameAddress(slot, source, 0)) budget -= ping.length + overhead
          send(slot, ping)
        }

        return Messenger.of({
          queue,
          packer,
          send,
          answering: (inbound, sender) => {
            const known = !isUnproved(sender) && table.sameAddress(sender, inbound.source, 0)
            source = inbound.source
            sealed = inbound.sealed
            overhead = sealed ? Overhead : 0
            budget = known ? Infinity : StrangerFactor * (inbound.bytes.length + overhead)
          },
          answerBudget: () => budget - overhead,
          answer: (datagram, build) => {
            const limit = Math.min(budget - overhead, MaxMessage)
            if (limit < HeaderLength) return
            const message = build(limit)
            budget -= message.length + overhead
            transport.send(message, datagram, sealed)
          },
          answeringSealed: () => sealed,
          reply: (datagram, message, sealed) => transport.send(message, datagram, sealed),
          sendTo,
          ping: (slot, tell, now) => pinged(slot, packer.ping(slot, tell, !isUnproved(slot)), now),
          prove: (slot, now) => pinged(slot, packer.contact(), now),
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
}

/** The claim that a slot holds, in a form that outlives it. */
export const looseClaim = (table: LocalView["Service"]["table"], slot: number): LooseClaim => {
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
