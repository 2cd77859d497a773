/**
 * When rounds of probing begin, and how long a probe of a round waits. In each round
 * one member is probed. Local health lengthens a round and both of its waits.
 */
import { nextDeadline } from "../time/MonotonicTime.ts"

/** Times in ms. */
export interface RoundOptions {
  /** From round to round, for a node of good health. */
  readonly interval: number
  /** The wait for a direct ACK, for a node of good health; shorter than `interval`. */
  readonly timeout: number
  /** When the first round begins; Infinity for never. */
  readonly first: number
}

/** Until when a probe of a round waits, in ms of the monotonic clock. */
export interface RoundTimes {
  /** When the timeout of the probe ends: it does not fail earlier. */
  readonly mayFailAt: number
  /** When the round ends, and the probe fails. */
  readonly failsAt: number
  /** By how much local health lengthens the round. */
  readonly scale: number
}

export class ProbeRounds {
  /** When the next round begins, in ms of the monotonic clock. The probe of the round before it fails at that time. */
  next: number
  readonly #timeout: number
  /** The wait for an ACK through relays. */
  readonly #relayWait: number
  #scale = 1

  constructor({ first, interval, timeout }: RoundOptions) {
    this.next = first
    this.#timeout = timeout
    this.#relayWait = interval - timeout
  }

  /** Begins the round that is due at `next`, with a local health of `score`. */
  begin(now: number, score: number): RoundTimes {
    this.#scale = score + 1
    const mayFailAt = nextDeadline(this.next, now, this.#timeout * this.#scale)
    this.next = mayFailAt + this.#relayWait * this.#scale
    return { mayFailAt, failsAt: this.next, scale: this.#scale }
  }

  /**
   * The process was paused until now. The next round waits for at least as long as an ACK through relays may take, so that
   * the datagrams that came during the pause are handled before.
   */
  resume(now: number): void {
    this.next = Math.max(this.next, now + this.#relayWait * this.#scale)
  }
}
