/**
 * Members that died without leaving, with their whole last claim. They outlive
 * their tombstones: as long as we try them now and then, a partition merges by
 * itself after it has healed, however long it lasted.
 */
import type { NodeId } from "../domain/NodeId.ts"
import type { LooseClaim } from "./MessagePacker.ts"

/** The most candidates; the one that died first goes first. */
export const MaxCandidates = 1024

interface Candidate {
  readonly id: NodeId
  readonly claim: LooseClaim
  readonly diedAt: number
}

export class HealList {
  readonly #candidates: Array<Candidate> = []
  readonly #index = new Map<NodeId, number>()
  readonly #timeout: number

  /** `timeout`: how long a candidate is tried, in ms. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  get size(): number {
    return this.#candidates.length
  }

  has(id: NodeId): boolean {
    return this.#index.has(id)
  }

  add(id: NodeId, claim: LooseClaim, now: number): void {
    this.remove(id)
    if (this.#candidates.length >= MaxCandidates) this.#removeOldest()
    this.#index.set(id, this.#candidates.length)
    this.#candidates.push({ id, claim, diedAt: now })
  }

  remove(id: NodeId): void {
    const at = this.#index.get(id)
    if (at === undefined) return
    const last = this.#candidates.pop()
    this.#index.delete(id)
    if (last === undefined || last.id === id) return
    this.#candidates[at] = last
    this.#index.set(last.id, at)
  }

  /**
   * A random candidate, or `undefined`. Those on their last legs fall out on the
   * way: too old, or `taken`, which tells that a live member of another id has
   * their address.
   */
  pick(random: () => number, now: number, taken: (claim: LooseClaim) => boolean): LooseClaim | undefined {
    while (this.#candidates.length > 0) {
      const candidate = this.#candidates[Math.floor(random() * this.#candidates.length)]!
      if (now - candidate.diedAt < this.#timeout && !taken(candidate.claim)) return candidate.claim
      this.remove(candidate.id)
    }
    return undefined
  }

  /** Only at the bound, where a walk over 1024 is cheap beside what filled it. */
  #removeOldest(): void {
    let oldest = this.#candidates[0]
    for (const candidate of this.#candidates) {
      if (oldest === undefined || candidate.diedAt < oldest.diedAt) oldest = candidate
    }
    if (oldest !== undefined) this.remove(oldest.id)
  }
}
