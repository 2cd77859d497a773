/** The observers of a view, notified at once and in the order in which they were added. */
import type { NodeId } from "../domain/NodeId.ts"
import type { Conflict, DeathClaim, TagsChange, Transition, ViewObserver } from "./ViewObserver.ts"

export class Observers {
  readonly #observers: Array<ViewObserver> = []

  add(observer: ViewObserver): void {
    this.#observers.push(observer)
  }

  transition(transition: Transition): void {
    for (const observer of this.#observers) observer.transition?.(transition)
  }

  tagsChanged(change: TagsChange): void {
    for (const observer of this.#observers) observer.tagsChanged?.(change)
  }

  forgotten(slot: number, by: NodeId | undefined): void {
    for (const observer of this.#observers) observer.forgotten?.(slot, by)
  }

  forgetAsked(id: NodeId, incarnation: number, by: NodeId): void {
    for (const observer of this.#observers) observer.forgetAsked?.(id, incarnation, by)
  }

  selfChanged(refuted: boolean, now: number): void {
    for (const observer of this.#observers) observer.selfChanged?.(refuted, now)
  }

  selfLeft(now: number): void {
    for (const observer of this.#observers) observer.selfLeft?.(now)
  }

  deathClaimed(claim: DeathClaim, now: number): void {
    for (const observer of this.#observers) observer.deathClaimed?.(claim, now)
  }

  conflict(conflict: Conflict, now: number): void {
    for (const observer of this.#observers) observer.conflict?.(conflict, now)
  }

  proved(slot: number, now: number): void {
    for (const observer of this.#observers) observer.proved?.(slot, now)
  }
}
