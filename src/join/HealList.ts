/**
 * Members that died without leaving, each with its last claim. An entry outlives the
 * tombstone of its member. One entry at a time is tried now and then, so a partition
 * merges by itself after it has healed, however long it lasted.
 */
import type { NodeId } from "../domain/NodeId.ts"
import type { MemberClaim } from "../outbox/MemberClaim.ts"

/** The most candidates. For a new one, the oldest death makes room, candidates that never answered us first. */
export const MaxCandidates = 1024

/**
 * How often a candidate that never answered us is tried. Anybody can invent a member at the address of another host, so
 * these tries must end.
 */
export const UnprovedTries = 10

interface Candidate {
  readonly id: NodeId
  readonly claim: MemberClaim
  readonly diedAt: number
  /** Tries that are left; Infinity for a candidate that once answered us. */
  tries: number
}

/** Whether `a` makes room before `b`. */
const goesBefore = (a: Candidate, b: Candidate): boolean => {
  const unproved = a.tries !== Infinity
  return unproved === (b.tries !== Infinity) ? a.diedAt < b.diedAt : unproved
}

/** The candidates for healing. Times are in ms of the monotonic clock. */
export class HealList {
  readonly #candidates: Array<Candidate> = []
  /** Where each candidate stands in `#candidates`. */
  readonly #index = new Map<NodeId, number>()
  readonly #timeout: number

  /** `timeout`: how long after its death a candidate is tried, in ms. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  get size(): number {
    return this.#candidates.length
  }

  has(id: NodeId): boolean {
    return this.#index.has(id)
  }

  /** Adds a member that died. `proved`: whether it ever answered us at its address. */
  add(id: NodeId, claim: MemberClaim, now: number, proved: boolean): void {
    this.remove(id)
    if (this.#candidates.length >= MaxCandidates) this.#evict()
    this.#index.set(id, this.#candidates.length)
    this.#candidates.push({ id, claim, diedAt: now, tries: proved ? Infinity : UnprovedTries })
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
   * A random candidate, or `undefined`. Candidates that are drawn and must not be tried any more are removed: those past
   * the timeout, those without tries left, and those whose address is `taken` by another live node.
   */
  pick(random: () => number, now: number, taken: (claim: MemberClaim) => boolean): MemberClaim | undefined {
    while (this.#candidates.length > 0) {
      const candidate = this.#candidates[Math.floor(random() * this.#candidates.length)]!
      const expired = now - candidate.diedAt >= this.#timeout || candidate.tries === 0
      if (!expired && !taken(candidate.claim)) {
        candidate.tries--
        return candidate.claim
      }
      this.remove(candidate.id)
    }
    return undefined
  }

  /** Looks at all candidates. This happens only at the bound, where each new death has cost more than that. */
  #evict(): void {
    let first = this.#candidates[0]
    for (const candidate of this.#candidates) {
      if (first === undefined || goesBefore(candidate, first)) first = candidate
    }
    if (first !== undefined) this.remove(first.id)
  }
}
