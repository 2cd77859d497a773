/**
 * Dead claims about members that we hold Alive. Nobody suspected such a member here,
 * so the claim is left over from a partition, or forged, or newer than what we know.
 * The member itself is sent a few PINGs with the claim, which it refutes if it lives,
 * and the claim is believed only after them.
 */
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { DeathClaim } from "../membership/ViewObserver.ts"
import { DeadlineQueue } from "../time/DeadlineQueue.ts"

/** Claims that can wait at once. Anti-entropy brings the others again. */
export const MaxChecks = 16
/** PINGs before a claim is believed. */
export const Pings = 3
/** Time from one PING to the next, and from the last one to the belief, in ms. */
export const Interval = 500

/** What is done for a claim that is due. */
export interface CheckSteps {
  /** The member is to be sent a PING with the claim. */
  readonly ping: (claim: DeathClaim, now: number) => void
  /** The member was sent enough PINGs and did not refute. The claim is waiting no longer. */
  readonly believe: (claim: DeathClaim, now: number) => void
}

interface Check {
  readonly claim: DeathClaim
  pings: number
}

export class DeathChecks {
  readonly #checks = new Map<number, Check>()
  readonly #deadlines = new DeadlineQueue()
  /** Claims that were dropped because too many were waiting. */
  dropped = 0

  get size(): number {
    return this.#checks.size
  }

  /** When the next claim is due, in ms of the monotonic clock; Infinity for none. */
  get next(): number {
    return this.#deadlines.next
  }

  /** Adds a claim, which is due at once, unless one about the same member is waiting. */
  add(claim: DeathClaim, now: number): void {
    if (this.#checks.has(claim.slot)) return
    if (this.#checks.size >= MaxChecks) {
      this.dropped++
      return
    }
    this.#checks.set(claim.slot, { claim, pings: 0 })
    this.#deadlines.set(claim.slot, now)
  }

  /** The member is now known at `incarnation`, which refutes a claim of a lower one. */
  refuted(slot: number, incarnation: number): void {
    const check = this.#checks.get(slot)
    if (check !== undefined && SerialNumber.compare(incarnation, check.claim.incarnation) > 0) this.cancel(slot)
  }

  /** Drops the claim about a member, which is dead for another reason. */
  cancel(slot: number): void {
    if (this.#checks.delete(slot)) this.#deadlines.delete(slot)
  }

  /** This process was paused for `ms`, in which the members could not refute. */
  shift(ms: number): void {
    this.#deadlines.shift(ms)
  }

  /** Does the next step for every claim that is due. */
  due(now: number, steps: CheckSteps): void {
    for (let slot = this.#deadlines.popDue(now); slot >= 0; slot = this.#deadlines.popDue(now)) {
      const check = this.#checks.get(slot)!
      if (check.pings === Pings) {
        this.#checks.delete(slot)
        steps.believe(check.claim, now)
      } else {
        check.pings++
        this.#deadlines.set(slot, now + Interval)
        steps.ping(check.claim, now)
      }
    }
  }
}
