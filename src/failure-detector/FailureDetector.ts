/**
 * Failure detection: SWIM's probes with relays, local health and pause awareness
 * from Lifeguard, and the timers that make a suspect dead.
 */
import { Context, Duration, Effect, Layer } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import type { Received } from "../outbox/Received.ts"
import { claimOf, type MemberClaim } from "../outbox/MemberClaim.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { DeathClaim } from "../membership/ViewObserver.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, Phase, SelfSlot } from "../membership/MemberTable.ts"
import { DeadlineQueue } from "../time/DeadlineQueue.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { EntryCursor } from "../wire/Entry.ts"
import { IndirectAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { DeathChecks, Pings } from "./DeathChecks.ts"
import { LocalHealth } from "./LocalHealth.ts"
import { ProbeRing } from "./ProbeRing.ts"
import { Relays } from "./Relays.ts"
import { jitterFraction, suspicionTimeout } from "./SuspicionTiming.ts"

export interface DetectorCounters {
  pings: number
  pingReqs: number
  /** Probes whose target did not answer in time itself. */
  directTimeouts: number
  /** Probes that failed, directly and through relays. */
  failures: number
  /** Probes that a relay's ACK saved. */
  savedByRelay: number
  /** Probes that a pause of this process made void. */
  voided: number
  /** PING_REQs that we passed on. */
  relayed: number
}

/** The probe in flight. */
interface Probe {
  readonly target: number
  /** What is found out holds for this life of the target. */
  readonly incarnation: number
  readonly sentAt: number
  readonly relays: Array<number>
  acknowledged: boolean
}

interface Suspicion {
  readonly incarnation: number
  /** With jitter, in ms. */
  readonly timeout: number
}

export class FailureDetector extends Context.Service<
  FailureDetector,
  {
    readonly counters: DetectorCounters
    readonly health: LocalHealth
    readonly relays: Relays
    readonly checks: DeathChecks
    /** Suspicions that run. */
    readonly suspicions: () => number
    /** `listener` hears how long each probe that its target answered itself took, from PING to ACK, in ms. */
    readonly onRoundTrip: (listener: (ms: number) => void) => void
    /** An ACK was merged. */
    readonly ack: (received: Received) => void
    /** A PING_REQ was merged. */
    readonly pingReq: (received: Received) => void
    /** Stops probing and judging: we are leaving. PINGs are still answered. */
    readonly stop: () => void
  }
>()("effect-gossip/detector/FailureDetector") {}

export const layer: Layer.Layer<FailureDetector, never, CurrentConfig | LocalView | Outbox | NodeClock> = Layer.effect(
  FailureDetector,
  Effect.gen(function* () {
    const { limits, probes } = yield* CurrentConfig
    const view = yield* LocalView
    const { packer, ...outbox } = yield* Outbox
    const { alarm, every, now: readClock, random, watch } = yield* NodeClock
    const { table } = view
    const interval = Duration.toMillis(probes.interval)
    const timeout = Duration.toMillis(probes.timeout)
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
    const health = new LocalHealth()
    const ring = new ProbeRing(random)
    // A requester waits for the rest of its interval, longer when its own health is poor.
    const relays = new Relays(2 * interval, limits.relays)
    const checks = new DeathChecks()
    const suspicions = new Map<number, Suspicion>()
    const deadlines = new DeadlineQueue()
    const cursor = new EntryCursor()
    const roundTripListeners: Array<(ms: number) => void> = []
    let probe: Probe | undefined
    let stopped = false

    // --- suspicions ------------------------------------------------------

    const judge = (now: number): void => {
      if (stopped) return
      for (let slot = deadlines.popDue(now); slot >= 0; slot = deadlines.popDue(now)) {
        const after = Duration.millis(suspicions.get(slot)?.timeout ?? 0)
        view.declareDead(slot, { _tag: "SuspicionExpired", after }, now)
      }
      checks.due(now, (claim) => outbox.pingWithClaim(claimOfDeath(claim), now), believe(now))
    }

    /** With the address that we hold: who makes up a death may make up an address too. */
    const claimOfDeath = ({ heartbeat, incarnation, slot }: DeathClaim): MemberClaim => ({
      ...claimOf(table, slot),
      incarnation,
      heartbeat
    })

    const believe =
      (now: number) =>
      (claim: DeathClaim): void =>
        view.believeDeath(claim, { _tag: "DeathConfirmed", by: claim.by, pings: Pings }, now)

    const deadline = yield* alarm("suspicions", {
      next: () => (stopped ? Infinity : Math.min(deadlines.next, checks.next)),
      fire: judge
    })

    const clearSuspicion = (slot: number): void => {
      if (suspicions.delete(slot)) deadlines.delete(slot)
    }

    const startSuspicion = (slot: number, now: number): void => {
      const incarnation = table.incarnation[slot]!
      if (suspicions.get(slot)?.incarnation === incarnation) return
      const fraction = jitterFraction(
        table.idHi[SelfSlot]!,
        table.idLo[SelfSlot]!,
        table.idHi[slot]!,
        table.idLo[slot]!
      )
      const length = suspicionTimeout(timing, table.live) + fraction * timing.jitter
      suspicions.set(slot, { incarnation, timeout: length })
      deadlines.set(slot, now + length)
      deadline.reset()
    }

    view.observe({
      transition: ({ now, slot }) => {
        if (!table.isLive(slot)) {
          checks.cancel(slot)
          clearSuspicion(slot)
          ring.remove(slot)
          return
        }
        checks.refuted(slot, table.incarnation[slot]!)
        ring.add(slot)
        if (table.status[slot] === Claim.Suspect) startSuspicion(slot, now)
        else clearSuspicion(slot)
      },
      forgotten: (slot) => relays.forget(slot),
      selfChanged: (refuted) => {
        if (refuted) health.worsen()
      },
      deathClaimed: (claim, now) => {
        checks.add(claim, now)
        deadline.reset()
      }
    })

    watch.onPause((length) => {
      if (probe !== undefined) counters.voided++
      probe = undefined
      deadlines.shift(length)
      checks.shift(length)
    })

    // --- probes ----------------------------------------------------------

    const drawn: Array<number> = []
    /** Multiplies the times of the cycle that runs. */
    let scale = 1
    let awaitingAck = false

    const startProbe = (now: number): void => {
      const target = ring.next()
      probe = undefined
      if (target < 0) return
      // A tick may come a little before its time, and an answer as soon: so not `now`.
      const sentAt = readClock()
      probe = { target, incarnation: table.incarnation[target]!, sentAt, relays: [], acknowledged: false }
      counters.pings++
      outbox.ping(target, table.status[target] === Claim.Suspect, now)
    }

    const askRelays = (): void => {
      if (probe === undefined || probe.acknowledged || !table.isLive(probe.target)) return
      counters.directTimeouts++
      table.drawAlive(probes.indirectK, probe.target, random, drawn)
      for (const relay of drawn) {
        probe.relays.push(relay)
        counters.pingReqs++
        outbox.send(relay, packer.pingReq(probe.target))
      }
    }

    const concludeProbe = (now: number): void => {
      if (probe === undefined) return
      const { acknowledged, incarnation, relays, target } = probe
      probe = undefined
      if (acknowledged) return health.improve()
      // It died, left, refuted or restarted meanwhile: nothing that our probe could tell.
      if (!table.isLive(target) || table.incarnation[target] !== incarnation) return
      counters.failures++
      health.worsen()
      view.suspect(target, { _tag: "ProbeFailed", relays: relays.map((slot) => view.idOf(slot)) }, now)
    }

    yield* every("probe", {
      first: interval,
      // A cycle has two ticks: from the PING to the timeout, and on to the end of the interval.
      period: () => (awaitingAck ? timeout : interval - timeout) * scale,
      tick: (now) => {
        if (stopped) return
        if (awaitingAck) {
          awaitingAck = false
          return askRelays()
        }
        concludeProbe(now)
        scale = health.score + 1
        awaitingAck = true
        startProbe(now)
      }
    })

    // --- messages --------------------------------------------------------

    /** A relay's ACK: its first entry is the target's, from the header of the target's own ACK. */
    const relayedAck = (relay: number, inbound: Inbound): void => {
      if (probe === undefined || probe.acknowledged || !probe.relays.includes(relay)) return
      if (inbound.entriesStart >= inbound.entriesEnd) return
      cursor.read(inbound.bytes, inbound.entriesStart)
      const { target } = probe
      if (cursor.idHi !== table.idHi[target] || cursor.idLo !== table.idLo[target]) return
      if (cursor.status !== Claim.Alive) return
      if (view.isOlderThanHeard(target, cursor.incarnation, cursor.heartbeat)) return
      probe.acknowledged = true
      counters.savedByRelay++
    }

    return FailureDetector.of({
      counters,
      health,
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
        if (probe?.target === sender && !probe.acknowledged) {
          probe.acknowledged = true
          const took = now - probe.sentAt
          table.rtt[sender] = took
          for (const listener of roundTripListeners) listener(took)
        }
        relays.answer(sender, now, (path, limit) => {
          counters.relayed++
          outbox.sendBack(path, packer.indirectAck(sender, inbound, limit))
        })
      },
      pingReq: (received) => {
        const { budget, inbound, now, sender } = received
        // Only towards members that we know, at the address that we know: a relay is no port scanner.
        const target = table.index.get(inbound.targetHi, inbound.targetLo)
        if (sender < 0 || target <= SelfSlot || table.phase[target] !== Phase.Member) return
        // An address that is only where it spoke from is not passed on.
        if (table.has(target, Mark.Provisional)) return
        if (!relays.add(target, sender, received.replyPath, budget.limit, now)) return
        outbox.ping(target, table.status[target] !== Claim.Alive, now, received)
      },
      stop: () => {
        stopped = true
        probe = undefined
      }
    })
  })
)
