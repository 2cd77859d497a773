/**
 * The member table of a level 0 node: a map of rows that is sorted for each message. Its rules are those that the protocol
 * describes for the older implementation, with the defects. Section numbers are those of the protocol.
 */
import type { NetAddress } from "effect/net"
import type { NodeId } from "../../domain/NodeId.ts"
import * as SerialNumber from "../../domain/SerialNumber.ts"
import type { MessageEntry } from "../../wire/Message.ts"

/**
 * The status of a member. A member that left is dead.
 *
 * @category models
 * @since 0.2.0
 */
export type Level0Status = "alive" | "suspect" | "dead"

/**
 * A member in the view of a level 0 node.
 *
 * @category models
 * @since 0.2.0
 */
export interface Level0Member {
  readonly id: NodeId
  readonly address: NetAddress.InetAddress
  readonly status: Level0Status
  readonly incarnation: number
  readonly heartbeat: number
}

/**
 * A new status, at `at` ms of the monotonic clock. `previous` is undefined for a member that was unknown.
 *
 * @category models
 * @since 0.2.0
 */
export interface Level0Change extends Level0Member {
  readonly at: number
  readonly previous: Level0Status | undefined
}

/** Times in ms. */
export interface Level0TableOptions {
  readonly suspectTimeout: number
  readonly suspectMultiplier: number
  readonly suspectJitter: number
  readonly deadRetention: number
}

interface Row {
  readonly id: NodeId
  address: NetAddress.InetAddress
  status: MessageEntry["status"]
  incarnation: number
  heartbeat: number
  /** The number of the update of the table: the greatest is the newest. */
  updated: number
  /** When a suspicion ends. */
  deadline: number
  diedAt: number
}

const severity = { Alive: 0, Suspect: 1, Dead: 2 } as const
const statusOf = { Alive: "alive", Suspect: "suspect", Dead: "dead" } as const

const memberOf = ({ address, heartbeat, id, incarnation, status }: Row): Level0Member => ({
  id,
  address,
  status: statusOf[status],
  incarnation,
  heartbeat
})

const entryOf = ({ address, heartbeat, id, incarnation, status }: Row): MessageEntry => ({
  nodeId: id,
  heartbeat,
  incarnation,
  status,
  address
})

/** ceil(log2 n), at least 1. */
export const ceilLog2 = (n: number): number => Math.max(1, Math.ceil(Math.log2(n)))

export class Level0Table {
  /** Our own row, which is sent like the others. */
  readonly self: Row
  /** While leaving, nothing is refuted. */
  leaving = false
  readonly #rows = new Map<NodeId, Row>()
  readonly #options: Level0TableOptions
  readonly #random: () => number
  readonly #changed: (change: Level0Change) => void
  #updates = 0

  constructor(
    id: NodeId,
    address: NetAddress.InetAddress,
    incarnation: number,
    options: Level0TableOptions,
    random: () => number,
    changed: (change: Level0Change) => void
  ) {
    this.#options = options
    this.#random = random
    this.#changed = changed
    this.self = {
      id,
      address,
      status: "Alive",
      incarnation,
      heartbeat: 0,
      updated: 0,
      deadline: Infinity,
      diedAt: Infinity
    }
    this.#rows.set(id, this.self)
  }

  /** The number of all members that were ever known, ourselves included. */
  get size(): number {
    return this.#rows.size
  }

  row(id: NodeId): Row | undefined {
    return this.#rows.get(id)
  }

  /** The Alive and Suspect members, without ourselves. */
  live(): Array<Row> {
    return [...this.#rows.values()].filter((row) => row !== this.self && row.status !== "Dead")
  }

  /** The listed members, ourselves first; dead ones for the time of `deadRetention`. */
  members(now: number): Array<Level0Member> {
    const { deadRetention } = this.#options
    return [...this.#rows.values()]
      .filter(({ diedAt, status }) => status !== "Dead" || now - diedAt < deadRetention)
      .map(memberOf)
  }

  raiseHeartbeat(): void {
    this.self.heartbeat = SerialNumber.add(this.self.heartbeat, 1)
    this.#touch(this.self)
  }

  /**
   * All entries, the last updated first, as in the recorded packets. Dead members are included for ever (2.2).
   */
  entries(): Array<MessageEntry> {
    return [...this.#rows.values()].sort((a, b) => b.updated - a.updated).map(entryOf)
  }

  /** Our own entry and the `most` newest entries of others. */
  piggyback(most: number): Array<MessageEntry> {
    let room = most
    return this.entries().filter(({ nodeId }) => nodeId === this.self.id || room-- > 0)
  }

  /** Merges a claim about a node. */
  merge(claim: MessageEntry, now: number): void {
    if (claim.nodeId === this.self.id) return this.#refute(claim)
    const held = this.#rows.get(claim.nodeId)
    if (held !== undefined && !wins(claim, held)) return
    this.#store(held, claim, now)
  }

  /** Merges the header of a message, as a claim that its sender is Alive. The source address counts only for an unknown sender. */
  mergeSender(
    { heartbeat, incarnation, senderId }: { senderId: NodeId; heartbeat: number; incarnation: number },
    source: NetAddress.InetAddress,
    now: number
  ): void {
    const address = this.#rows.get(senderId)?.address ?? source
    this.merge({ nodeId: senderId, heartbeat, incarnation, status: "Alive", address }, now)
  }

  /** Merges a LEAVE. One that is not older than the known claim makes the member Dead (2.2: anything -> Left). */
  leave(id: NodeId, incarnation: number, heartbeat: number, now: number): void {
    const row = this.#rows.get(id)
    if (row === undefined || row === this.self || row.status === "Dead") return
    if (SerialNumber.compare(incarnation, row.incarnation) < 0) return
    this.#store(row, { ...entryOf(row), incarnation, heartbeat: later(heartbeat, row.heartbeat), status: "Dead" }, now)
  }

  /**
   * Suspects a member after a failed probe. The heartbeat is not raised, so the member's next one clears the suspicion
   * (2.1: "795 suspicions in three minutes against 38").
   */
  suspect(id: NodeId, now: number): void {
    const row = this.#rows.get(id)
    if (row?.status === "Alive") this.#store(row, { ...entryOf(row), status: "Suspect" }, now)
  }

  /** Declares members dead whose suspicion has expired. */
  expire(now: number): void {
    for (const row of this.#rows.values()) {
      if (row.status === "Suspect" && row.deadline <= now) this.#store(row, { ...entryOf(row), status: "Dead" }, now)
    }
  }

  /**
   * Refutes a claim with our own incarnation + 1 only (2.1), so a claim that is far ahead needs a round for each step. An
   * Alive claim about a former life is ignored.
   */
  #refute({ incarnation, status }: MessageEntry): void {
    if (status === "Alive" || this.leaving || SerialNumber.compare(incarnation, this.self.incarnation) < 0) return
    this.self.incarnation = SerialNumber.add(this.self.incarnation, 1)
    this.#touch(this.self)
  }

  #store(held: Row | undefined, claim: MessageEntry, now: number): void {
    const { address, heartbeat, incarnation, nodeId, status } = claim
    const previous = held?.status
    const isNew = previous !== status || held?.incarnation !== incarnation
    const row = held ?? { id: nodeId, address, status, incarnation, heartbeat, updated: 0, deadline: 0, diedAt: 0 }
    Object.assign(row, { address, status, incarnation, heartbeat })
    this.#rows.set(nodeId, row)
    this.#touch(row)
    if (isNew && status === "Suspect") row.deadline = now + this.#suspicion()
    if (isNew && status === "Dead") row.diedAt = now
    if (previous === status) return
    this.#changed({ ...memberOf(row), at: now, previous: previous && statusOf[previous] })
  }

  /** `suspect_timeout x (1 + suspect_multiplier x log2(n))` and a jitter (2.2), in ms. */
  #suspicion(): number {
    const { suspectJitter, suspectMultiplier, suspectTimeout } = this.#options
    const n = this.live().length + 1
    return suspectTimeout * (1 + suspectMultiplier * Math.log2(n)) + suspectJitter * this.#random()
  }

  #touch(row: Row): void {
    row.updated = ++this.#updates
  }
}

const later = (a: number, b: number): number => (SerialNumber.compare(a, b) > 0 ? a : b)

/**
 * Whether a claim replaces the known one (2.1). At one incarnation a claim with a lower heartbeat loses whatever its status
 * is, and nothing replaces Dead. So of two nodes that know different heartbeats, one can see a third dead and the other see
 * it alive, for ever. Otherwise the higher heartbeat wins with its status, so an Alive claim clears a suspicion, and at
 * equal heartbeats the more severe status wins.
 */
const wins = (claim: MessageEntry, held: Row): boolean => {
  const byIncarnation = SerialNumber.compare(claim.incarnation, held.incarnation)
  if (byIncarnation !== 0) return byIncarnation > 0
  const byHeartbeat = SerialNumber.compare(claim.heartbeat, held.heartbeat)
  if (byHeartbeat < 0 || held.status === "Dead") return false
  return byHeartbeat > 0 || severity[claim.status] > severity[held.status]
}
