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
  /** Whether the wait for a direct ACK stays the same in poor health, as in memberlist. */
  readonly memberlist: boolean
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
  readonly #interval: number
  readonly #timeout: number
  readonly #memberlist: boolean
  /** The wait for an ACK through relays. */
  #relayWait: number

  constructor({ first, interval, memberlist, timeout }: RoundOptions) {
    this.next = first
    this.#interval = interval
    this.#timeout = timeout
    this.#memberlist = memberlist
    this.#relayWait = interval - timeout
  }

  /** Begins the round that is due at `next`, with a local health of `score`. */
  begin(now: number, score: number): RoundTimes {
    const scale = score + 1
    const wait = this.#memberlist ? this.#timeout : this.#timeout * scale
    this.#relayWait = this.#interval * scale - wait
    const mayFailAt = nextDeadline(this.next, now, wait)
    this.next = mayFailAt + this.#relayWait
    return { mayFailAt, failsAt: this.next, scale }
  }

  /**
   * The process was paused until now. The next round waits for at least as long as an ACK through relays may take, so that
   * the datagrams that came during the pause are handled before.
   */
  resume(now: number): void {
    this.next = Math.max(this.next, now + this.#relayWait)
  }
}
