/** Finding the cluster: bootstrap peers, the introduction to the first member that answers, and healing. */
import { Context, Duration, Effect, Layer, Result } from "effect"
import type { Dns } from "effect/net"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import { LocalView } from "../membership/LocalView.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { claimOf, Outbox } from "../outbox/Outbox.ts"
import type { Received, ReplyPath } from "../outbox/Received.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Kind } from "../wire/Header.ts"
import { BootstrapPeers } from "./BootstrapPeers.ts"
import { HealList } from "./HealList.ts"
import * as Lookups from "./Lookups.ts"

/** For a revived member of level 0, our own incarnation rises at most once in this time, in ms. */
const RaiseInterval = 5000

/** How often a newcomer asks for the table, and the wait between two requests, in ms. */
const Introductions = 3
const IntroductionInterval = 1000

export interface JoinCounters {
  healsTried: number
  /** Lookups of peers that are given by name, and those that found no address to contact. */
  lookups: number
  lookupsFailed: number
}

export class Join extends Context.Service<
  Join,
  {
    readonly counters: JoinCounters
    readonly healList: HealList
    readonly peers: BootstrapPeers
    /** A message was merged: it may be the answer of a peer, or the table that we asked for. */
    readonly received: (received: Received) => void
    /** A member left of its own will; nobody tries to heal it back. */
    readonly left: (slot: number) => void
    /** Stops contacts and healing: we are leaving. */
    readonly stop: () => void
  }
>()("effect-gossip/join/Join") {}

export const layer: Layer.Layer<Join, never, CurrentConfig | Dns.Dns | LocalView | Outbox | NodeClock> = Layer.effect(
  Join,
  Effect.gen(function* () {
    const { gossip, network } = yield* CurrentConfig
    const view = yield* LocalView
    const { packer, ...outbox } = yield* Outbox
    const { alarm, every, now: readClock, random } = yield* NodeClock
    const { table } = view

    const counters: JoinCounters = { healsTried: 0, lookups: 0, lookupsFailed: 0 }
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

    return Join.of({
      counters,
      healList,
      peers,
      received: (received) => {
        const { findings, inbound } = received
        const { sender } = findings
        const { idHi, idLo } = inbound.header
        if (peers.waiting > 0) {
          if (sender === -1 && view.isSelf(idHi, idLo)) peers.foundSelf(inbound.source)
          else if (peers.answered(inbound.source, idHi, idLo)) peerAnswered(received)
        }
        if (sender >= 0 && inbound.header.kind === Kind.AntiEntropy) {
          introduced = true
          seed = undefined
        }
      },
      left: (slot) => healList.remove(view.idOf(slot)),
      stop: () => {
        stopped = true
      }
    })
  })
)
