/**
 * Lifeguard's local health multiplier (arXiv 1707.00788, section IV.A). A node whose
 * own probes fail, or that others suspect, may itself be the slow one, so it waits
 * longer before it suspects others.
 */

/** The worst score. */
export const MaxScore = 8

export class LocalHealth {
  #score = 0

  /** 0 is good health. The probe interval and its waits are multiplied by this plus 1. */
  get score(): number {
    return this.#score
  }

  /** A probe succeeded. */
  improve(): void {
    if (this.#score > 0) this.#score--
  }

  /** A probe failed, or this node refuted a suspicion of itself. */
  worsen(): void {
    if (this.#score < MaxScore) this.#score++
  }
}
