/**
 * Lifeguard's local health multiplier (arXiv 1707.00788, section IV.A): a node
 * that fails at what others manage doubts itself first, and waits longer before it
 * blames them.
 */

/** The worst score. */
export const MaxScore = 8

export class LocalHealth {
  #score = 0

  /** 0 is well; the probe interval and timeout are multiplied by this plus 1. */
  get score(): number {
    return this.#score
  }

  /** A probe succeeded. */
  improve(): void {
    if (this.#score > 0) this.#score--
  }

  /** A probe failed, or we had to refute that we are suspect. */
  worsen(): void {
    if (this.#score < MaxScore) this.#score++
  }
}
