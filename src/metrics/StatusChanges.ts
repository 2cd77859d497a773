/** Counts how members change their status, and measures how long that takes. */
import * as Claim from "../domain/Claim.ts"
import type { Transition } from "../membership/ViewObserver.ts"
import type { Observe } from "./MetricRegistry.ts"

/** How a suspicion ended. */
export type Outcome = "died" | "recovered"

/** What takes the times that are measured, in seconds. */
export interface Durations {
  /** From the last sign of life of a member until this node declared it dead. */
  readonly detection: Observe
  /** From the suspicion of a member to its end. */
  readonly suspicion: (outcome: Outcome) => Observe
}

/** What is read of the view. */
export interface StatusView {
  readonly table: { readonly status: (slot: number) => number }
  /** When the member in a slot last showed a sign of life, in ms. */
  readonly lastHeardOf: (slot: number) => number
}

/** The changes of one node's members, counted. */
export class StatusChanges {
  readonly suspicions = { ProbeFailed: 0, Claimed: 0, Heard: 0 }
  readonly deaths = { SuspicionExpired: 0, DeathConfirmed: 0, Claimed: 0, Heard: 0 }
  recoveries = 0
  leaves = 0
  /** When the suspects became suspect, in ms, by slot. */
  readonly #suspectSince = new Map<number, number>()
  readonly #view: StatusView
  readonly #durations: Durations

  constructor(view: StatusView, durations: Durations) {
    this.#view = view
    this.#durations = durations
  }

  /** Takes a change of the view. */
  note(transition: Transition): void {
    const { kind, now, slot } = transition
    switch (kind) {
      case "Joined":
        if (this.#view.table.status(slot) === Claim.Suspect) this.#suspectSince.set(slot, now)
        break
      case "Suspected":
        this.#suspectSince.set(slot, now)
        this.#countSuspicion(transition)
        break
      case "Recovered":
        this.recoveries++
        this.#endSuspicion(slot, now, "recovered")
        break
      case "Died":
        this.#countDeath(transition)
        this.#endSuspicion(slot, now, "died")
        break
      case "Left":
        this.leaves++
        this.#suspectSince.delete(slot)
    }
  }

  #countSuspicion({ cause }: Transition): void {
    switch (cause._tag) {
      case "ProbeFailed":
      case "Claimed":
      case "Heard":
        this.suspicions[cause._tag]++
    }
  }

  #countDeath({ cause, now, slot }: Transition): void {
    switch (cause._tag) {
      case "SuspicionExpired":
      case "DeathConfirmed":
        this.#durations.detection((now - this.#view.lastHeardOf(slot)) / 1000)
        this.deaths[cause._tag]++
        break
      case "Claimed":
      case "Heard":
        this.deaths[cause._tag]++
    }
  }

  #endSuspicion(slot: number, now: number, outcome: Outcome): void {
    const since = this.#suspectSince.get(slot)
    if (since === undefined) return
    this.#suspectSince.delete(slot)
    this.#durations.suspicion(outcome)((now - since) / 1000)
  }
}
