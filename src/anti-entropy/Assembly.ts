/**
 * Snapshots of other nodes while their chunks arrive. Each chunk is merged at once.
 * What is kept here tells when a snapshot is complete and how to answer it.
 */
import type { NodeId } from "../domain/NodeId.ts"
import { setNewest } from "../domain/OldestKey.ts"
import type { MemberTable } from "../membership/MemberTable.ts"
import { SnapshotComparison } from "./SnapshotComparison.ts"

/** The most chunks of one snapshot: room for about 100 000 members. */
export const MaxChunks = 2048

/** How long a snapshot may take from its first chunk, in ms. */
export const Lifetime = 10_000

/** One snapshot in progress. */
export class Assembly {
  readonly version: number
  readonly total: number
  readonly startedAt: number
  readonly comparison: SnapshotComparison
  readonly #received: Uint8Array
  #remaining: number

  constructor(table: MemberTable, version: number, total: number, now: number) {
    this.version = version
    this.total = total
    this.startedAt = now
    this.comparison = new SnapshotComparison(table)
    this.#received = new Uint8Array(total)
    this.#remaining = total
  }

  /** Notes that a chunk arrived. Returns `false` for a duplicate. */
  receive(index: number): boolean {
    if (this.#received[index] !== 0) return false
    this.#received[index] = 1
    this.#remaining--
    return true
  }

  /** Whether every chunk has arrived. */
  get complete(): boolean {
    return this.#remaining === 0
  }
}

/** All snapshots in progress, at most one per sender. Times are in ms of the monotonic clock. */
export class Assemblies {
  /** In the order of their last chunk. */
  readonly #bySender = new Map<NodeId, Assembly>()
  readonly #table: MemberTable
  readonly #limit: number
  /** Chunks whose header contradicts itself or an earlier one. */
  inconsistent = 0

  /** `limit`: the most snapshots in progress. For a new one, the one that got no chunk for longest is dropped. */
  constructor(table: MemberTable, limit: number) {
    this.#table = table
    this.#limit = limit
  }

  get size(): number {
    return this.#bySender.size
  }

  /**
   * The snapshot that a chunk belongs to, which is started if it is new. `undefined` for a chunk that is inconsistent, a
   * duplicate, or part of an older snapshot.
   */
  chunk(sender: NodeId, version: number, index: number, total: number, now: number): Assembly | undefined {
    if (total === 0 || index >= total || total > MaxChunks) return this.#reject()
    let assembly = this.#bySender.get(sender)
    if (assembly !== undefined && now - assembly.startedAt >= Lifetime) {
      this.#bySender.delete(sender)
      assembly = undefined
    }
    if (assembly !== undefined && version < assembly.version) return undefined
    if (assembly === undefined || version > assembly.version) {
      assembly = new Assembly(this.#table, version, total, now)
    } else if (assembly.total !== total) return this.#reject()
    setNewest(this.#bySender, sender, assembly, this.#limit)
    return assembly.receive(index) ? assembly : undefined
  }

  /** Forgets the snapshot of a sender. */
  finish(sender: NodeId): void {
    this.#bySender.delete(sender)
  }

  #reject(): undefined {
    this.inconsistent++
    return undefined
  }
}
