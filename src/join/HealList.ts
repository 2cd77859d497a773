/**
 * Members that died without leaving, with their whole last claim. They outlive
 * their tombstones: as long as we try them now and then, a partition merges by
 * itself after it has healed, however long it lasted.
 */
import type { NodeId } from "../domain/NodeId.ts"
import type { MemberClaim } from "../outbox/MessagePacker.ts"

/** The most candidates; of those, one that never answered goes first, and else the one that died first. */
export const MaxCandidates = 1024
/** How often one that never answered is tried: anybody can invent a member at somebody else's address. */
export const GhostTries = 10

interface Candidate {
  readonly id: NodeId
  readonly claim: MemberClaim
  readonly diedAt: number
  /** Tries that are left; Infinity for one that we know to have lived. */
  tries: number
}

const isWorse = (a: Candidate, b: Candidate): boolean => {
  const ghost = a.tries !== Infinity
  return ghost === (b.tries !== Infinity) ? a.diedAt < b.diedAt : ghost
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

  /** `proved`: whether it ever answered us at its address. */
  add(id: NodeId, claim: MemberClaim, now: number, proved: boolean): void {
    this.remove(id)
    if (this.#candidates.length >= MaxCandidates) this.#evict()
    this.#index.set(id, this.#candidates.length)
    this.#candidates.push({ id, claim, diedAt: now, tries: proved ? Infinity : GhostTries })
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
   * way: too old, tried often enough, or `taken`, which tells that a live member of
   * another id has their address.
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

  /** Only at the bound, where a walk over 1024 is cheap beside what filled it. */
  #evict(): void {
    let worst = this.#candidates[0]
    for (const candidate of this.#candidates) {
      if (worst === undefined || isWorse(candidate, worst)) worst = candidate
    }
    if (worst !== undefined) this.remove(worst.id)
  }
}
