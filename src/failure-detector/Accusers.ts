/**
 * Who accuses one suspect, and what that means for its suspicion. Source: Dadgar,
 * Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure
 * Detection", arXiv 1707.00788, section IV.B; evidence and proof are this
 * project's own (docs/PROTOCOL.md, 3.5).
 */

/** What an accuser found beyond silence. */
export const Evidence = {
  /** No answer. */
  Silent: 0,
  /** The host says that nothing listens at the port. */
  Refused: 1,
  /** Another node answers at the address. */
  Replaced: 2
} as const

/** The most distinct accusers of one suspect that are remembered. */
const MaxAccusers = 16

interface Accuser {
  readonly idHi: number
  readonly idLo: number
  evidence: number
}

/** The accusers of one member at one incarnation. */
export class Accusers {
  readonly #accusers: Array<Accuser> = []
  /** How many further accusers shorten the suspicion as far as it goes (Lifeguard: K). */
  readonly furtherNeeded: number
  readonly #proofNeeded: number
  /** When enough of the accusers had evidence, in ms of the monotonic clock; Infinity before. */
  provedAt = Infinity

  /** `n` counts the live members, ourselves included, when the suspicion begins. */
  constructor(n: number, furtherNeeded: number) {
    this.furtherNeeded = furtherNeeded
    this.#proofNeeded = n - 2 < 2 ? 1 : 2
  }

  /** Distinct accusers that are remembered. */
  get size(): number {
    return this.#accusers.length
  }

  /** Accusers beyond the first, as far as they count (Lifeguard: C). */
  get further(): number {
    return Math.min(this.furtherNeeded, Math.max(0, this.#accusers.length - 1))
  }

  /**
   * Adds an accusation. Returns whether it is to be passed on: it is by a new accuser and among the first
   * `furtherNeeded + 1`, or a passed-on accuser has found evidence since.
   */
  add(idHi: number, idLo: number, evidence: number, now: number): boolean {
    let index = this.#accusers.findIndex((accuser) => accuser.idHi === idHi && accuser.idLo === idLo)
    const known = this.#accusers[index]
    if (known === undefined) {
      index = this.#placeFor(evidence)
      if (index < 0) return false
      this.#accusers[index] = { idHi, idLo, evidence }
    } else {
      if (known.evidence !== Evidence.Silent || evidence === Evidence.Silent) return false
      known.evidence = evidence
    }
    if (this.provedAt === Infinity && this.#withEvidence() >= this.#proofNeeded) this.provedAt = now
    return index <= this.furtherNeeded || evidence !== Evidence.Silent
  }

  /**
   * Where a new accuser goes, or -1 when there is no room. Evidence takes the place of the last silent accuser beyond those
   * that count, so that invented accusers cannot shut it out.
   */
  #placeFor(evidence: number): number {
    const accusers = this.#accusers
    if (accusers.length < MaxAccusers) return accusers.length
    if (evidence === Evidence.Silent) return -1
    const last = accusers.findLastIndex((accuser) => accuser.evidence === Evidence.Silent)
    return last > this.furtherNeeded ? last : -1
  }

  #withEvidence(): number {
    let count = 0
    for (const { evidence } of this.#accusers) if (evidence !== Evidence.Silent) count++
    return count
  }
}
