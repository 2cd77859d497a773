/**
 * Deaths of members that are live here, before they are believed. A Dead claim of another node may be left over from a
 * partition, or forged. A suspicion of our own may end while the refutation is on its way. The member itself is sent a few
 * PINGs that say it is dead, which it refutes if it lives, and its death is believed only after them.
 *
 * Nobody suspected a member that we hold Alive, so there is time for three PINGs. A suspect is most likely dead, and its
 * death must spread quickly. So it gets one PING, and its death is believed after the time in which an acknowledgement is
 * expected.
 */
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { DeathClaim } from "../membership/ViewObserver.ts"
import { DeadlineQueue } from "../time/DeadlineQueue.ts"

/** Claims about Alive members that can wait at once. Anti-entropy brings the others again. */
export const MaxChecks = 16

/** How a claim is checked. */
export interface Manner {
  /** PINGs before the claim is believed. */
  readonly pings: number
  /** Time from one PING to the next, and from the last one to the belief, in ms. */
  readonly interval: number
}

/** How a claim about an Alive member is checked. */
export const ofAlive: Manner = { pings: 3, interval: 500 }

/** A suspicion of this node that ended without a refutation. */
export interface EndedSuspicion {
  readonly slot: number
  readonly incarnation: number
  readonly heartbeat: number
  /** How long it lasted, in ms. */
  readonly lasted: number
}

/** What is done for a death that is due. */
export interface CheckSteps {
  /** The member is to be sent a PING that says that it is dead. */
  readonly ping: (death: DeathClaim | EndedSuspicion, now: number) => void
  /** The member was sent enough PINGs and did not refute. The claim is waiting no longer. */
  readonly believe: (claim: DeathClaim, pings: number, now: number) => void
  /** The same for a suspicion that ended. */
  readonly declare: (suspicion: EndedSuspicion, now: number) => void
}

interface Check {
  readonly death: DeathClaim | EndedSuspicion
  readonly manner: Manner
  sent: number
}

export class DeathChecks {
  readonly #checks = new Map<number, Check>()
  readonly #deadlines = new DeadlineQueue()
  #aboutAlive = 0
  /** Claims that were dropped because too many were waiting. */
  dropped = 0

  get size(): number {
    return this.#checks.size
  }

  /** Claims about members that were Alive when the claim came. */
  get aboutAlive(): number {
    return this.#aboutAlive
  }

  /** When the next claim is due, in ms of the monotonic clock; Infinity for none. */
  get next(): number {
    return this.#deadlines.next
  }

  /** Adds a claim about an Alive member, which is due at once, unless one about the same member is waiting. */
  addAboutAlive(claim: DeathClaim, now: number): void {
    if (this.#checks.has(claim.slot)) return
    if (this.#aboutAlive >= MaxChecks) {
      this.dropped++
      return
    }
    this.#aboutAlive++
    this.#add(claim, ofAlive, now)
  }

  /** The same about a suspect. There is at most one check a member, so these need no bound of their own. */
  addAboutSuspect(death: DeathClaim | EndedSuspicion, manner: Manner, now: number): void {
    if (!this.#checks.has(death.slot)) this.#add(death, manner, now)
  }

  #add(death: DeathClaim | EndedSuspicion, manner: Manner, now: number): void {
    this.#checks.set(death.slot, { death, manner, sent: 0 })
    this.#deadlines.set(death.slot, now)
  }

  /** The member is now known at `incarnation`, which refutes a death of a lower one. */
  refuted(slot: number, incarnation: number): void {
    const check = this.#checks.get(slot)
    if (check !== undefined && SerialNumber.compare(incarnation, check.death.incarnation) > 0) this.cancel(slot)
  }

  /** The member is not suspected any more, so a suspicion that ended has no death to check. */
  cleared(slot: number): void {
    const check = this.#checks.get(slot)
    if (check !== undefined && "lasted" in check.death) this.cancel(slot)
  }

  /** Drops the check of a member, which is dead for another reason. */
  cancel(slot: number): void {
    if (this.#remove(slot)) this.#deadlines.delete(slot)
  }

  /** This process was paused for `ms`, in which the members could not refute. */
  shift(ms: number): void {
    this.#deadlines.shift(ms)
  }

  /** Does the next step for every death that is due. */
  due(now: number, steps: CheckSteps): void {
    for (let slot = this.#deadlines.popDue(now); slot >= 0; slot = this.#deadlines.popDue(now)) {
      const check = this.#checks.get(slot)!
      const { death, manner } = check
      if (check.sent === manner.pings) {
        this.#remove(slot)
        if ("lasted" in death) steps.declare(death, now)
        else steps.believe(death, manner.pings, now)
      } else {
        check.sent++
        this.#deadlines.set(slot, now + manner.interval)
        steps.ping(death, now)
      }
    }
  }

  #remove(slot: number): boolean {
    if (this.#checks.get(slot)?.manner === ofAlive) this.#aboutAlive--
    return this.#checks.delete(slot)
  }
}
