/**
 * The suspicions that are running, and when each expires (Lifeguard, arXiv 1707.00788,
 * section IV.B; docs/PROTOCOL.md, 3.3). A suspicion belongs to one incarnation of its
 * subject: repeated claims of it restart nothing, and only a higher incarnation begins
 * a new one. Further accusers move its deadline, which counts from its start.
 */
import { DeadlineQueue } from "../time/DeadlineQueue.ts"
import { Accusers } from "./Accusers.ts"
import { accusedTimeout, type SuspicionRange } from "./SuspicionTiming.ts"

/** A member that is suspect from now on. Times in ms. */
export interface SuspicionOptions extends SuspicionRange {
  /** Slot of the member. */
  readonly slot: number
  readonly incarnation: number
  /** Added to the timeout. */
  readonly jitter: number
  /** Live members, this node included. */
  readonly n: number
  /** The timeout while only one member accuses the suspect; that of `accusedTimeout` if it is not given. */
  readonly alone?: number
  /** How long the suspect has once its death is proved; that of the constructor if it is not given. */
  readonly proofTimeout?: number
}

/** Who accuses a suspect, and of what. */
export interface AccusedBy {
  readonly idHi: number
  readonly idLo: number
  readonly evidence: number
}

/** What became of an accusation. */
export type AccusationResult =
  /** No suspicion of that incarnation is running, or it says nothing new. */
  | "Known"
  /** It counts, and further accusers are not passed on. */
  | "Counted"
  /** It counts, and is passed on. */
  | "PassOn"
  /** It is passed on, and is the first of its suspicion. */
  | "First"

interface Suspicion {
  readonly incarnation: number
  readonly range: SuspicionRange
  readonly alone: number
  readonly jitter: number
  readonly proofTimeout: number
  readonly accusers: Accusers
  /** When it began, in ms of the monotonic clock, and later by the pauses of this process since. */
  startedAt: number
}

export class Suspicions {
  readonly #running = new Map<number, Suspicion>()
  readonly #deadlines = new DeadlineQueue()
  readonly #proofTimeout: number

  /** `proofTimeout`: how long a suspect has once its death is proved, in ms. */
  constructor(proofTimeout = Infinity) {
    this.#proofTimeout = proofTimeout
  }

  get size(): number {
    return this.#running.size
  }

  /** When the next suspicion expires, in ms of the monotonic clock; Infinity for none. */
  get next(): number {
    return this.#deadlines.next
  }

  /** Starts a suspicion, unless one of the member's incarnation is running. Returns whether it does. */
  start(options: SuspicionOptions, now: number): boolean {
    const { furtherNeeded, incarnation, jitter, least, most, n, slot } = options
    if (this.#running.get(slot)?.incarnation === incarnation) return false
    const range = { least, most, furtherNeeded }
    const suspicion = {
      incarnation,
      range,
      alone: options.alone ?? accusedTimeout(range, 0),
      jitter,
      proofTimeout: options.proofTimeout ?? this.#proofTimeout,
      accusers: new Accusers(n, furtherNeeded),
      startedAt: now
    }
    this.#running.set(slot, suspicion)
    this.#schedule(slot, suspicion)
    return true
  }

  /** Whether enough accusers of the suspect of a slot have evidence that its process is gone. */
  isProved(slot: number): boolean {
    return (this.#running.get(slot)?.accusers.provedAt ?? Infinity) < Infinity
  }

  /** A member accuses the suspect of a slot at an incarnation. */
  accuse(slot: number, incarnation: number, { evidence, idHi, idLo }: AccusedBy, now: number): AccusationResult {
    const suspicion = this.#running.get(slot)
    if (suspicion === undefined || suspicion.incarnation !== incarnation) return "Known"
    const { accusers } = suspicion
    const before = accusers.size
    const passOn = accusers.add(idHi, idLo, evidence, now)
    if (passOn || accusers.size > before) this.#schedule(slot, suspicion)
    if (passOn) return before === 0 ? "First" : "PassOn"
    return accusers.size > before ? "Counted" : "Known"
  }

  /** Whether a suspicion of the member of a slot is running that no second member has confirmed. */
  isUnconfirmed(slot: number): boolean {
    const suspicion = this.#running.get(slot)
    return suspicion !== undefined && suspicion.accusers.size < 2
  }

  /** The member is no longer suspect. */
  clear(slot: number): void {
    if (this.#running.delete(slot)) this.#deadlines.delete(slot)
  }

  /** This process was paused for `ms`, which is not the members' fault. */
  shift(ms: number): void {
    for (const suspicion of this.#running.values()) {
      suspicion.startedAt += ms
      suspicion.accusers.provedAt += ms
    }
    this.#deadlines.shift(ms)
  }

  /**
   * Ends every suspicion that is due, and calls `expire` with its member, with how long it lasted, and with whether it is
   * proved that the process of the member is gone.
   */
  due(now: number, expire: (slot: number, lasted: number, proved: boolean) => void): void {
    for (let slot = this.#deadlines.popDue(now); slot >= 0; slot = this.#deadlines.popDue(now)) {
      const suspicion = this.#running.get(slot)!
      this.#running.delete(slot)
      expire(slot, this.#deadline(suspicion) - suspicion.startedAt, suspicion.accusers.provedAt < Infinity)
    }
  }

  #deadline({ accusers, alone, jitter, proofTimeout, range, startedAt }: Suspicion): number {
    const { further } = accusers
    const timeout = (further === 0 ? alone : accusedTimeout(range, further)) + jitter
    return Math.min(startedAt + timeout, accusers.provedAt + proofTimeout)
  }

  #schedule(slot: number, suspicion: Suspicion): void {
    this.#deadlines.set(slot, this.#deadline(suspicion))
  }
}
