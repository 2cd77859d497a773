/**
 * Whether the others reach this node at the address that it advertises. A node at a wrong address hears only answers to
 * what it sends itself: the others suspect it, it hears of that in their answers and refutes, again and again, but none of
 * their PINGs arrives. A node that is slow, or has a bad link, gets some.
 */

/** Refutations within `Window` that raise the question. */
export const Refutations = 3
/** In ms. */
export const Window = 60_000
/** The node is not reached if no PING arrives for this long, in ms: many times as long as a round of probes takes. */
export const Silence = 15_000
/** Time between two looks, in ms. */
export const LookEvery = 1000
/** Time from the first warning to the second, in ms. It doubles until the longest. */
export const FirstRepeat = 60_000
const LongestRepeat = 3_600_000

/** What a look found. */
export type Finding = "Lost" | "StillLost" | "Found"

/** Times are in ms of the monotonic clock. */
export class Reachability {
  /** Whether the others do not reach this node. */
  lost = false
  readonly #refutedAt: Array<number> = []
  #pings = 0
  #pingedAt = -Infinity
  #nextLook = Infinity
  #warnAt = Infinity
  #repeat = FirstRepeat

  /** When `look` is due, or Infinity: nothing is looked at while nobody suspects this node. */
  get next(): number {
    return this.#nextLook
  }

  /** This node has refuted a suspicion. `pings`: how many PINGs have arrived so far. */
  refuted(now: number, pings: number): void {
    this.#refutedAt.push(now)
    if (this.#refutedAt.length > Refutations) this.#refutedAt.shift()
    if (this.#nextLook !== Infinity) return
    this.#pings = pings
    this.#pingedAt = now
    this.#nextLook = now + LookEvery
  }

  /** The node has another address now. */
  moved(): void {
    this.#refutedAt.length = 0
    this.#pingedAt = Infinity
  }

  /** Looks whether PINGs arrive. */
  look(now: number, pings: number): Finding | undefined {
    if (pings !== this.#pings || this.#pingedAt === Infinity) {
      this.#pings = pings
      this.#pingedAt = now
      if (this.lost) {
        this.lost = false
        this.#refutedAt.length = 0
        this.#nextLook = Infinity
        return "Found"
      }
    }
    const [first = -Infinity] = this.#refutedAt
    const recent = (this.#refutedAt.at(-1) ?? -Infinity) > now - Window
    this.#nextLook = recent || this.lost ? now + LookEvery : Infinity
    if (this.lost) {
      if (now < this.#warnAt) return undefined
      this.#repeat = Math.min(2 * this.#repeat, LongestRepeat)
      this.#warnAt = now + this.#repeat
      return "StillLost"
    }
    if (this.#refutedAt.length < Refutations || first <= now - Window || now - this.#pingedAt < Silence)
      return undefined
    this.lost = true
    this.#repeat = FirstRepeat
    this.#warnAt = now + FirstRepeat
    return "Lost"
  }
}
