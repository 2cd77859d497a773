/**
 * Members that stall again and again and always come back. A short suspicion would
 * bury and revive such a member in turn, so each refutation that this node saw
 * within the last minute doubles the least time that a suspicion of it lasts.
 */
import { setNewest } from "../domain/OldestKey.ts"

/** How long a refutation counts, in ms. */
export const DampingWindow = 60_000
/** Refutations beyond this many change nothing: the least time has reached the most by then. */
const MaxRefutations = 8
/** A death that was refuted counts as this many refutations: the next stall is likely to be as long. */
const RevivalCounts = 3
/** Members that are remembered; beyond, the one that refuted longest ago is forgotten. */
const MaxMembers = 1024

export class Damping {
  /** Times of the last refutations by slot, oldest first. Slots stand in the order of their last refutation. */
  readonly #refutations = new Map<number, Array<number>>()

  /** Members that have refuted within the window, or a little longer. */
  get size(): number {
    return this.#refutations.size
  }

  /** Notes that the member of a slot refuted a suspicion, or its death, which counts as several. */
  refuted(slot: number, now: number, wasDead = false): void {
    const times = this.#refutations.get(slot) ?? []
    for (let i = wasDead ? RevivalCounts : 1; i > 0; i--) times.push(now)
    while (times.length > MaxRefutations) times.shift()
    setNewest(this.#refutations, slot, times, MaxMembers)
  }

  /** By how much the least time of a suspicion is multiplied: 2 to the power of the refutations within the window. */
  factor(slot: number, now: number): number {
    const times = this.#refutations.get(slot)
    if (times === undefined) return 1
    while (times.length > 0 && now - times[0]! >= DampingWindow) times.shift()
    if (times.length === 0) this.#refutations.delete(slot)
    return 2 ** times.length
  }

  /** Forgets the member of a slot, which another node may get. */
  forget(slot: number): void {
    this.#refutations.delete(slot)
  }
}
