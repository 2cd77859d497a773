/** Dissemination: rounds, telling a node about itself, finding the first members and those lost in a partition. */
import { Context, Duration, Effect, Layer, Result } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import { LocalView } from "../membership/LocalView.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Kind } from "../wire/Header.ts"
import type { Received, ReplyPath } from "../outbox/Received.ts"
import { BootstrapPeers } from "../join/BootstrapPeers.ts"
import { HealList } from "../join/HealList.ts"
import * as Lookups from "../join/Lookups.ts"
import { growth } from "../outbox/MessagePacker.ts"
import { claimOf, Outbox } from "../outbox/Outbox.ts"

/** A node is told its own entry by a GOSSIP at most once in this time, in ms. */
const TellInterval = 1000
/** For a revived member of level 0 our own incarnation rises at most once in this time, in ms. */
const RaiseInterval = 5000

/** How often a newcomer asks for the table, and the wait between, in ms. */
const Introductions = 3
const IntroductionInterval = 1000

export interface GossipCounters {
  rounds: number
  sent: number
  told: number
  healsTried: number
  /** Lookups of peers that are given by name, and those that gave nothing to contact. */
  lookups: number
  lookupsFailed: number
}

export class Gossip extends Context.Service<
  Gossip,
  {
    readonly counters: GossipCounters
    readonly healList: HealList
    readonly peers: BootstrapPeers
    /** After a message was merged: notes answering peers, and tells what is to be told unless an ACK will. */
    readonly received: (received: Received) => void
    /** A member left of its own will; nobody tries to heal it back. */
    readonly left: (slot: number) => void
    /** Stops rounds, contacts and healing: we are leaving. */
    readonly stop: () => void
  }
>()("effect-gossip/gossip/Gossip") {}

export const layer: Layer.Layer<Gossip, never, CurrentConfig | LocalView | Outbox | NodeClock> = Layer.effect(
  Gossip,
  Effect.gen(function* () {
    const { gossip, network } = yield* CurrentConfig
    const view = yield* LocalView
    const { packer, queue, ...outbox } = yield* Outbox
    const { alarm, every, now: readClock, random } = yield* NodeClock
    const { table } = view

    const counters: GossipCounters = { rounds: 0, sent: 0, told: 0, healsTried: 0, lookups: 0, lookupsFailed: 0 }
    const healList = new HealList(Duration.toMillis(gossip.healTimeout))
    const peers = new BootstrapPeers(network.peers, table.inetAddress(SelfSlot), readClock())
    let stopped = false
    let raisedAt = -Infinity

    view.observe({
      transition: ({ kind, now, previousStatus, slot }) => {
        // One that is back may have been dead for so long that its tombstone is gone, and only the heal list knows.
        const wasDead = previousStatus === Claim.Dead || healList.has(view.idOf(slot))
        if (kind === "Died") {
          healList.add(view.idOf(slot), claimOf(table, slot), now, !outbox.isUnproved(slot))
        } else if (kind === "Left" || table.isLive(slot)) healList.remove(view.idOf(slot))
        const revived = (kind === "Recovered" || kind === "Joined") && wasDead
        // A node of the older implementation may hold us dead and cannot say so well.
        if (!revived || table.level[slot] !== 0 || now - raisedAt < RaiseInterval || view.leaving) return
        raisedAt = now
        view.raiseIncarnation(view.incarnation, false, now)
      }
    })

    // --- rounds ------------------------------------------------------------

    const targets: Array<number> = []
    const round = (): void => {
      if (stopped || queue.size === 0) return
      counters.rounds++
      const count = gossip.adaptiveTargets ? gossip.maxSends * growth(table.live) : gossip.maxSends
      table.drawLive(count, random, targets)
      for (const slot of targets) {
        if (queue.size === 0) return
        outbox.send(slot, packer.gossip())
        counters.sent++
      }
    }
    const interval = Duration.toMillis(gossip.interval)
    yield* every("gossip", { first: interval, period: () => interval, tick: round })

    // --- joining -----------------------------------------------------------

    /** The first member that answered, which is asked for its table until some of one comes. */
    let seed: { readonly path: ReplyPath; asked: number; nextAt: number } | undefined
    let introduced = false

    /** Asks by a snapshot of our own, which lacks everybody. */
    const introduce = (now: number): void => {
      if (seed === undefined || seed.nextAt > now) return
      seed.asked++
      // A seed that knows nobody else has nothing to send, so it is not asked for ever.
      seed.nextAt = seed.asked < Introductions ? now + IntroductionInterval : Infinity
      for (const chunk of packer.introduction()) outbox.sendBack(seed.path, chunk)
    }

    const contact = (address: Uint8Array): void => outbox.sendTo(address, packer.contact())

    const lookUp = yield* Lookups.make((peer, result) => {
      const now = readClock()
      counters.lookups++
      if (Result.isFailure(result)) {
        counters.lookupsFailed++
        peers.notFound(peer, now)
      } else {
        const addresses = peers.found(peer, result.success, table, now)
        if (!stopped) for (const address of addresses) contact(address)
      }
      contacts.reset()
    })

    const contacts = yield* alarm("contacts", {
      next: () => (stopped ? Infinity : Math.min(peers.nextContact(), seed?.nextAt ?? Infinity)),
      fire: (now) => {
        peers.contactDue(now, contact)
        lookUp(peers.lookupsDue(now))
        introduce(now)
      }
    })
    contacts.reset()

    view.observe({
      transition: ({ now }) => {
        if (table.live > 1 || stopped) return
        peers.alone(now)
        contacts.reset()
      }
    })

    const peerAnswered = (received: Received): void => {
      if (introduced || seed !== undefined || stopped) return
      seed = { path: received.replyPath, asked: 0, nextAt: received.now }
      introduce(received.now)
      contacts.reset()
    }

    // --- healing -----------------------------------------------------------

    const taken = (claim: { readonly idHi: number; readonly idLo: number; readonly address: Uint8Array }): boolean => {
      if (table.sameAddress(SelfSlot, claim.address, 0)) return true
      const live = table.liveAt(claim.address, 0)
      return live >= 0 && (table.idHi[live] !== claim.idHi || table.idLo[live] !== claim.idLo)
    }
    const heal = (now: number): void => {
      if (stopped) return
      const absent = peers.absent(table)
      const names = peers.absentNames(table)
      const total = healList.size + absent.length + names.length
      if (total === 0) return
      counters.healsTried++
      const chosen = Math.floor(random() * total)
      const address = absent[chosen]
      if (address !== undefined) return contact(address)
      const name = names[chosen - absent.length]
      if (name !== undefined) {
        peers.lookUp(name)
        return lookUp([name])
      }
      const claim = healList.pick(random, now, taken)
      if (claim !== undefined) outbox.pingWithClaim(claim, now)
    }
    const healInterval = Duration.toMillis(gossip.healInterval)
    // Jittered by a quarter, so that the two sides of a healed partition do not all try at once.
    const jittered = () => healInterval * (0.75 + 0.5 * random())
    yield* every("healing", { first: jittered(), period: jittered, tick: heal })

    // --- telling -----------------------------------------------------------

    const tell = (slot: number, received: Received): void => {
      const { now } = received
      if (now - table.told[slot]! < TellInterval) return
      table.told[slot] = now
      counters.told++
      outbox.reply(received, (limit) => packer.tell(slot, limit))
    }

    return Gossip.of({
      counters,
      healList,
      peers,
      received: (received) => {
        const { acknowledged, findings, inbound } = received
        const { refused, sender, tellSender } = findings
        const { idHi, idLo } = inbound.header
        if (peers.waiting > 0) {
          if (sender === -1 && idHi === table.idHi[SelfSlot] && idLo === table.idLo[SelfSlot]) {
            peers.foundSelf(inbound.source)
          } else if (peers.answered(inbound.source, idHi, idLo)) peerAnswered(received)
        }
        if (sender >= 0 && inbound.header.kind === Kind.AntiEntropy) {
          introduced = true
          seed = undefined
        }
        if (tellSender && !acknowledged) tell(sender, received)
        for (const slot of refused) tell(slot, received)
      },
      left: (slot) => healList.remove(view.idOf(slot)),
      stop: () => {
        stopped = true
      }
    })
  })
)
