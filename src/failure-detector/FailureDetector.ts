/**
 * Failure detection by the SWIM protocol: probes, direct and through relays, and
 * suspicions that end in death unless the suspect refutes them. Local health and the
 * awareness of pauses are Lifeguard's (arXiv 1707.00788).
 *
 * This module connects `Prober`, `Relays`, `Suspicions` and `DeathChecks`, which are
 * plain code, to the clock, the view and the outbox.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, Phase, SelfSlot } from "../membership/MemberTable.ts"
import { claimOf } from "../outbox/MemberClaim.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { Activity } from "../time/Activity.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { EntryCursor } from "../wire/Entry.ts"
import { IndirectAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { type CheckSteps, DeathChecks, Pings } from "./DeathChecks.ts"
import { type ProbeCounters, Prober } from "./Prober.ts"
import { Relays } from "./Relays.ts"
import { Suspicions } from "./Suspicions.ts"
import { jitterFraction, suspicionTimeout } from "./SuspicionTiming.ts"

export type { ProbeCounters } from "./Prober.ts"

/**
 * What a `FailureDetector` counts, from the start of the node.
 *
 * @category models
 * @since 0.2.0
 */
export interface DetectorCounters extends ProbeCounters {
  /** ACKs that were passed on to the sender of a PING_REQ. */
  relayed: number
}

/**
 * Finds out which members have failed.
 *
 * **Details**
 *
 * Each round, one member is sent a PING. If its ACK does not come in time, a few other members are asked to PING it and to
 * pass its ACK on, and if that fails too, the member becomes Suspect. A suspect that does not refute in time is declared
 * Dead. So is a suspect that others reported. A Dead claim about a member that is Alive here is believed only after the
 * member did not answer a few PINGs.
 *
 * All of it ends when the scope of `Activity` closes; from then on, a node only serves PING_REQs as a relay.
 *
 * @category services
 * @since 0.2.0
 */
export class FailureDetector extends Context.Service<
  FailureDetector,
  {
    readonly counters: DetectorCounters
    /** Lifeguard's local health: 0 is good, 8 the worst. A round of probing lasts `score + 1` probe intervals. */
    readonly health: { readonly score: number }
    /** PING_REQs that wait for the ACK of their target, and how many were refused because too many were waiting. */
    readonly relays: { readonly size: number; readonly refused: number }
    /** Dead claims that are being checked, and how many were dropped because too many were waiting. */
    readonly checks: { readonly size: number; readonly dropped: number }
    /** How many suspicions are running. */
    readonly suspicions: () => number
    /** Adds a listener that gets the time from PING to ACK, in ms, of each probe whose target acknowledged it itself. */
    readonly onRoundTrip: (listener: (ms: number) => void) => void
    /** Takes an ACK that was merged. */
    readonly ack: (received: Received) => void
    /** Takes a PING_REQ that was merged. */
    readonly pingReq: (received: Received) => void
  }
>()("effect-gossip/failure-detector/FailureDetector") {}

/** How a node takes part in failure detection. */
interface Role {
  readonly probes: boolean
  /** Multiplies the time that a suspicion lasts. */
  readonly suspicionFactor: number
}

const make = (role: Role) =>
  Effect.gen(function* () {
    const { limits, probes } = yield* CurrentConfig
    const activity = yield* Activity
    const view = yield* LocalView
    const { packer, ...outbox } = yield* Outbox
    const { alarm, now: readClock, random, watch } = yield* NodeClock
    const { table } = view
    const interval = Duration.toMillis(probes.interval)
    const timing = {
      timeout: Duration.toMillis(probes.suspectTimeout),
      multiplier: probes.suspectMultiplier,
      jitter: Duration.toMillis(probes.suspectJitter)
    }
    const counters: DetectorCounters = {
      pings: 0,
      pingReqs: 0,
      directTimeouts: 0,
      failures: 0,
      savedByRelay: 0,
      voided: 0,
      relayed: 0
    }

    const prober = new Prober(
      {
        interval,
        timeout: Duration.toMillis(probes.timeout),
        indirectK: probes.indirectK,
        first: role.probes ? readClock() + interval : Infinity
      },
      {
        table,
        counters,
        random,
        actions: {
          ping: (target, now) => outbox.ping(target, table.status[target] === Claim.Suspect, now),
          askRelay: (relay, target) => outbox.send(relay, packer.pingReq(target)),
          suspect: (target, relays, now) =>
            view.suspect(target, { _tag: "ProbeFailed", relays: relays.map((slot) => view.idOf(slot)) }, now)
        }
      }
    )
    // A requester waits until its round ends, which is later if its own health is poor.
    const relays = new Relays(2 * interval, limits.relays)
    const suspicions = new Suspicions()
    const checks = new DeathChecks()
    const checkSteps: CheckSteps = {
      // At the address that we hold: whoever forged the claim may have forged its address too.
      ping: ({ heartbeat, incarnation, slot }, now) =>
        outbox.pingWithClaim({ ...claimOf(table, slot), incarnation, heartbeat }, now),
      believe: (claim, now) => view.believeDeath(claim, { _tag: "DeathConfirmed", by: claim.by, pings: Pings }, now)
    }

    // --- deadlines -------------------------------------------------------

    const deadlines = yield* alarm("failure detection", {
      next: () => Math.min(prober.next, suspicions.next, checks.next),
      fire: (now) => {
        prober.due(now, readClock())
        suspicions.due(now, (slot, timeout) =>
          view.declareDead(slot, { _tag: "SuspicionExpired", after: Duration.millis(timeout) }, now)
        )
        checks.due(now, checkSteps)
      }
    }).pipe(Scope.provide(activity))
    deadlines.reset()

    watch.onPause((length, now) => {
      prober.resume(now)
      suspicions.shift(length)
      checks.shift(length)
    })

    // --- changes of the view ---------------------------------------------

    const startSuspicion = (slot: number, now: number): void => {
      const { idHi, idLo, incarnation } = table
      const jitter = jitterFraction(idHi[SelfSlot]!, idLo[SelfSlot]!, idHi[slot]!, idLo[slot]!) * timing.jitter
      const timeout = (suspicionTimeout(timing, table.live) + jitter) * role.suspicionFactor
      suspicions.start({ slot, incarnation: incarnation[slot]!, timeout }, now)
      deadlines.reset()
    }

    view.observe({
      transition: ({ now, slot }) => {
        if (!table.isLive(slot)) {
          checks.cancel(slot)
          suspicions.clear(slot)
          prober.remove(slot)
          return
        }
        checks.refuted(slot, table.incarnation[slot]!)
        prober.add(slot)
        if (table.status[slot] === Claim.Suspect) startSuspicion(slot, now)
        else suspicions.clear(slot)
      },
      forgotten: (slot) => {
        prober.forget(slot)
        relays.forget(slot)
      },
      selfChanged: (refuted) => {
        if (refuted && role.probes) prober.health.worsen()
      },
      deathClaimed: (claim, now) => {
        checks.add(claim, now)
        deadlines.reset()
      }
    })

    // --- messages ----------------------------------------------------------

    const cursor = new EntryCursor()
    /** An ACK that a relay passes on: its first entry is made of the header of the target's own ACK. */
    const relayedAck = (relay: number, inbound: Inbound): void => {
      if (!prober.waiting || inbound.entriesStart >= inbound.entriesEnd) return
      cursor.read(inbound.bytes, inbound.entriesStart)
      const target = table.index.get(cursor.idHi, cursor.idLo)
      if (target < 0 || cursor.status !== Claim.Alive) return
      if (!view.isOlderThanHeard(target, cursor.incarnation, cursor.heartbeat)) prober.answeredThrough(relay, target)
    }

    const roundTripListeners: Array<(ms: number) => void> = []

    return FailureDetector.of({
      counters,
      health: prober.health,
      relays,
      checks,
      suspicions: () => suspicions.size,
      onRoundTrip: (listener) => {
        roundTripListeners.push(listener)
      },
      ack: ({ findings, inbound, now }) => {
        const { replay, sender } = findings
        if (sender < 0 || replay) return
        view.prove(sender, now)
        if (inbound.has(IndirectAck)) return relayedAck(sender, inbound)
        const took = prober.answered(sender, now)
        if (took !== undefined) {
          table.rtt[sender] = took
          for (const listener of roundTripListeners) listener(took)
        }
        relays.answer(sender, now, (path, limit) => {
          counters.relayed++
          outbox.sendBack(path, packer.indirectAck(sender, inbound, limit))
        })
      },
      pingReq: (received) => {
        const { budget, inbound, now, replyPath, sender } = received
        // Only members, and only at the address that we hold: a relay must not be used to reach other hosts.
        const target = table.index.get(inbound.targetHi, inbound.targetLo)
        if (sender < 0 || target <= SelfSlot || table.phase[target] !== Phase.Member) return
        // An address that is only the source of a message is not passed on.
        if (table.has(target, Mark.Provisional)) return
        if (!relays.add({ target, requester: sender, path: replyPath, limit: budget.limit }, now)) return
        outbox.ping(target, table.status[target] !== Claim.Alive, now, received)
      }
    })
  })

/** What a failure detector needs. */
type Requirements = Activity | CurrentConfig | LocalView | NodeClock | Outbox

/**
 * The failure detector of an ordinary member, with the times of `probes` in the configuration.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<FailureDetector, never, Requirements> = Layer.effect(
  FailureDetector,
  make({ probes: true, suspicionFactor: 1 })
)

/**
 * The failure detector of an observer: a member that never probes and never accuses.
 *
 * **When to use**
 *
 * Use it for a node that wants to know the members but must not judge them, for example a monitor behind a bad link, whose
 * failed probes would say more about its link than about the members.
 *
 * **Details**
 *
 * The other members probe an observer as any other member, and it serves their PING_REQs as a relay, since a relay only
 * passes an ACK on. It also sends the PINGs that check a Dead claim about a member that it holds Alive: without them it
 * would have to believe or ignore every such claim.
 *
 * A suspicion that others reported expires here too, after twice the time that it may last at a member that probes. The
 * verdict of those members comes first, unless they are gone or the news is lost, and a suspect whose accusers have all
 * failed does not stay Suspect for ever. By then the suspect has had twice the time to refute.
 *
 * **Gotchas**
 *
 * A member that fails while only observers are left stays Alive in their view, since nobody probes it.
 *
 * @example
 * ```ts
 * import {
 *   AntiEntropy, ChangeFeed, Cluster, FailureDetector, Gossip, Join, LocalView, Membership, Outbox, ReliableDelivery,
 *   Transport
 * } from "effect-gossip"
 * import { Layer } from "effect"
 *
 * // `Cluster.layerParts` without metrics, and with another failure detector.
 * const observer = Cluster.layerNode.pipe(
 *   Layer.provideMerge(
 *     Layer.mergeAll(FailureDetector.layerNone, Gossip.layer, Join.layer, AntiEntropy.layer, ReliableDelivery.layer)
 *   ),
 *   Layer.provideMerge(Layer.mergeAll(Outbox.layer, Membership.layer)),
 *   Layer.provideMerge(ChangeFeed.layer),
 *   Layer.provideMerge(LocalView.layer),
 *   Layer.provideMerge(Transport.layer),
 *   Layer.provideMerge(Cluster.layerBase)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerNone: Layer.Layer<FailureDetector, never, Requirements> = Layer.effect(
  FailureDetector,
  make({ probes: false, suspicionFactor: 2 })
)
