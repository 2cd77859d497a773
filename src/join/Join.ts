/**
 * Finding the cluster, and finding it again: bootstrap peers, name lookups, the
 * introduction to the first peer that answers, and healing after a partition.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, FiberSet, Layer, Option, Result, Scope } from "effect"
import { type Dns, NetAddress } from "effect/net"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import type * as Peer from "../domain/Peer.ts"
import { JoinState } from "../membership/JoinState.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, SelfSlot } from "../membership/MemberTable.ts"
import { claimOf, type MemberClaim } from "../outbox/MemberClaim.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { NodeState } from "../state/NodeState.ts"
import { Activity } from "../time/Activity.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"
import { EntryCursor } from "../wire/Entry.ts"
import { Kind } from "../wire/Header.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { Acquaintances, wasThereBefore } from "./Acquaintances.ts"
import * as AdvertisedName from "./AdvertisedName.ts"
import { BootstrapPeers } from "./BootstrapPeers.ts"
import { HealList } from "./HealList.ts"
import * as Healing from "./Healing.ts"
import { Introduction } from "./Introduction.ts"
import * as Lookups from "./Lookups.ts"
import * as PeerOptions from "./PeerOptions.ts"
import { Reachability } from "./Reachability.ts"
import { RememberedPeers } from "./RememberedPeers.ts"
import { SelfChecks } from "./SelfChecks.ts"

export { ContactError } from "./PeerOptions.ts"

const idOf = ({ idHi, idLo }: MemberClaim): NodeId.NodeId => NodeId.fromWords(idHi, idLo)

/** Time between two looks at the interfaces, where the address was chosen among them. */
const LookAtInterfaces = Duration.seconds(2)

/** Time between two lookups of the name that the node advertises. */
const LookUpOwnName = Duration.seconds(30)

/** A node that knows more members than this has joined, and asks no peer for the table any more. */
const EnoughMembers = 8

/** The next part of a table that is arriving comes in this time, in ms, or was lost. */
const PartsPause = 300

/** Members that a newcomer makes itself known to at once. */
const Greetings = 3

/** Because of members of level 0 that revive, our incarnation rises at most once in this time, in ms. */
const RaiseInterval = 5000

/**
 * What `Join` counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface JoinCounters {
  /** Attempts to reach a member that died or a peer where no member is alive. */
  healsTried: number
  /** Finished lookups of peers that are given by name. */
  lookups: number
  /** Lookups among them that found no address to contact. */
  lookupsFailed: number
}

/**
 * Contacts bootstrap peers until they answer, gets the member table from the first
 * that does, and reunites the cluster after a partition.
 *
 * **Details**
 *
 * A node has joined when a peer has answered or a member is known, and when there is
 * no peer but the node itself. `JoinState` tells others about it. All work ends when
 * the scope of `Activity` closes.
 *
 * @example
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Join } from "effect-gossip"
 *
 * // Peers that were found at run time, for example in the API of a cloud provider.
 * const program = Effect.gen(function* () {
 *   const join = yield* Join.Join
 *   yield* join.contact(["10.0.0.5:7946", "seed.example:7946"])
 * })
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Join extends Context.Service<
  Join,
  {
    readonly counters: JoinCounters
    /** Whether the others do not reach this node at the address that it advertises, and what to say about that. */
    readonly reachability: { readonly lost: boolean; readonly text: () => string }
    /** Members that died without leaving, and that healing tries to reach. */
    readonly healList: { readonly size: number; readonly has: (id: NodeId.NodeId) => boolean }
    /**
     * How many peers there are to join through, and how many of them have neither answered nor have a live member at one of
     * their addresses. `onlySelf`: there is no peer but the node itself, so that it has joined without an answer.
     */
    readonly peers: { readonly size: number; readonly waiting: number; readonly onlySelf: boolean }
    /**
     * Contacts peers, and goes on until they answer. Takes the same forms as the option `peers`: addresses, and names or
     * services, as text or as values. The first peer that answers is asked for its member table. A peer that is known
     * already is contacted again. Does not wait for answers.
     */
    readonly contact: (peers: ReadonlyArray<string | Peer.Peer>) => Effect.Effect<void, PeerOptions.ContactError>
    /** Takes a message that was merged: it may be the answer of a peer, or a part of the table that we asked for. */
    readonly received: (received: Received) => void
    /** Notes that a member left of its own will, so that healing does not try to reach it. */
    readonly left: (slot: number) => void
  }
>()("effect-gossip/join/Join") {}

/**
 * Joins through the peers of the configuration.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<
  Join,
  never,
  Activity | CurrentConfig | Dns.Dns | JoinState | LocalView | NodeClock | Outbox | Transport
> = Layer.effect(
  Join,
  Effect.gen(function* () {
    const config = yield* CurrentConfig
    const whileActive = Scope.provide(yield* Activity)
    const { markJoined } = yield* JoinState
    const view = yield* LocalView
    const { packer, ...outbox } = yield* Outbox
    const transport = yield* Transport
    const { alarm, every, fork, now: readClock, random } = yield* NodeClock
    const { table } = view
    const counters: JoinCounters = { healsTried: 0, lookups: 0, lookupsFailed: 0 }
    const healList = new HealList(Duration.toMillis(config.gossip.healTimeout))
    const peers = new BootstrapPeers(config.network.peers, table.inetAddress(SelfSlot), readClock())
    const kept = Option.getOrUndefined(yield* NodeState)
    const isUsable = Lookups.isUsable(config)
    const remembered = new RememberedPeers((kept?.members ?? []).filter(isUsable), readClock())
    const introduction = new Introduction(random)
    const selfChecks = new SelfChecks(random)

    const contactAddress = (address: Uint8Array): void => outbox.sendTo(address, packer.contact())

    /** A snapshot of our own that lacks every other member asks for the table. */
    const introductionTo = (slot: number) => packer.introduction(outbox.speaksLevel1(slot))
    const askMember = (slot: number): void => {
      for (const chunk of introductionTo(slot)) outbox.send(slot, chunk)
    }
    const introduce = (now: number): void => {
      const request = introduction.takeDue(now)
      if (request === undefined) return
      const { slot } = request
      if (request._tag === "Peer") for (const chunk of introductionTo(slot)) outbox.sendBack(request.path, chunk)
      else if (outbox.isUnproved(slot)) outbox.prove(slot, now)
      else askMember(slot)
    }

    const lookUp = yield* whileActive(
      Lookups.make((peer, outcome) => {
        const now = readClock()
        counters.lookups++
        if (Result.isSuccess(outcome)) peers.found(peer, outcome.success, table, now).forEach(contactAddress)
        else {
          counters.lookupsFailed++
          peers.notFound(peer, now)
        }
        if (peers.onlySelf) markJoined()
        contacts.reset()
      })
    )

    const contacts = yield* whileActive(
      alarm("contacts", {
        next: () => Math.min(peers.nextContact(), introduction.next, remembered.next),
        fire: (now) => {
          peers.meet(table)
          peers.contactDue(now, contactAddress)
          remembered.contactDue(now, table, contactAddress)
          lookUp(peers.lookupsDue(now))
          introduce(now)
        }
      })
    )
    if (peers.onlySelf) markJoined()
    contacts.reset()

    /** A message with our id came from the address of a peer, which is ours or was forged. */
    const noteSelf = (received: Received): void => {
      const { sections, source } = received.inbound
      if (!peers.isWaitingAt(source)) return
      // Without sections there is no PING that nobody can foresee.
      const proved =
        !config.extensions.level1 || (sections.has(SectionType.Probe) && selfChecks.proves(source, sections.sequence))
      if (!proved) return outbox.reply(received, () => packer.selfProbe(selfChecks.begin(source)))
      peers.foundSelf(source)
      if (peers.onlySelf) markJoined()
    }

    /** Whether it is the first answer of a peer whose datagrams come from another address than its own. */
    const answeredFromElsewhere = ({ inbound: { header, source }, sender }: Received): boolean =>
      sender > SelfSlot &&
      table.isLive(sender) &&
      !table.sameAddress(sender, source, 0) &&
      peers.answered(table.packedAddress(sender), header.idHi, header.idLo)

    const notePeer = (received: Received): void => {
      const { inbound, now, sender } = received
      const { idHi, idLo } = inbound.header
      if (sender === -1 && view.isSelf(idHi, idLo)) noteSelf(received)
      else if (
        peers.answered(inbound.source, idHi, idLo) ||
        answeredFromElsewhere(received) ||
        remembered.answered(inbound.source)
      ) {
        // We asked at this address ourselves, before we knew who is there. Its ACK proves the address.
        if (inbound.header.kind === Kind.Ack && sender > SelfSlot) table.setPinged(sender, now)
        markJoined()
        if (!introduction.isOpen) return
        introduction.peerAnswered(received.replyPath, sender, now)
        introduce(now)
        contacts.reset()
      }
    }

    let greeted = false
    const cursor = new EntryCursor()
    /**
     * The live members that a message names, if it names us too: then it answers our request. Nobody passes our own entry on
     * to us.
     */
    const helpersIn = ({ inbound: { bytes, entriesEnd, entriesStart }, sender }: Received): ReadonlyArray<number> => {
      const slots: Array<number> = []
      let named = false
      for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
        cursor.read(bytes, at)
        const slot = table.index.get(cursor.idHi, cursor.idLo)
        if (slot === SelfSlot) named = true
        else if (slot > SelfSlot && slot !== sender && table.isLive(slot)) slots.push(slot)
      }
      return named ? slots : []
    }
    /** Whether a chunk is another newcomer's request for our table: it names at most its sender. */
    const asksForTable = ({ bytes, entriesEnd, entriesStart, totalChunks }: Received["inbound"]): boolean => {
      if (totalChunks > 1) return false
      if (entriesStart < entriesEnd) cursor.read(bytes, entriesStart)
      return entriesStart >= entriesEnd || cursor.next >= entriesEnd
    }
    /** A GOSSIP in place of the table that we asked for names members that have it. Others bring us enough members. */
    const noteGossip = (received: Received): void => {
      const { inbound, now, sender } = received
      const until = introduction.isAsked(sender, now) ? introduction.sentOn(helpersIn(received), now) : undefined
      if (until === undefined) {
        if (table.live > EnoughMembers) introduction.end()
        return
      }
      outbox.expectedTable.expect(until)
      outbox.alreadyKnown(inbound)
      contacts.reset()
      // Two members know it by the time that it has the table.
      greeted = true
    }

    const members: Array<number> = []
    /** Makes the node known to some members of the table that it got, for the case that the peer fails now. */
    const greet = (received: Received): void => {
      if (greeted || !config.extensions.level1) return
      greeted = true
      table.drawLive(Greetings, random, members)
      for (const slot of members) outbox.prove(slot, received.now, received)
    }

    let raisedAt = -Infinity
    /** A member of level 0 that we held Dead may hold us Dead, and its messages cannot tell us that. */
    const raiseIncarnation = (now: number): void => {
      if (now - raisedAt < RaiseInterval || view.leaving) return
      raisedAt = now
      view.raiseIncarnation(view.incarnation, false, now)
    }

    const acquaintances = new Acquaintances()
    const isGreeted = (slot: number): boolean =>
      table.isLive(slot) &&
      table.isStranger(slot) &&
      wasThereBefore(table.tags[slot]?.startedAt, table.tags[SelfSlot]?.startedAt)
    const greeting = yield* whileActive(
      alarm("acquaintances", {
        next: () => acquaintances.next,
        fire: (now) => {
          const slot = acquaintances.takeDue(now, isGreeted)
          if (slot >= 0) outbox.prove(slot, now)
        }
      })
    )

    view.observe({
      proved: (slot, now) => {
        if (introduction.isAskedMember(slot, now)) askMember(slot)
      },
      transition: ({ kind, now, previousStatus, slot }) => {
        const id = view.idOf(slot)
        // A member may have been dead for so long that it is only on the heal list, and has no tombstone.
        const wasDead = previousStatus === Claim.Dead || healList.has(id)
        if (kind === "Joined" && healList.hasAnsweredAt(id, table.addressBytes(slot), table.addressAt(slot))) {
          table.mark(slot, Mark.Vouched)
        }
        if (kind === "Joined" && table.wary && table.has(slot, Mark.Vouched)) {
          acquaintances.add(slot, now)
          greeting.reset()
        }
        if (kind === "Died") healList.add(id, claimOf(table, slot), now, !outbox.isUnproved(slot))
        else if (kind === "Left" || table.isLive(slot)) healList.remove(id)
        const revived = (kind === "Recovered" || kind === "Joined") && wasDead
        if (revived && table.level(slot) === 0) raiseIncarnation(now)
        if (table.live > 1) return markJoined()
        peers.alone(now)
        contacts.reset()
      },
      // An operator knows that it does not come back.
      forgetAsked: (id) => {
        const slot = view.slotOf(id)
        if (slot < 0 || !table.isLive(slot)) healList.remove(id)
      },
      forgotten: (slot, by) => {
        if (by !== undefined) healList.remove(view.idOf(slot))
      }
    })

    // --- our own address -------------------------------------------------

    const reachability = new Reachability()
    const log = yield* FiberSet.makeRuntime<never>()
    const pings = (): number => transport.counters.received.datagrams[Kind.Ping] ?? 0
    const whereText = (): string =>
      `the other members do not reach this node at ${NetAddress.formatInet(table.inetAddress(SelfSlot))}, which it ` +
      "advertises: they suspect it again and again, and none of their PINGs arrives; correct `advertise`, or let UDP " +
      "through to that address"
    const warn = Effect.gen(function* () {
      const has = yield* transport.hasInterface(table.inetAddress(SelfSlot))
      yield* Effect.logWarning(has ? whereText() : `${whereText()}; no interface of this machine has it`)
    })
    const looks = yield* whileActive(
      alarm("own address", {
        next: () => reachability.next,
        fire: (now) => {
          switch (reachability.look(now, pings())) {
            case "Lost":
            case "StillLost":
              return void log(warn)
            case "Found":
              log(Effect.logInfo("the other members reach this node"))
          }
        }
      })
    )
    view.observe({
      selfChanged: (refuted, now) => {
        if (!refuted) return
        reachability.refuted(now, pings())
        looks.reset()
      }
    })

    const moveTo = (address: NetAddress.InetAddress): void => {
      peers.moved(address)
      view.moveTo(address, readClock())
      reachability.moved()
    }

    /** Takes the address that this machine has now, if that of the node is gone. */
    const follow = Effect.gen(function* () {
      const present = table.inetAddress(SelfSlot)
      const next = yield* transport.successor(present)
      if (next === undefined) return
      moveTo(next)
      yield* Effect.logWarning(
        `this machine no longer has the address ${NetAddress.formatInet(present)}; ` +
          `advertising ${NetAddress.formatInet(next)} from now on`
      )
    })
    const { advertise } = config.network
    if (advertise !== undefined && !NetAddress.isInetAddress(advertise)) {
      const followName = yield* AdvertisedName.make(advertise, (address) => moveTo(address))
      yield* followName
      yield* whileActive(
        fork("advertised name", Effect.forever(Effect.andThen(Effect.sleep(LookUpOwnName), followName)))
      )
    } else if (transport.advertisedFrom === "interface") {
      yield* whileActive(fork("interfaces", Effect.forever(Effect.andThen(Effect.sleep(LookAtInterfaces), follow))))
    }

    const healInterval = Duration.toMillis(config.gossip.healInterval)
    // Jittered by a quarter, so that the two sides of a healed partition do not all try at once.
    const jittered = () => healInterval * (0.75 + 0.5 * random())
    const heal = (now: number): void => {
      const attempt = Healing.choose({ healList, peers, table }, random, now)
      if (attempt === undefined) return
      counters.healsTried++
      switch (attempt._tag) {
        case "DeadMember":
          return outbox.pingWithClaim(
            attempt.claim,
            now,
            healList.hasAnsweredAt(idOf(attempt.claim), attempt.claim.address, 0)
          )
        case "PeerAddress":
          return contactAddress(attempt.address)
        case "PeerName":
          peers.lookUp(attempt.peer)
          return lookUp([attempt.peer])
      }
    }
    yield* whileActive(every("healing", { first: jittered(), period: jittered, tick: heal }))

    return Join.of({
      counters,
      reachability: {
        get lost() {
          return reachability.lost
        },
        text: whereText
      },
      healList,
      peers: {
        get size() {
          return peers.size
        },
        get waiting() {
          return peers.unmet(table)
        },
        get onlySelf() {
          return peers.onlySelf
        }
      },
      contact: (given) =>
        Effect.map(
          Effect.suspend(() => Effect.fromResult(PeerOptions.check(given, config, peers))),
          (added) => {
            peers.add(added, readClock())
            introduction.restart(table.live > 1)
            contacts.reset()
          }
        ),
      received: (received) => {
        if (peers.waiting > 0 || remembered.next < Infinity) notePeer(received)
        const { inbound, now, sender } = received
        if (sender < 0) return
        if (inbound.header.kind === Kind.Gossip) return noteGossip(received)
        if (inbound.header.kind !== Kind.AntiEntropy || !inbound.isChunk) return
        // It must not end the search for a member that sends us the table.
        if (outbox.expectedTable.isComing(now) && asksForTable(inbound)) return
        if (!introduction.tableArrived(sender, now)) return
        // `AntiEntropy` ends it when all parts are here.
        if (inbound.totalChunks > 1) outbox.expectedTable.expect(now + PartsPause)
        outbox.alreadyKnown(inbound)
        greet(received)
      },
      left: (slot) => healList.remove(view.idOf(slot))
    })
  })
)
