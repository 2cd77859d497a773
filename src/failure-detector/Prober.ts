/**
 * Probing, from the PING to the conclusion (SWIM, section 4.1; local health from
 * Lifeguard, arXiv 1707.00788, section IV.A; docs/PROTOCOL.md, 3.2).
 *
 * Each round one member is sent a PING. The probe waits for its ACK as long as the
 * measured round trip suggests, asks relays, waits for an ACK by either way, and
 * succeeds or fails. Methods stand in this order. Probes for second opinions run
 * beside the rounds.
 */
import type { MemberTable } from "../membership/MemberTable.ts"
import { Evidence } from "./Accusers.ts"
import { LocalHealth, MaxScore, MemberlistMaxScore } from "./LocalHealth.ts"
import type { Probe } from "./Probe.ts"
import { ProbeRing } from "./ProbeRing.ts"
import { ProbeRounds, type RoundOptions } from "./ProbeRounds.ts"
import { Probes } from "./Probes.ts"
import { RoundTrips } from "./RoundTrips.ts"
import { MaxWitnessProbes } from "./Witnesses.ts"

/** How members are probed. Times in ms. */
export interface ProberOptions extends RoundOptions {
  /** How many relays are asked. */
  readonly indirectK: number
  /** Whether relays are asked after the measured round trip, and a probe ends when all of them have no answer. */
  readonly earlyFailure: boolean
  /** Whether local health lengthens rounds and waits. */
  readonly localHealth: boolean
  /**
   * Whether a member may be invented. At most every second probe is of such a member, and its failure says nothing about
   * this node.
   */
  readonly isStranger?: (slot: number) => boolean
  /** Whether a probe of a member would say something about it. One that may be invented gets few PINGs. */
  readonly mayProbe?: (slot: number, now: number) => boolean
  /** Whether more than half of the members may be invented. With fewer, the ring has few enough. */
  readonly strangersPrevail?: () => boolean
  /** Whether local health is memberlist's: it lengthens rounds only, and every relay without an answer worsens it. */
  readonly memberlist: boolean
}

/**
 * What is counted about probes, from the start of the node.
 *
 * @category models
 * @since 0.2.0
 */
export interface ProbeCounters {
  /** Probes that were started, each with a PING. */
  pings: number
  /** PING_REQs that were sent. */
  pingReqs: number
  /** Probes whose target did not acknowledge in time itself. */
  directTimeouts: number
  /** Probes that failed, directly and through relays. */
  failures: number
  /** Probes that succeeded by an ACK that a relay passed on. */
  savedByRelay: number
  /** Probes that a pause of this process made void. */
  voided: number
}

/** What a relay found beyond silence. */
export interface Finding {
  /** Slot of the member that it is about. */
  readonly target: number
  readonly incarnation: number
  readonly evidence: number
}

/** What a prober has others do. */
export interface ProbeActions {
  /** Sends a PING to the target. Returns whether the PING carries the sequence. */
  readonly ping: (target: number, sequence: number, now: number) => boolean
  /** Asks a relay to PING the target and to answer within `waitMs`. */
  readonly askRelay: (relay: number, target: number, sequence: number, waitMs: number) => void
  /** The direct ACK is late: looks for proof that the process of the target is gone. */
  readonly lookForProof: (probe: Probe) => void
  /** The target was not reached, directly or through the relays. */
  readonly suspect: (probe: Probe, now: number) => void
}

/** What a prober works with. */
export interface ProberParts {
  readonly table: Pick<MemberTable, "drawAlive" | "incarnation" | "isLive">
  readonly actions: ProbeActions
  readonly counters: ProbeCounters
  readonly random: () => number
}

export class Prober {
  readonly health: LocalHealth
  readonly roundTrips = new RoundTrips()
  readonly #ring: ProbeRing
  readonly #rounds: ProbeRounds
  readonly #probes = new Probes()
  readonly #options: ProberOptions
  readonly #parts: ProberParts
  readonly #drawn: Array<number> = []
  #sequence: number
  /** Probes that succeeded in this round. They count for local health when it ends, as failures do. */
  #succeeded = 0
  /** Whether the probe of this round is of a member that may be invented. */
  #afterStranger = false

  constructor(options: ProberOptions, parts: ProberParts) {
    this.#ring = new ProbeRing(parts.random)
    this.#rounds = new ProbeRounds(options)
    this.health = new LocalHealth(options.memberlist ? MemberlistMaxScore : MaxScore)
    this.#options = options
    this.#parts = parts
    // A stranger must not know it, or could answer in the name of a member.
    this.#sequence = Math.floor(parts.random() * 0x1_0000_0000)
  }

  /** Whether a probe is waiting for an ACK. */
  get waiting(): boolean {
    return this.#probes.size > 0
  }

  /** When something is due, in ms of the monotonic clock; Infinity for never. */
  get next(): number {
    return Math.min(this.#probes.next, this.#rounds.next)
  }

  /** A member is live: it is probed from now on. */
  add(slot: number): void {
    this.#ring.add(slot)
  }

  /** A member is no longer live. */
  remove(slot: number): void {
    this.#ring.remove(slot)
  }

  /** A slot may be given to another node. */
  forget(slot: number): void {
    this.#probes.forget(slot)
    this.roundTrips.forget(slot)
  }

  /** The sequence of the next PING. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0
    return this.#sequence
  }

  /**
   * Does what is due. `read` is what the clock shows now: timers may fire a little before they are due, and then `now`
   * is ahead of the clock that ACKs are timed by.
   */
  due(now: number, read: number): void {
    // A probe ends before the next round begins, because its result changes the length of that round.
    this.#probes.due(now, {
      askRelays: (probe) => this.#askRelays(probe, now),
      fail: (probe) => this.#fail(probe, now)
    })
    if (this.#rounds.next <= now) this.#begin(now, read)
  }

  #begin(now: number, read: number): void {
    for (; this.#succeeded > 0; this.#succeeded--) this.health.improve()
    const { failsAt, mayFailAt, scale } = this.#rounds.begin(now, this.#score)
    const { isStranger, strangersPrevail } = this.#options
    const avoids = this.#afterStranger && strangersPrevail?.() === true
    let target = this.#ring.next(avoids ? isStranger : undefined)
    if (target >= 0 && !this.#mayProbe(target, now)) target = this.#ring.next(isStranger)
    if (target < 0 || !this.#mayProbe(target, now)) return
    this.#afterStranger = isStranger?.(target) === true
    this.#start(target, { now, read, mayFailAt, failsAt, scale, witness: false })
  }

  /**
   * Probes an accused member at once, for a second opinion, unless too many such probes are running or this incarnation of
   * the member is being probed. Returns whether it does.
   */
  witness(target: number, now: number, read: number): boolean {
    const incarnation = this.#parts.table.incarnation(target)
    if (this.#probes.witnesses >= MaxWitnessProbes || this.#probes.has(target, incarnation)) return false
    if (!this.#mayProbe(target, now)) return false
    const { interval, timeout } = this.#options
    const scale = this.#score + 1
    const mayFailAt = now + timeout * scale
    this.#start(target, { now, read, mayFailAt, failsAt: now + interval * scale, scale, witness: true })
    return true
  }

  #start(
    target: number,
    times: {
      readonly now: number
      readonly read: number
      readonly mayFailAt: number
      readonly failsAt: number
      readonly scale: number
      readonly witness: boolean
    }
  ): void {
    const { actions, counters, table } = this.#parts
    const { earlyFailure, timeout } = this.#options
    const { failsAt, mayFailAt, now, read, scale, witness } = times
    const wait = earlyFailure ? this.roundTrips.wait(target, timeout) : timeout
    const sequence = this.nextSequence()
    const probe = this.#probes.start({
      target,
      incarnation: table.incarnation(target),
      sequence,
      sentAt: read,
      // A round that began late keeps its end, and the wait for the ACK is as long as always.
      askRelaysAt: Math.min(mayFailAt, now + wait * scale),
      mayFailAt,
      failsAt,
      witness
    })
    counters.pings++
    probe.sequenced = actions.ping(target, sequence, now)
  }

  #mayProbe(target: number, now: number): boolean {
    return this.#options.mayProbe?.(target, now) !== false
  }

  get #score(): number {
    return this.#options.localHealth ? this.health.score : 0
  }

  #askRelays(probe: Probe, now: number): void {
    const { actions, counters, random, table } = this.#parts
    const { failsAt, relays, sequence, target } = probe
    if (!table.isLive(target)) return
    counters.directTimeouts++
    table.drawAlive(this.#options.indirectK, target, random, this.#drawn)
    for (const relay of this.#drawn) {
      relays.push(relay)
      counters.pingReqs++
      actions.askRelay(relay, target, sequence, Math.max(0, failsAt - now))
    }
    actions.lookForProof(probe)
  }

  /**
   * The target sent an ACK itself, with the sequence of our PING if that had one. Returns the time since the PING in ms, or
   * undefined if it answers no probe.
   */
  answered(target: number, now: number, sequence?: number): number | undefined {
    const probe =
      sequence === undefined ? this.#probes.answered(target) : this.#probes.answeredBySequence(target, sequence)
    if (probe === undefined) return undefined
    this.#succeed(probe)
    const took = now - probe.sentAt
    this.roundTrips.sample(target, took)
    return took
  }

  /**
   * The target answered the second PING with a sequence. When that was sent is not known, so the round trip is no sample
   * (RFC 6298, section 3: Karn's algorithm).
   */
  answeredAgain(target: number, sequence: number): void {
    const probe = this.#probes.answeredBySequence(target, sequence)
    if (probe !== undefined) this.#succeed(probe)
  }

  /**
   * A node with another id than the probed one answered a PING of ours. It is evidence if `isAt` says that the answer came
   * from the address of the target.
   */
  answeredByAnother(sequence: number, isAt: (target: number) => boolean): void {
    const probe = this.#probes.withSequence(sequence)
    if (probe !== undefined && isAt(probe.target)) probe.evidence = Evidence.Replaced
  }

  /** A relay passed an ACK of the target on. It counts only if the relay was asked. */
  answeredThrough(relay: number, target: number, sequence?: number): void {
    const probe = this.#probes.answeredThrough(relay, target, sequence)
    if (probe === undefined) return
    this.#parts.counters.savedByRelay++
    this.#succeed(probe)
  }

  /** A relay has no answer for the probe with a sequence. What it found counts if it is about the probed incarnation. */
  nacked(relay: number, sequence: number, found: Finding | undefined, now: number): void {
    const probe = this.#probes.withSequence(sequence)
    if (probe === undefined || !probe.nacked(relay)) return
    if (found !== undefined && found.target === probe.target && found.incarnation === probe.incarnation) {
      probe.relayEvidence.push({ relay, evidence: found.evidence })
    }
    if (this.#options.earlyFailure) this.#probes.hasten(now)
  }

  /** Evidence was found for the probe with a sequence, if it is still in flight. */
  proved(sequence: number, evidence: number, now: number): void {
    const probe = this.#probes.withSequence(sequence)
    if (probe === undefined || probe.evidence !== Evidence.Silent) return
    probe.evidence = evidence
    if (this.#options.earlyFailure) this.#probes.hasten(now)
  }

  #succeed({ witness }: Probe): void {
    if (!witness) this.#succeeded++
  }

  #fail(probe: Probe, now: number): void {
    const { actions, counters, table } = this.#parts
    const { incarnation, nacks, relays, target, witness } = probe
    // It has died, left, refuted or restarted meanwhile, and the probe says nothing about that.
    if (!table.isLive(target) || table.incarnation(target) !== incarnation) return
    counters.failures++
    // A relay that answered, if only with a nack, shows that this node is well: the failure is the target's.
    if (this.#options.memberlist) this.health.worsen(relays.length === 0 ? 1 : relays.length - nacks.length)
    else if (!witness && nacks.length === 0 && this.#options.isStranger?.(target) !== true) this.health.worsen()
    actions.suspect(probe, now)
  }

  /**
   * The process was paused until now. Probes in flight are void, because ACKs that came meanwhile may not have been handled,
   * and what succeeded before the pause says nothing about the health after it.
   */
  resume(now: number): void {
    this.#parts.counters.voided += this.#probes.void()
    this.#succeeded = 0
    this.#rounds.resume(now)
  }
}
