/**
 * Failure detection by the SWIM protocol: probes, direct and through relays, and
 * suspicions that end in death unless the suspect refutes them. Local health, the
 * awareness of pauses, and accusations that shorten a suspicion are Lifeguard's
 * (arXiv 1707.00788). Second opinions, proof and damping are this project's own
 * (docs/PROTOCOL.md, 3).
 *
 * This module connects `Prober`, `Relays`, `Suspicions` and `DeathChecks`, which are
 * plain code, to the clock, the view and the outbox.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { MemberCause } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import { Hash64 } from "../domain/Hash64.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark, SelfSlot } from "../membership/MemberTable.ts"
import { claimOf, type MemberClaim } from "../outbox/MemberClaim.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { Activity } from "../time/Activity.ts"
import { DeadlineQueue } from "../time/DeadlineQueue.ts"
import { nextDeadline } from "../time/MonotonicTime.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { EntryCursor } from "../wire/Entry.ts"
import { HeaderLength, IndirectAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { evidences } from "../wire/SectionValues.ts"
import { type Accusation, AccusationCursor } from "../wire/sections/Accusation.ts"
import { SectionType } from "../wire/sections/Section.ts"
import type { Sections } from "../wire/sections/Sections.ts"
import { Evidence } from "./Accusers.ts"
import { Damping } from "./Damping.ts"
import { type CheckSteps, DeathChecks, type Manner } from "./DeathChecks.ts"
import * as PortProofs from "./PortProofs.ts"
import type { Probe } from "./Probe.ts"
import { type Finding, type ProbeCounters, Prober } from "./Prober.ts"
import { type RelayRequest, Relays } from "./Relays.ts"
import { Suspicions } from "./Suspicions.ts"
import { AloneFactor, jitterFraction, suspicionRange, suspicionRules } from "./SuspicionTiming.ts"
import { isWitness } from "./Witnesses.ts"

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
  /** Nacks that came from relays. */
  nacks: number
  /** Members that this node accused. */
  readonly accused: EvidenceCounters
  /** Accusations by others that were counted for a suspicion. */
  readonly accusations: EvidenceCounters
  /** Probes that gave a second opinion. */
  witnessed: number
  /** Suspicions that became short because enough accusers had evidence. */
  proofs: number
  /** Suspicions that last longer because of damping. */
  damped: number
}

/**
 * Accusations by what the accuser found beyond silence: that the host refuses, or that another node has the address.
 *
 * @category models
 * @since 0.2.0
 */
export type EvidenceCounters = Record<(typeof evidences)[number], number>

const count = (counters: EvidenceCounters, evidence: number): void => {
  const name = evidences[evidence]
  if (name !== undefined) counters[name]++
}

/** A relay sends its nack at the latest when this part of the time has passed that the requester waits. */
const LatestNack = 0.8

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
    readonly checks: { readonly size: number; readonly aboutAlive: number; readonly dropped: number }
    /** How many suspicions are running. */
    readonly suspicions: () => number
    /** Adds a listener that gets the time from PING to ACK, in ms, of each probe whose target acknowledged it itself. */
    readonly onRoundTrip: (listener: (ms: number) => void) => void
    /** Takes an ACK that was merged. */
    readonly ack: (received: Received) => void
    /** Takes the accusations of a message that was merged. */
    readonly accusations: (received: Received) => void
    /** Takes a PING_REQ that was merged. */
    readonly pingReq: (received: Received) => void
  }
>()("effect-gossip/failure-detector/FailureDetector") {}

/**
 * When a node begins its first round of probing, as a part of the probe interval after its start: a random part unless a
 * number is provided.
 *
 * **When to use**
 *
 * Provide a number in a test that depends on the time of each probe.
 *
 * **Details**
 *
 * Nodes that start at the same time, as those of one deployment do, would otherwise send all their probes at the same
 * times ever after, and a member could get many at once.
 *
 * @category references
 * @since 0.2.0
 */
export const FirstRound: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "effect-gossip/failure-detector/FailureDetector/FirstRound",
  { defaultValue: () => undefined }
)

/** How a node takes part in failure detection. */
interface Role {
  readonly probes: boolean
  /** Multiplies the time that a suspicion lasts. */
  readonly suspicionFactor: number
}

const make = (role: Role) =>
  Effect.gen(function* () {
    const { extensions, limits, probes } = yield* CurrentConfig
    const activity = yield* Activity
    const view = yield* LocalView
    const { packer, ...outbox } = yield* Outbox
    const { alarm, now: readClock, random, watch } = yield* NodeClock
    const { table } = view
    const firstRound = yield* FirstRound
    const interval = Duration.toMillis(probes.interval)
    const timeout = Duration.toMillis(probes.timeout)
    const rules = suspicionRules(probes, extensions)
    /** Whether accusations are told and counted. */
    const accuses = extensions.accusations && extensions.level1
    const counters: DetectorCounters = {
      pings: 0,
      pingReqs: 0,
      directTimeouts: 0,
      failures: 0,
      savedByRelay: 0,
      voided: 0,
      relayed: 0,
      nacks: 0,
      accused: { Silent: 0, Refused: 0, Replaced: 0 },
      accusations: { Silent: 0, Refused: 0, Replaced: 0 },
      witnessed: 0,
      proofs: 0,
      damped: 0
    }

    const prober = new Prober(
      {
        interval,
        timeout,
        indirectK: extensions.relays ? probes.indirectK : 0,
        earlyFailure: extensions.earlyFailure,
        localHealth: extensions.localHealth,
        memberlist: extensions.rules === "memberlist",
        isStranger: (slot) => table.isStranger(slot),
        mayProbe: outbox.mayProbe,
        strangersPrevail: () => 2 * table.strangers > table.live - 1,
        first: role.probes ? readClock() + interval * (firstRound ?? random()) : Infinity
      },
      {
        table,
        counters,
        random,
        actions: {
          ping: (target, sequence, now) =>
            outbox.ping(target, extensions.telling && table.status(target) === Claim.Suspect, sequence, now),
          askRelay: outbox.askRelay,
          lookForProof: ({ sequence, target }) =>
            proofs.look(target, sequence, ({ answer, evidence }) => {
              if (answer !== undefined) prober.answeredAgain(target, sequence)
              if (evidence === Evidence.Silent) return
              prober.proved(sequence, evidence, readClock())
              deadlines.reset()
            }),
          suspect: (probe, now) => suspect(probe, now)
        }
      }
    )
    const proofs = yield* PortProofs.make({
      enabled: extensions.proof && extensions.level1,
      expected: (slot) => prober.roundTrips.wait(slot, timeout)
    }).pipe(Scope.provide(activity))
    // A requester waits until its round ends, which is later if its own health is poor.
    const relays = new Relays(2 * interval, limits.relays)
    const proofTimeout = extensions.proof ? Duration.toMillis(probes.proofTimeout) * role.suspicionFactor : Infinity
    const suspicions = new Suspicions(proofTimeout)
    /** When a suspect is told again that we alone accuse it. */
    const reminders = new DeadlineQueue()
    const damping = new Damping()
    const hash = new Hash64()
    const checks = new DeathChecks()
    const checkSteps: CheckSteps = {
      // At the address that we hold: whoever forged the claim may have forged its address too.
      ping: ({ heartbeat, incarnation, slot }, now) =>
        challenge(slot, { ...claimOf(table, slot), incarnation, heartbeat }, now),
      believe: (claim, pings, now) => {
        const { by } = claim
        const cause: MemberCause = pings === 0 ? { _tag: "Claimed", by } : { _tag: "DeathConfirmed", by, pings }
        view.believeDeath(claim, cause, now)
      },
      declare: ({ lasted, slot }, now) =>
        view.declareDead(slot, { _tag: "SuspicionExpired", after: Duration.millis(lasted) }, now)
    }

    /** A suspect is told by one PING that it is said to be dead, unless it is proved that its process is gone. */
    const mannerForSuspect = (slot: number, proved = suspicions.isProved(slot)): Manner => ({
      pings: extensions.telling && extensions.rules === "own" && !proved ? 1 : 0,
      interval: prober.roundTrips.wait(slot, timeout)
    })

    /** Sends a member the claim that it is dead. A node with another id that claims its address is asked besides. */
    const challenge = (slot: number, claim: MemberClaim, now: number): void => {
      outbox.pingWithClaim(claim, now)
      const other = table.sharingAddress(slot)
      if (other >= 0 && role.probes) prober.witness(other, now, readClock())
    }

    /** A node that answers at its address is what runs there now: another member with that address is its former self. */
    const replaceFormer = (slot: number, now: number): void => {
      if (!role.probes || !table.spokeFromAddress(slot)) return
      const by = view.idOf(slot)
      for (let former = table.sharingAddress(slot); former >= 0; former = table.sharingAddress(slot)) {
        view.declareDead(former, { _tag: "Replaced", by }, now)
      }
    }

    // --- deadlines -------------------------------------------------------

    // A pause of this process moves suspicions and checks by the lateness of its timers, so while there are any, timers
    // are due often enough to measure that. Nothing else needs it, and an idle node sleeps from probe to probe.
    const watching = (): boolean => extensions.pauseAwareness && suspicions.size + checks.size > 0
    let watchAt = -Infinity
    const keepWatch = (now: number): void => {
      if (watchAt <= now) watchAt = nextDeadline(watchAt, now, watch.threshold)
    }

    const deadlines = yield* alarm("failure detection", {
      next: () =>
        Math.min(
          prober.next,
          suspicions.next,
          reminders.next,
          checks.next,
          relays.next,
          watching() ? watchAt : Infinity
        ),
      fire: (now) => {
        if (watching()) keepWatch(now)
        prober.due(now, readClock())
        suspicions.due(now, (slot, lasted, proved) => {
          const death = { slot, incarnation: table.incarnation(slot), heartbeat: table.heartbeat(slot) }
          checks.addAboutSuspect({ ...death, lasted }, mannerForSuspect(slot, proved), now)
        })
        remind(now)
        checks.due(now, checkSteps)
        relays.due(now, sendNack)
      }
    }).pipe(Scope.provide(activity))

    if (extensions.pauseAwareness) {
      watch.onPause((length, now) => {
        prober.resume(now)
        suspicions.shift(length)
        checks.shift(length)
      })
    }

    // --- suspicions --------------------------------------------------------

    /** Whether the members that understand accusations are enough to confirm a suspicion as far as that goes. */
    const canConfirm = (furtherNeeded: number): boolean =>
      accuses &&
      extensions.secondOpinions &&
      furtherNeeded > 1 &&
      Math.min(probes.witnesses, table.aliveExtended.length) > furtherNeeded

    const startSuspicion = (slot: number, now: number): void => {
      const { live } = table
      const fraction = jitterFraction(table.idHi(SelfSlot), table.idLo(SelfSlot), table.idHi(slot), table.idLo(slot))
      const factor = extensions.damping ? damping.factor(slot, now) : 1
      const { furtherNeeded, least, most } = suspicionRange(rules, live, factor)
      const begins = suspicions.start(
        {
          slot,
          incarnation: table.incarnation(slot),
          n: live,
          furtherNeeded,
          // A host that refuses may be the wrong one: a member at another address than it says refutes again and again.
          ...(factor > 1 ? { proofTimeout: Math.max(proofTimeout, Math.min(factor * proofTimeout, most)) } : {}),
          ...(canConfirm(furtherNeeded) ? { alone: most * AloneFactor * role.suspicionFactor } : {}),
          least: least * role.suspicionFactor,
          most: most * role.suspicionFactor,
          jitter: fraction * rules.jitter * role.suspicionFactor
        },
        now
      )
      keepWatch(now)
      if (begins && factor > 1) counters.damped++
      deadlines.reset()
    }

    /** Counts an accusation, passes it on if it helps, and gives a second opinion if this node is chosen to. */
    const accuse = (slot: number, accusation: Accusation, now: number): void => {
      const { accuserHi, accuserLo, evidence, incarnation } = accusation
      const wasProved = suspicions.isProved(slot)
      const result = suspicions.accuse(slot, incarnation, { idHi: accuserHi, idLo: accuserLo, evidence }, now)
      if (result === "Known") return
      count(view.isSelf(accuserHi, accuserLo) ? counters.accused : counters.accusations, evidence)
      if (!wasProved && suspicions.isProved(slot)) counters.proofs++
      deadlines.reset()
      if (result === "Counted") return
      outbox.accusations.add(slot, accusation)
      if (result !== "First" || !extensions.secondOpinions || !role.probes) return
      if (view.isSelf(accuserHi, accuserLo) || !isWitnessOf(slot, incarnation)) return
      if (!prober.witness(slot, now, readClock())) return
      counters.witnessed++
      deadlines.reset()
    }

    /** How many can be witnesses: invented members are none, and most strangers may be invented. */
    const possibleWitnesses = (suspect: number): number =>
      table.live - table.strangers + (table.isStranger(suspect) ? 1 : 0)

    const isWitnessOf = (slot: number, suspectIncarnation: number): boolean =>
      isWitness(
        {
          ownIdHi: table.idHi(SelfSlot),
          ownIdLo: table.idLo(SelfSlot),
          suspectIdHi: table.idHi(slot),
          suspectIdLo: table.idLo(slot),
          suspectIncarnation
        },
        probes.witnesses,
        possibleWitnesses(slot),
        hash
      )

    const accusationBy = (accuser: number, target: number, evidence: number): Accusation => ({
      targetHi: table.idHi(target),
      targetLo: table.idLo(target),
      incarnation: table.incarnation(target),
      accuserHi: table.idHi(accuser),
      accuserLo: table.idLo(accuser),
      evidence
    })

    /**
     * A suspicion that nobody else confirms may be due to our own link, and then the refutation may be lost on it too. So
     * the suspect is told again and again.
     */
    const remind = (now: number): void => {
      for (let slot = reminders.popDue(now); slot >= 0; slot = reminders.popDue(now)) {
        if (!suspicions.isUnconfirmed(slot)) continue
        outbox.ping(slot, true, prober.nextSequence(), now)
        reminders.set(slot, now + interval)
      }
    }

    /** A probe of ours failed. */
    const suspect = ({ evidence, relayEvidence, relays, target }: Probe, now: number): void => {
      outbox.probeFailed(target, true)
      const wasAlive = table.status(target) === Claim.Alive
      view.suspect(target, { _tag: "ProbeFailed", relays: relays.map((slot) => view.idOf(slot)) }, now)
      if (accuses) {
        accuse(target, accusationBy(SelfSlot, target, evidence), now)
        for (const found of relayEvidence) accuse(target, accusationBy(found.relay, target, found.evidence), now)
      }
      // A suspect that is alive refutes within a round trip.
      if (!wasAlive || !extensions.telling) return
      outbox.ping(target, true, prober.nextSequence(), now)
      if (accuses && extensions.rules === "own") {
        reminders.set(target, now + interval)
        deadlines.reset()
      }
    }

    const accusationCursor = new AccusationCursor()
    /** Takes the accusations of a message, whoever sent it. */
    const readAccusations = ({ inbound: { bytes, sections }, now }: Received): void => {
      const end = sections.endOf(SectionType.Accusations)
      for (let at = sections.startOf(SectionType.Accusations); at < end; at = accusationCursor.next) {
        accusationCursor.read(bytes, at)
        const { accuserHi, accuserLo, evidence, incarnation, targetHi, targetLo } = accusationCursor
        const slot = table.index.get(targetHi, targetLo)
        // An accuser that is not a live member here is invented, or says nothing that lasts.
        const accuser = table.index.get(accuserHi, accuserLo)
        if (evidence > Evidence.Replaced || accuser < 0 || accuser === slot) continue
        if (slot === SelfSlot) {
          const ours = SerialNumber.compare(incarnation, view.incarnation) >= 0
          if (ours) view.raiseIncarnation(incarnation, true, now)
          continue
        }
        if (accuser !== SelfSlot && !table.isLive(accuser)) continue
        if (slot < 0 || !table.isLive(slot) || table.incarnation(slot) !== incarnation) continue
        if (table.status(slot) === Claim.Alive) view.suspect(slot, { _tag: "Claimed", by: view.idOf(accuser) }, now)
        accuse(slot, { targetHi, targetLo, incarnation, accuserHi, accuserLo, evidence }, now)
      }
    }

    // --- changes of the view ---------------------------------------------

    view.observe({
      transition: ({ now, previousStatus, slot }) => {
        if (!table.isLive(slot)) {
          checks.cancel(slot)
          suspicions.clear(slot)
          prober.remove(slot)
          return
        }
        checks.refuted(slot, table.incarnation(slot))
        prober.add(slot)
        if (table.status(slot) === Claim.Alive && previousStatus !== Claim.Alive) {
          damping.refuted(slot, now, previousStatus === Claim.Dead)
        }
        if (table.status(slot) === Claim.Suspect) return startSuspicion(slot, now)
        suspicions.clear(slot)
        checks.cleared(slot)
      },
      forgotten: (slot) => {
        prober.forget(slot)
        relays.forget(slot)
        damping.forget(slot)
      },
      selfChanged: (refuted) => {
        if (refuted && role.probes) prober.health.worsen()
      },
      deathClaimed: (claim, now) => {
        const { slot } = claim
        if (table.status(slot) === Claim.Alive) checks.addAboutAlive(claim, now)
        else checks.addAboutSuspect(claim, mannerForSuspect(slot), now)
        keepWatch(now)
        deadlines.reset()
      }
    })

    // --- messages ----------------------------------------------------------

    const cursor = new EntryCursor()
    /** An ACK that a relay passes on: its first entry is made of the header of the target's own ACK. */
    const relayedAck = (relay: number, inbound: Inbound, now: number): void => {
      const { sections } = inbound
      if (sections.has(SectionType.Nack)) return nacked(relay, inbound, now)
      if (!prober.waiting || inbound.entriesStart >= inbound.entriesEnd) return
      cursor.read(inbound.bytes, inbound.entriesStart)
      const target = table.index.get(cursor.idHi, cursor.idLo)
      if (target < 0 || cursor.status !== Claim.Alive) return
      if (view.isOlderThanHeard(target, cursor.incarnation, cursor.heartbeat)) return
      prober.answeredThrough(relay, target, inbound.sections.sequenceIfAny)
      outbox.probeFailed(target, false)
    }

    /** A relay has no answer. The accusation that comes with that is the relay's own. */
    const nacked = (relay: number, { bytes, sections }: Inbound, now: number): void => {
      counters.nacks++
      prober.nacked(relay, sections.nackSequence, firstFinding(bytes, sections), now)
      deadlines.reset()
    }
    const firstFinding = (bytes: Uint8Array, sections: Sections): Finding | undefined => {
      const at = sections.startOf(SectionType.Accusations)
      if (at === sections.endOf(SectionType.Accusations)) return undefined
      accusationCursor.read(bytes, at)
      const { evidence, incarnation, targetHi, targetLo } = accusationCursor
      if (evidence === Evidence.Silent || evidence > Evidence.Replaced) return undefined
      return { target: table.index.get(targetHi, targetLo), incarnation, evidence }
    }

    /** How long a relay waits for the target before it looks for proof, so that its nack is in time, in ms. */
    const nackWait = (target: number, waitMs: number): number =>
      Math.max(0, Math.min(prober.roundTrips.wait(target, timeout), LatestNack * waitMs - proofs.duration(target)))
    /** Tells the sender of a PING_REQ that there is no answer, after a look whether the target's host refuses. */
    const sendNack = (request: RelayRequest): void =>
      proofs.look(request.target, request.ownSequence, ({ answer, evidence }) => {
        if (answer === undefined) nack(request, evidence)
        else passOn(request.target, request.sequenced ? request.ownSequence : undefined, answer, readClock())
      })
    const nack = ({ limit, path, sequence, target }: RelayRequest, evidence: number): void => {
      if (sequence === undefined || limit < HeaderLength) return
      const accusation = evidence === Evidence.Silent ? undefined : accusationBy(SelfSlot, target, evidence)
      outbox.sendBack(path, packer.nack(sequence, accusation, limit))
    }

    /** Passes an ACK of a target on to all whose requests it answers. Returns whether there are any. */
    const passOn = (target: number, sequence: number | undefined, ack: PortProofs.AckNumbers, now: number): boolean =>
      relays.answer(target, sequence, now, ({ limit, path, requester, sequence: asked }) => {
        counters.relayed++
        outbox.sendBack(
          path,
          asked === undefined
            ? packer.indirectAck(target, ack, limit)
            : packer.indirectAckProbe(target, ack, limit, requester, asked)
        )
      })

    const roundTripListeners: Array<(ms: number) => void> = []

    // Last, because the first round may be due at once, and then all that is above is used before this returns.
    deadlines.reset()
    return FailureDetector.of({
      counters,
      health: prober.health,
      relays,
      checks,
      suspicions: () => suspicions.size,
      onRoundTrip: (listener) => {
        roundTripListeners.push(listener)
      },
      accusations: readAccusations,
      ack: ({ findings, inbound, now }) => {
        const { replay, sender } = findings
        if (sender < 0 || replay) return
        if (inbound.has(IndirectAck)) return relayedAck(sender, inbound, now)
        const sequence = inbound.sections.sequenceIfAny
        const took = prober.answered(sender, now, sequence)
        if (took !== undefined) {
          table.setRoundTrip(sender, took)
          for (const listener of roundTripListeners) listener(took)
        } else if (sequence !== undefined) {
          const isAt = (target: number): boolean => table.sameAddress(target, inbound.source, 0)
          prober.answeredByAnother(sequence, isAt)
          relays.replaced(sequence, sender, isAt, (request) => nack(request, Evidence.Replaced))
        }
        const relayed = passOn(sender, sequence, inbound.header, now)
        // An ACK with a sequence proves an address only if the sequence is that of a PING of ours.
        if (sequence !== undefined && took === undefined && !relayed) return
        outbox.probeFailed(sender, false)
        const proved = view.prove(sender, now, sequence !== undefined)
        if (!table.has(sender, Mark.Shadowed)) return
        if (took !== undefined && (sequence !== undefined || inbound.sealed)) replaceFormer(sender, now)
        // Anybody can write such an ACK in the clear, so the answer to an unpredictable sequence decides.
        else if (proved && role.probes) prober.witness(sender, now, readClock())
      },
      pingReq: (received) => {
        const { budget, inbound, now, replyPath, sender } = received
        // Only members, and only at the address that they said: a relay must not be used to reach other hosts.
        const target = table.index.get(inbound.targetHi, inbound.targetLo)
        if (sender < 0 || target <= SelfSlot || !table.isPassedOn(target)) return
        const { sectioned } = inbound.header
        const ownSequence = prober.nextSequence()
        const request = {
          target,
          requester: sender,
          path: replyPath,
          limit: budget.limit,
          sequence: inbound.sections.sequenceIfAny,
          ownSequence,
          sequenced: outbox.speaksLevel1(target),
          nackAt: sectioned ? now + nackWait(target, inbound.sections.waitMs) : Infinity
        }
        if (!relays.add(request, now)) return
        outbox.ping(target, extensions.telling && table.status(target) !== Claim.Alive, ownSequence, now, received)
        deadlines.reset()
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
 *   AntiEntropy, ChangeFeed, Cluster, Events, FailureDetector, Gossip, Join, LocalView, Membership, Outbox,
 *   Queries, ReliableDelivery, Transport
 * } from "effect-gossip"
 * import { Layer } from "effect"
 *
 * // `Cluster.layerParts` without metrics, and with another failure detector.
 * const observer = Cluster.layerNode.pipe(
 *   Layer.provideMerge(
 *     Layer.mergeAll(
 *       FailureDetector.layerNone, Gossip.layer, Join.layer, AntiEntropy.layer, ReliableDelivery.layer, Events.layer,
 *       Queries.layer
 *     )
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
