/**
 * Members that died without leaving, each with its last claim. An entry outlives the
 * tombstone of its member. One entry at a time is tried now and then, so a partition
 * merges by itself after it has healed, however long it lasted.
 */
import type { NodeId } from "../domain/NodeId.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type { MemberClaim } from "../outbox/MemberClaim.ts"

/** The most candidates. For a new one, the oldest death makes room, candidates that never answered us first. */
export const MaxCandidates = 1024

/**
 * How often a candidate that never answered us is tried like any other. After that it rests until the time since its death
 * has doubled at each try. Anybody can invent a member at the address of another host, so that address must get few
 * datagrams. But a cluster that is split just after it formed has real members that never answered each other.
 */
export const UnprovedTries = 10

interface Candidate {
  readonly id: NodeId
  readonly claim: MemberClaim
  readonly diedAt: number
  /** Whether it once answered us. */
  readonly proved: boolean
  tries: number
  /** Until when it is not tried. */
  restsUntil: number
}

/** Whether `a` makes room before `b`. */
const goesBefore = (a: Candidate, b: Candidate): boolean => (a.proved === b.proved ? a.diedAt < b.diedAt : b.proved)

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

  /** Whether a candidate once answered us at a packed address. */
  hasAnsweredAt(id: NodeId, address: Uint8Array, at: number): boolean {
    const index = this.#index.get(id)
    if (index === undefined) return false
    const { claim, proved } = this.#candidates[index]!
    return proved && PackedAddress.equals(claim.address, 0, address, at)
  }

  /** Adds a member that died. `proved`: whether it ever answered us at its address. */
  add(id: NodeId, claim: MemberClaim, now: number, proved: boolean): void {
    this.remove(id)
    if (this.#candidates.length >= MaxCandidates) this.#evict()
    this.#index.set(id, this.#candidates.length)
    this.#candidates.push({ id, claim, diedAt: now, proved, tries: 0, restsUntil: now })
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
   * A random candidate that does not rest, or `undefined`. Candidates that are drawn and must not be tried any more are
   * removed: those past the timeout, and those whose address is `taken` by another live node.
   */
  pick(random: () => number, now: number, taken: (claim: MemberClaim) => boolean): MemberClaim | undefined {
    const ready = this.#candidates.filter(({ restsUntil }) => restsUntil <= now)
    while (ready.length > 0) {
      const [candidate] = ready.splice(Math.floor(random() * ready.length), 1)
      if (candidate === undefined) return undefined
      const { claim, diedAt, id, proved } = candidate
      if (now - diedAt >= this.#timeout || taken(claim)) {
        this.remove(id)
        continue
      }
      candidate.tries++
      if (!proved && candidate.tries >= UnprovedTries) candidate.restsUntil = now + (now - diedAt)
      return claim
    }
    return undefined
  }

  /** How many candidates do not rest. */
  countReady(now: number): number {
    return this.#candidates.reduce((count, { restsUntil }) => (restsUntil <= now ? count + 1 : count), 0)
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
