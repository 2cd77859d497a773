/**
 * Probing, from the PING to the conclusion (SWIM, section 4.1; local health from
 * Lifeguard, arXiv 1707.00788, section IV.A).
 *
 * Each round one member is sent a PING. The probe waits for its ACK, asks relays,
 * waits for an ACK by either way, and succeeds or fails. Methods stand in this order.
 */
import type { MemberTable } from "../membership/MemberTable.ts"
import { LocalHealth } from "./LocalHealth.ts"
import type { Probe } from "./Probe.ts"
import { ProbeRing } from "./ProbeRing.ts"
import { ProbeRounds, type RoundOptions } from "./ProbeRounds.ts"
import { Probes } from "./Probes.ts"

/** How members are probed. Times in ms. */
export interface ProberOptions extends RoundOptions {
  /** How many relays are asked. */
  readonly indirectK: number
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

/** What a prober has others do. */
export interface ProbeActions {
  /** Sends a PING to the target. */
  readonly ping: (target: number, now: number) => void
  /** Asks a relay to PING the target. */
  readonly askRelay: (relay: number, target: number) => void
  /** The target was not reached, directly or through the relays. */
  readonly suspect: (target: number, relays: ReadonlyArray<number>, now: number) => void
}

/** What a prober works with. */
export interface ProberParts {
  readonly table: Pick<MemberTable, "drawAlive" | "incarnation" | "isLive">
  readonly actions: ProbeActions
  readonly counters: ProbeCounters
  readonly random: () => number
}

export class Prober {
  readonly health = new LocalHealth()
  readonly #ring: ProbeRing
  readonly #rounds: ProbeRounds
  readonly #probes = new Probes()
  readonly #indirectK: number
  readonly #parts: ProberParts
  readonly #drawn: Array<number> = []
  /** Probes that succeeded in this round. They count for local health when it ends, as failures do. */
  #succeeded = 0

  constructor(options: ProberOptions, parts: ProberParts) {
    this.#ring = new ProbeRing(parts.random)
    this.#rounds = new ProbeRounds(options)
    this.#indirectK = options.indirectK
    this.#parts = parts
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
  }

  /**
   * Does what is due. `read` is what the clock shows now: timers may fire a little before they are due, and then `now`
   * is ahead of the clock that ACKs are timed by.
   */
  due(now: number, read: number): void {
    // A probe ends before the next round begins, because its result changes the length of that round.
    this.#probes.due(now, {
      askRelays: (probe) => this.#askRelays(probe),
      fail: (probe) => this.#fail(probe, now)
    })
    if (this.#rounds.next <= now) this.#begin(now, read)
  }

  #begin(now: number, read: number): void {
    const { actions, counters, table } = this.#parts
    for (; this.#succeeded > 0; this.#succeeded--) this.health.improve()
    const times = this.#rounds.begin(now, this.health.score)
    const target = this.#ring.next()
    if (target < 0) return
    this.#probes.start({ target, incarnation: table.incarnation[target]!, sentAt: read, ...times })
    counters.pings++
    actions.ping(target, now)
  }

  #askRelays({ relays, target }: Probe): void {
    const { actions, counters, random, table } = this.#parts
    if (!table.isLive(target)) return
    counters.directTimeouts++
    table.drawAlive(this.#indirectK, target, random, this.#drawn)
    for (const relay of this.#drawn) {
      relays.push(relay)
      counters.pingReqs++
      actions.askRelay(relay, target)
    }
  }

  /** The target sent an ACK itself. Returns the time since the PING in ms, or undefined if it was not being probed. */
  answered(target: number, now: number): number | undefined {
    const probe = this.#probes.answered(target)
    if (probe === undefined) return undefined
    this.#succeeded++
    return now - probe.sentAt
  }

  /** A relay passed an ACK of the target on. It counts only if the relay was asked. */
  answeredThrough(relay: number, target: number): void {
    if (this.#probes.answeredThrough(relay, target) === undefined) return
    this.#parts.counters.savedByRelay++
    this.#succeeded++
  }

  #fail({ incarnation, relays, target }: Probe, now: number): void {
    const { actions, counters, table } = this.#parts
    // It has died, left, refuted or restarted meanwhile, and the probe says nothing about that.
    if (!table.isLive(target) || table.incarnation[target] !== incarnation) return
    counters.failures++
    this.health.worsen()
    actions.suspect(target, relays, now)
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
