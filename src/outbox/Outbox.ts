/**
 * What a node has to send, and the way out: the queue of changes, the packer of
 * messages, and the transport behind them.
 *
 * @since 0.2.0
 */
import { Context, type Duration, Effect, Layer } from "effect"
import type { NetAddress } from "effect/net"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { Overhead } from "../crypto/SealedDatagram.ts"
import * as Claim from "../domain/Claim.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, SelfSlot } from "../membership/MemberTable.ts"
import { lacksEntry, lacksTags } from "../membership/OwnEntryKnown.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { type PortReply, Transport } from "../transport/Transport.ts"
import { clusterSalt } from "../wire/ClusterSalt.ts"
import { EntryCursor } from "../wire/Entry.ts"
import { HeaderLength, Kind, MaxMessage, RequestAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { MemberTagsCursor } from "../wire/sections/MemberTags.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { BroadcastQueue } from "./BroadcastQueue.ts"
import { AccusationQueue } from "./AccusationQueue.ts"
import { ChangeQueue } from "./ChangeQueue.ts"
import { knowsItself } from "./EntryPacker.ts"
import type { MemberClaim } from "./MemberClaim.ts"
import { MessagePacker } from "./MessagePacker.ts"
import type { Received, ReplyPath } from "./Received.ts"
import { ExpectedTable } from "./ExpectedTable.ts"
import { JoiningTime, type StrangerPing, StrangerPings } from "./StrangerPings.ts"

export type { Findings } from "../membership/Findings.ts"
export type { Inbound } from "../wire/Inbound.ts"
export type { PortReply } from "../transport/Transport.ts"
export type { Accusation } from "../wire/sections/Accusation.ts"
export type { AccusationQueue } from "./AccusationQueue.ts"
export type { MemberEvent } from "../wire/sections/MemberEvent.ts"
export type { NamedPayload } from "../wire/sections/NamedPayload.ts"
export type { Query } from "../wire/sections/Query.ts"
export type { Response } from "../wire/sections/Response.ts"
export type { ExpectedTable } from "./ExpectedTable.ts"
export type { BroadcastQueue, BroadcastWriter } from "./BroadcastQueue.ts"
export type { ChangeQueue } from "./ChangeQueue.ts"
export type { MemberClaim } from "./MemberClaim.ts"
export type { ChunkForm, MessagePacker, PackerClock, PackerOptions, PackerQueues } from "./MessagePacker.ts"
export type { Received, ReplyPath } from "./Received.ts"
export type { ReplyBudget } from "./ReplyBudget.ts"

/**
 * How long after its last change our own entry may still be news to a member that has not acknowledged it, in ms. Changes
 * reach every member of a cluster of any size in a small part of that.
 */
const OwnEntryNews = 60_000

/** A queue is crowded from this many changes on, about what a message holds. */
const Crowd = 50

/** A crowded queue is crowded until no more than this many changes wait. */
const Remnant = 5

/** A member is asked to prove its address at most once in this time, in ms. */
const ProofPause = 1000

/** A PING with two entries of IPv6. */
const LongestPing = 96

/** Bytes of a datagram that every path carries: 576 are what every IPv4 host takes (RFC 791), less the headers of IP and UDP. */
const ShortDatagram = 548

/** While a queue is crowded, a change that was heard this often is not passed on any more. */
const HearingsEnough = 4

/** Whether so many changes wait that hearing one counts as passing it on. */
class Crowding {
  #crowded = false
  readonly #queue: ChangeQueue

  constructor(queue: ChangeQueue) {
    this.#queue = queue
  }

  isCrowded(): boolean {
    const { size } = this.#queue
    this.#crowded = size > (this.#crowded ? Remnant : Crowd)
    return this.#crowded
  }
}

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
    /** Accusations that wait to be passed on to members of extension level 1. */
    readonly accusations: AccusationQueue
    /** Tags that wait to be passed on to members of extension level 1, by slot. */
    readonly tags: ChangeQueue
    /** Events and queries that wait to be passed on to members of extension level 1. */
    readonly broadcasts: BroadcastQueue
    /** Adds a listener that is called when something is queued while nothing else of its kind waits. */
    readonly onNews: (listener: () => void) => void
    /** Whether anything waits to be passed on, and there may be somebody who reads it. */
    readonly hasNews: () => boolean
    /**
     * Whether a member is spoken to in the form of extension level 1: its newest message says that it reads that, and the
     * last probe of it did not fail. After a failed probe it may have been replaced by a node that reads version 1 only.
     */
    readonly speaksLevel1: (slot: number) => boolean
    /** Notes that a probe of a member failed, or with `false` that it answered. */
    readonly probeFailed: (slot: number, failed: boolean) => void
    /** Whether more changes wait than one message holds. */
    readonly isCrowded: () => boolean
    /**
     * Takes a message that was merged. A waiting change that others pass on too is nearly known, so while more wait than a
     * message holds, it is sent less often.
     */
    readonly heard: (inbound: Inbound) => void
    /** Takes an answer to our request for the table: the others know what it holds, so it is not passed on. */
    readonly alreadyKnown: (inbound: Inbound) => void
    /** The table that we wait for as a newcomer. Until it has come, members that we hear of are not passed on. */
    readonly expectedTable: ExpectedTable
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
     * Sends a PING to a member. With `tell` it carries what we hold about the member. `sequence` names the probe; returns
     * whether the PING carries it, which one of version 1 does not. With `received`, the PING follows from that message: if
     * it goes to the source of the message, and that is unproved, it counts on the reply budget, and is not sent when the
     * budget is used up.
     */
    readonly ping: (slot: number, tell: boolean, sequence: number, now: number, received?: Received) => boolean
    /** Asks a relay to PING a member, and to say within `waitMs` if there is no answer. One of version 1 only PINGs. */
    readonly askRelay: (relay: number, target: number, sequence: number, waitMs: number) => void
    /** Whether changes, accusations, tags or events wait that are news to a member. */
    readonly hasNewsFor: (slot: number) => boolean
    /** Sends the changes, accusations, tags and events that wait to a member. */
    readonly gossip: (slot: number) => void
    /** Acknowledges a message. With `tell` the ACK carries what we hold about the sender. */
    readonly acknowledge: (received: Received, tell: boolean) => void
    /** Sends a message to a member once from a connected socket, which learns whether the member's host refuses. */
    readonly probePort: (slot: number, message: Uint8Array, timeout: Duration.Duration) => Effect.Effect<PortReply>
    /** Tells a node the claim that a slot holds. */
    readonly tell: (slot: number, received: Received) => void
    /**
     * Sends a PING with nothing but our own entry, so that the ACK proves the member's address, unless it was just sent one.
     * To a suspect it carries the suspect's entry too. The budget as for `ping`.
     */
    readonly prove: (slot: number, now: number, received?: Received) => void
    /**
     * Sends a PING with a claim to the address in the claim. `answered`: whether the address has answered us before the
     * member was forgotten.
     */
    readonly pingWithClaim: (claim: MemberClaim, now: number, answered?: boolean) => void
    /** Whether a member's address never answered us. It may be forged, so little is sent there. */
    readonly isUnproved: (slot: number) => boolean
    /**
     * Whether a probe of a member says something about it. It does not if the member may be invented and would be sent no
     * PING: we know of it by hearsay only, and it is for others to send it one.
     */
    readonly mayProbe: (slot: number, now: number) => boolean
    /** PINGs to unproved addresses that were not sent, because a host that may not belong to the cluster had got enough. */
    readonly withheld: () => number
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
    const { extensions, gossip, network } = yield* CurrentConfig
    const view = yield* LocalView
    const transport = yield* Transport
    const { now, random } = yield* NodeClock
    const { table } = view
    const newsListeners: Array<() => void> = []
    const notifyNews = (): void => {
      for (const listener of newsListeners) listener()
    }
    const queue = new ChangeQueue(notifyNews)
    const accusations = new AccusationQueue(notifyNews)
    const tags = new ChangeQueue(notifyNews)
    const broadcasts = new BroadcastQueue(notifyNews)
    if (table.tags[SelfSlot] !== undefined) tags.add(SelfSlot, true)
    /** When our own entry last changed, in ms. */
    let ownChangedAt = now()
    const isOwnEntryNews = (): boolean => queue.has(SelfSlot) || now() - ownChangedAt < OwnEntryNews
    const needsOwnEntry = (slot: number): boolean => {
      if (!extensions.smallProbes || slot < 0 || table.has(slot, Mark.WantsOwnEntry)) return true
      // Who has not learned that we leave may have lost our LEAVE.
      if (view.leaving) return true
      return !table.has(slot, Mark.HasOwnEntry) && isOwnEntryNews()
    }
    const seal = network.encryption === "off" ? 0 : Overhead
    const packer = new MessagePacker(
      table,
      { changes: queue, accusations, tags, broadcasts },
      {
        ...gossip,
        level: extensions.level1 ? 1 : 0,
        // A sealed message has none, since the name is in its key.
        salt: network.encryption === "off" ? clusterSalt(network.cluster) : 0,
        maxMessage: Math.min(MaxMessage, network.maxDatagram - seal),
        shortMessage: ShortDatagram - seal,
        needsOwnEntry
      },
      { now, random }
    )
    const isCrowded = (): boolean => queue.size > Crowd
    const crowdOfChanges = new Crowding(queue)
    const crowdOfTags = new Crowding(tags)
    const cursor = new EntryCursor()
    /** Calls `visit` for the slot of each entry of a message whose claim is one that waits to be passed on. */
    const visitQueued = ({ bytes, entriesEnd, entriesStart }: Inbound, visit: (slot: number) => void): void => {
      for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
        cursor.read(bytes, at)
        const slot = table.index.get(cursor.idHi, cursor.idLo)
        if (slot <= SelfSlot || !queue.has(slot)) continue
        if (table.incarnation(slot) === cursor.incarnation && table.status(slot) === cursor.status) visit(slot)
      }
    }

    const tagsCursor = new MemberTagsCursor()
    /** Calls `visit` for the slot of each member whose tags in a message are those that wait to be passed on. */
    const visitQueuedTags = ({ bytes, sections }: Inbound, visit: (slot: number) => void): void => {
      const end = sections.endOf(SectionType.Tags)
      for (let at = sections.startOf(SectionType.Tags); at < end; at = tagsCursor.next) {
        tagsCursor.read(bytes, at)
        const slot = table.index.get(tagsCursor.idHi, tagsCursor.idLo)
        const held = slot > SelfSlot && tags.has(slot) ? table.tags[slot] : undefined
        if (held?.incarnation === tagsCursor.incarnation && held.version === tagsCursor.version) visit(slot)
      }
    }

    const speaksLevel1 = (slot: number): boolean =>
      extensions.level1 && slot > SelfSlot && table.level(slot) > 0 && !table.has(slot, Mark.ProbeFailed)

    const expectedTable = new ExpectedTable()
    /** Until when we are joining, in ms: what we are told until then is the table that we asked for. */
    let joiningUntil = Infinity
    const vouch = (slot: number, at: number): void => {
      if (joiningUntil === Infinity) joiningUntil = at + JoiningTime
      if (at < joiningUntil) table.mark(slot, Mark.Vouched)
    }
    const joined = (slot: number): void => {
      if (table.tags[slot] !== undefined) tags.add(slot, true)
      // A newcomer gets the tags of all others with the table, but where there are no others it gets no table.
      if (table.live <= 2) tags.add(SelfSlot, true)
    }

    view.observe({
      proved: (slot) => strangerPings.answered(table.addressBytes(slot), table.addressAt(slot)),
      transition: ({ kind, now: at, previousIncarnation, slot }) => {
        if (kind === "Joined") vouch(slot, at)
        if (kind === "Joined" && expectedTable.isComing(at)) return
        // An accusation is of one incarnation and of a member that lives.
        if (table.status(slot) === Claim.Dead || previousIncarnation !== table.incarnation(slot))
          accusations.remove(slot)
        if (table.status(slot) === Claim.Dead) tags.remove(slot)
        else if (kind === "Joined") joined(slot)
        // Others cannot use an address that is only where the member spoke from. Its own entry follows.
        if (table.has(slot, Mark.Provisional)) return
        queue.add(slot, kind !== "Updated" || previousIncarnation !== table.incarnation(slot))
      },
      tagsChanged: ({ now: at, slot }) => {
        if (slot === SelfSlot || !expectedTable.isComing(at)) tags.add(slot, true)
      },
      forgotten: (slot) => {
        queue.remove(slot)
        tags.remove(slot)
        accusations.remove(slot)
      },
      selfChanged: (_, at) => {
        ownChangedAt = at
        for (let slot = SelfSlot + 1; slot < table.top; slot++) table.unmark(slot, Mark.OwnEntrySent | Mark.HasOwnEntry)
        queue.add(SelfSlot, true)
      }
    })

    /** Whether we do not know what a member reads, because it has not spoken to us in its present incarnation. */
    const isUnheard = (slot: number): boolean =>
      !table.has(slot, Mark.Heard) || table.heardIncarnation(slot) !== table.incarnation(slot)
    const getsBothForms = (slot: number): boolean => transport.sendsBothForms && isUnheard(slot)

    /** Sealed first: a receiver that requires seals then knows us when it drops the plain datagram. */
    const sendBoth = (message: Uint8Array, to: NetAddress.InetAddress): void => {
      transport.send(message, to, true)
      transport.send(message, to, false)
    }
    const routeOf = (slot: number): NetAddress.InetAddress =>
      (table.routes[slot] ??= transport.route(table.addressBytes(slot), table.addressAt(slot)))
    const send = (slot: number, message: Uint8Array): void => {
      const route = routeOf(slot)
      if (getsBothForms(slot)) sendBoth(message, route)
      else transport.send(message, route, table.has(slot, Mark.Sealed))
    }
    const sendTo = (address: Uint8Array, message: Uint8Array): void => {
      const route = transport.route(address, 0)
      if (transport.sendsBothForms) sendBoth(message, route)
      else transport.send(message, route, true)
    }

    /** Whether a member may read sections, though it has not said so: it was never heard, or it does not answer them. */
    const mayReadSections = (slot: number): boolean =>
      extensions.level1 && extensions.smallProbes && (!table.has(slot, Mark.Heard) || table.level(slot) > 0)
    const isUnproved = (slot: number): boolean => slot < 0 || !table.has(slot, Mark.AddressProved)

    /** Whether a PING may follow from a message to the source of the message. If that is unproved, it is part of the reply. */
    const mayReply = (slot: number, length: number, { budget, inbound }: Received): boolean => {
      if (!isUnproved(slot)) return true
      if (getsBothForms(slot)) return budget.take(2 * length + Overhead)
      return budget.take(length + (inbound.sealed || table.has(slot, Mark.Sealed) ? Overhead : 0))
    }
    /** Whether a member's message says that it is where we hold it to be. */
    const saysItsAddress = (sender: number, { bytes, entriesEnd, entriesStart }: Inbound): boolean => {
      for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
        cursor.read(bytes, at)
        if (table.index.get(cursor.idHi, cursor.idLo) === sender)
          return table.sameAddress(sender, bytes, cursor.addressAt)
      }
      return false
    }
    const strangerPings = new StrangerPings(() => table.live - 1 - table.strangers, random)
    /** Whether the address of a member is another's too, which has answered there. */
    const isAtProvedAddress = (slot: number): boolean =>
      table.has(slot, Mark.Shadowed) && !isUnproved(table.liveAt(table.addressBytes(slot), table.addressAt(slot)))
    const strangerPing = (slot: number, length: number): StrangerPing => ({
      address: table.addressBytes(slot),
      at: table.addressAt(slot),
      bytes: getsBothForms(slot) ? 2 * length + Overhead : length,
      hearsay: !table.has(slot, Mark.Vouched) && !isAtProvedAddress(slot),
      since: table.since(slot)
    })
    const sendPing = (slot: number, ping: Uint8Array, at: number, received?: Received): void => {
      const replies = received !== undefined && table.sameAddress(slot, received.inbound.source, 0)
      if (replies) {
        if (!mayReply(slot, ping.length, received)) return
        if (table.isStranger(slot)) strangerPings.replied(table.addressBytes(slot), table.addressAt(slot), at)
      } else if (table.isStranger(slot) && !strangerPings.take(strangerPing(slot, ping.length), at)) return
      table.setPinged(slot, at)
      send(slot, ping)
    }
    const reply = ({ budget, datagram, inbound }: Received, build: (limit: number) => Uint8Array): void => {
      if (budget.limit < HeaderLength) return
      const message = build(budget.limit)
      budget.spend(message.length)
      transport.send(message, datagram, inbound.sealed)
    }
    /** Whether the sender of a message reads sections: it sent some, or its header says so. */
    const readsSections = ({ inbound, sender }: Received): boolean =>
      extensions.level1 && (inbound.header.sectioned || speaksLevel1(sender))

    const hasNewsFor = (slot: number): boolean => {
      // Members of version 1 get no accusations, tags and events, and nobody gets its own.
      const extended = accusations.size > 0 || broadcasts.size > 0 || tags.size > (tags.has(slot) ? 1 : 0)
      if (extended && speaksLevel1(slot)) return true
      return queue.size > (queue.has(slot) && knowsItself(table, slot) ? 1 : 0)
    }

    const acknowledge = (received: Received, tell: boolean): void => {
      const { inbound, sender } = received
      if (!readsSections(received)) return reply(received, (limit) => packer.ack(sender, tell, limit))
      const sequence = inbound.sections.sequenceIfAny
      // Tags can wait until there is no news, for which an ACK that asks has no room. A leaver says that it leaves.
      const asks =
        lacksEntry(table, sender, inbound, cursor) || (!view.leaving && lacksTags(table, sender) && !hasNewsFor(sender))
      reply(received, (limit) => packer.ackProbe(sender, tell, limit, sequence, asks))
    }
    /** Who speaks to us needs our news, which its address gets once it has answered us. */
    const proveSender = (received: Received): void => {
      const { inbound, now: at, sender } = received
      if (inbound.header.kind !== Kind.Ping || sender <= SelfSlot || view.leaving || !table.isLive(sender)) return
      if (!table.isStranger(sender) || !table.sameAddress(sender, inbound.source, 0)) return
      if (at - table.pinged(sender) > ProofPause) sendPing(sender, packer.contact(), at, received)
    }

    return Outbox.of({
      queue,
      isCrowded,
      heard: (inbound) => {
        const limit = packer.retransmitLimit
        const weight = Math.ceil(limit / HearingsEnough)
        if (crowdOfChanges.isCrowded()) visitQueued(inbound, (slot) => queue.countSent(slot, limit, weight))
        if (crowdOfTags.isCrowded()) visitQueuedTags(inbound, (slot) => tags.countSent(slot, limit, weight))
      },
      alreadyKnown: (inbound) => {
        visitQueued(inbound, (slot) => queue.remove(slot))
        visitQueuedTags(inbound, (slot) => tags.remove(slot))
      },
      expectedTable,
      packer,
      send,
      sendTo,
      sendBack: ({ datagram, sealed }, message) => transport.send(message, datagram, sealed),
      startBudget: ({ budget, inbound, now: at, sender }) => {
        const { bytes, header, sealed, source } = inbound
        const isHome = sender >= 0 && table.sameAddress(sender, source, 0)
        budget.start(bytes.length, sealed, isHome && !isUnproved(sender))
        if (sender <= SelfSlot || !table.isStranger(sender)) return
        // A reply to where the message came from is bounded by the reply budget.
        const isReplied = header.kind === Kind.Ping || inbound.has(RequestAck)
        if (isHome ? isReplied : !saysItsAddress(sender, inbound)) return
        strangerPings.spoke(table.addressBytes(sender), table.addressAt(sender), bytes.length, at)
      },
      reply,
      accusations,
      tags,
      broadcasts,
      onNews: (listener) => {
        newsListeners.push(listener)
      },
      hasNews: () =>
        queue.size > 0 ||
        accusations.size > 0 ||
        ((tags.size > 0 || broadcasts.size > 0) && table.aliveExtended.length + table.strangers > 0),
      speaksLevel1,
      probeFailed: (slot, failed) => {
        if (failed) table.mark(slot, Mark.ProbeFailed)
        else table.unmark(slot, Mark.ProbeFailed)
      },
      ping: (slot, tell, sequence, at, received) => {
        const sectioned = speaksLevel1(slot)
        // One of two members at an address has not answered there in a way that nobody can forge.
        const changes = !isUnproved(slot) && !table.has(slot, Mark.Shadowed)
        const ping = sectioned
          ? packer.probe(slot, tell, sequence, changes)
          : packer.ping(slot, tell, changes, !mayReadSections(slot))
        sendPing(slot, ping, at, received)
        return sectioned
      },
      askRelay: (relay, target, sequence, waitMs) => {
        const sectioned = speaksLevel1(relay)
        send(relay, sectioned ? packer.probeRequest(relay, target, sequence, waitMs) : packer.pingReq(target))
      },
      probePort: (slot, message, timeout) =>
        Effect.suspend(() => transport.probePort(message, routeOf(slot), table.has(slot, Mark.Sealed), timeout)),
      hasNewsFor,
      gossip: (slot) => send(slot, speaksLevel1(slot) ? packer.gossipSections(slot) : packer.gossip(slot)),
      acknowledge: (received, tell) => {
        acknowledge(received, tell)
        proveSender(received)
      },
      tell: (slot, received) => {
        const sectioned = readsSections(received)
        reply(received, (limit) => (sectioned ? packer.tellSections(slot, limit) : packer.tell(slot, limit)))
      },
      prove: (slot, at, received) => {
        if (at - table.pinged(slot) <= ProofPause) return
        sendPing(slot, packer.ping(slot, table.status(slot) !== Claim.Alive, false, false), at, received)
      },
      pingWithClaim: (claim, now, answered = false) => {
        const slot = table.index.get(claim.idHi, claim.idLo)
        // Whether a forgotten member proved its address is not known any more, so it gets no changes either.
        const ping = packer.pingWithClaim(claim, !isUnproved(slot))
        const stranger = slot > SelfSlot ? table.isStranger(slot) : table.wary && !answered
        if (stranger) {
          const bytes = transport.sendsBothForms ? 2 * ping.length + Overhead : ping.length
          const hearsay = slot <= SelfSlot || strangerPing(slot, ping.length).hearsay
          if (!strangerPings.take({ address: claim.address, at: 0, bytes, hearsay, since: now }, now)) return
        }
        if (slot > SelfSlot) table.setPinged(slot, now)
        sendTo(claim.address, ping)
      },
      isUnproved,
      mayProbe: (slot, at) => !table.isStranger(slot) || strangerPings.mayProbe(strangerPing(slot, LongestPing), at),
      withheld: () => strangerPings.withheld
    })
  })
)
