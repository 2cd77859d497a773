/**
 * Lifeguard's local health multiplier (arXiv 1707.00788, section IV.A). A node whose
 * own probes fail, or that others suspect, may itself be the slow one, so it waits
 * longer before it suspects others.
 */

/** The worst score. */
export const MaxScore = 8
/** The same of hashicorp/memberlist, whose `AwarenessMaxMultiplier` is 8. */
export const MemberlistMaxScore = 7

export class LocalHealth {
  readonly #most: number
  #score = 0

  constructor(most = MaxScore) {
    this.#most = most
  }

  /** 0 is good health. The probe interval and its waits are multiplied by this plus 1. */
  get score(): number {
    return this.#score
  }

  /** A probe succeeded. */
  improve(): void {
    if (this.#score > 0) this.#score--
  }

  /** A probe failed, or this node refuted a suspicion of itself. */
  worsen(by = 1): void {
    this.#score = Math.min(this.#most, this.#score + by)
  }
}
