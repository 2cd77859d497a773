/**
 * Dead claims about members that we hold Alive. Nobody here suspected them, so the
 * claim is left over from a partition, or forged, or we are behind: the member
 * itself gets a few PINGs with the claim before it is believed.
 */
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { DeathClaim } from "../membership/ViewObserver.ts"
import { DeadlineQueue } from "../time/DeadlineQueue.ts"

/** The most claims that wait at once; anti-entropy brings the others again. */
export const MaxChecks = 16
/** PINGs before a claim is believed. */
export const Pings = 3
/** Time between them, and from the last to the verdict, in ms. */
export const Interval = 500

interface Check {
  readonly claim: DeathClaim
  pings: number
}

export class DeathChecks {
  readonly #checks = new Map<number, Check>()
  readonly #deadlines = new DeadlineQueue()
  /** Claims that found all places taken. */
  dropped = 0

  get size(): number {
    return this.#checks.size
  }

  get next(): number {
    return this.#deadlines.next
  }

  /** Takes a claim up, unless one about that member waits already. It is due at once. */
  add(claim: DeathClaim, now: number): void {
    if (this.#checks.has(claim.slot)) return
    if (this.#checks.size >= MaxChecks) {
      this.dropped++
      return
    }
    this.#checks.set(claim.slot, { claim, pings: 0 })
    this.#deadlines.set(claim.slot, now)
  }

  /** The member is known at `incarnation`; a claim of a lower one is refuted. */
  refuted(slot: number, incarnation: number): void {
    const check = this.#checks.get(slot)
    if (check !== undefined && SerialNumber.compare(incarnation, check.claim.incarnation) > 0) this.cancel(slot)
  }

  /** The member died anyway. */
  cancel(slot: number): void {
    if (this.#checks.delete(slot)) this.#deadlines.delete(slot)
  }

  shift(ms: number): void {
    this.#deadlines.shift(ms)
  }

  /** Hands out every claim that is due: to be PINGed about, or, when that was done often enough, to be believed. */
  due(now: number, ping: (claim: DeathClaim) => void, believe: (claim: DeathClaim) => void): void {
    while (true) {
      const slot = this.#deadlines.popDue(now)
      const check = this.#checks.get(slot)
      if (check === undefined) return
      if (check.pings === Pings) {
        this.#checks.delete(slot)
        believe(check.claim)
        continue
      }
      check.pings++
      this.#deadlines.set(slot, now + Interval)
      ping(check.claim)
    }
  }
}
