/**
 * Snapshots of others as they arrive, chunk by chunk. Chunks are merged at once;
 * this only keeps what is needed to answer when the last one is in: what the
 * sender knows worse than we do, and whom it named at all.
 */
import type { NodeId } from "../domain/NodeId.ts"

/** The most chunks of one snapshot, which is room for some 100 000 members. */
export const MaxChunks = 2048
/** How long a snapshot may take, in ms. */
export const Lifetime = 10_000

/** One snapshot in progress. */
export class Assembly {
  readonly version: number
  readonly total: number
  readonly startedAt: number
  #received: Uint8Array
  #remaining: number
  /** Slots that the snapshot named, as a bit set. */
  #named = new Uint8Array(64)
  /** How many nodes it named. */
  namedCount = 0
  /** Slots of which we know better. */
  readonly better = new Set<number>()

  constructor(version: number, total: number, now: number) {
    this.version = version
    this.total = total
    this.startedAt = now
    this.#received = new Uint8Array(total)
    this.#remaining = total
  }

  /** Notes a chunk; `false` when it was there already. */
  receive(index: number): boolean {
    if (this.#received[index] !== 0) return false
    this.#received[index] = 1
    this.#remaining--
    return true
  }

  get complete(): boolean {
    return this.#remaining === 0
  }

  name(slot: number): void {
    if (slot >> 3 >= this.#named.length) {
      const named = new Uint8Array(Math.max(2 * this.#named.length, (slot >> 3) + 1))
      named.set(this.#named)
      this.#named = named
    }
    const bit = 1 << (slot & 7)
    if ((this.#named[slot >> 3]! & bit) !== 0) return
    this.#named[slot >> 3] = this.#named[slot >> 3]! | bit
    this.namedCount++
  }

  isNamed(slot: number): boolean {
    return ((this.#named[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0
  }
}

/** All snapshots in progress, one per sender. */
export class Assemblies {
  readonly #bySender = new Map<NodeId, Assembly>()
  readonly #limit: number
  /** Chunks whose header contradicts itself or an earlier one. */
  inconsistent = 0

  /** `limit`: the most snapshots in progress; the one touched longest ago gives way. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#bySender.size
  }

  /**
   * The snapshot that a chunk belongs to, begun if need be; `undefined` when the
   * chunk is inconsistent, of an older snapshot, or a duplicate.
   */
  chunk(sender: NodeId, version: number, index: number, total: number, now: number): Assembly | undefined {
    if (total === 0 || index >= total || total > MaxChunks) return this.#drop()
    let assembly = this.#bySender.get(sender)
    if (assembly !== undefined && now - assembly.startedAt >= Lifetime) {
      this.#bySender.delete(sender)
      assembly = undefined
    }
    if (assembly !== undefined && version < assembly.version) return undefined
    if (assembly === undefined || version > assembly.version) {
      assembly = new Assembly(version, total, now)
    } else if (assembly.total !== total) return this.#drop()
    // Touched last, so it stands last.
    this.#bySender.delete(sender)
    this.#bySender.set(sender, assembly)
    if (this.#bySender.size > this.#limit) this.#evict()
    return assembly.receive(index) ? assembly : undefined
  }

  /** Forgets a sender's snapshot. */
  finish(sender: NodeId): void {
    this.#bySender.delete(sender)
  }

  #evict(): void {
    for (const sender of this.#bySender.keys()) {
      this.#bySender.delete(sender)
      return
    }
  }

  #drop(): undefined {
    this.inconsistent++
    return undefined
  }
}
