/**
 * What a node of the older implementation believes of the others: a map of records, sorted whenever a message is
 * written. Its rules are those that the protocol tells of it, defects included; section numbers are the protocol's.
 */
import type { NetAddress } from "effect/net"
import type { NodeId } from "../../domain/NodeId.ts"
import * as SerialNumber from "../../domain/SerialNumber.ts"
import type { MessageEntry } from "../../wire/Message.ts"

/** What the older implementation calls a member; who left is dead. */
export type Level0Status = "alive" | "suspect" | "dead"

/** One member as an older node sees it. */
export interface Level0Member {
  readonly id: NodeId
  readonly address: NetAddress.InetAddress
  readonly status: Level0Status
  readonly incarnation: number
  readonly heartbeat: number
}

/** A member's new status, at `at` ms of the monotonic clock; `previous` is undefined of a member that was unknown. */
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
  /** Counts the updates of the table: the greatest is the newest. */
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

/** ceil(log2 n), and 1 for a node alone. */
export const ceilLog2 = (n: number): number => Math.max(1, Math.ceil(Math.log2(n)))

export class Level0Table {
  /** Ourselves, a row like the others in everything that is sent. */
  readonly self: Row
  /** While leaving we refute nothing. */
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

  /** Everybody we ever heard of, ourselves included. */
  get size(): number {
    return this.#rows.size
  }

  row(id: NodeId): Row | undefined {
    return this.#rows.get(id)
  }

  /** The Alive and Suspect members but ourselves. */
  live(): Array<Row> {
    return [...this.#rows.values()].filter((row) => row !== this.self && row.status !== "Dead")
  }

  /** Members, ourselves first, the dead for the time of `deadRetention`. */
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
   * The table as entries, the dead included for ever (2.2), by the time of the last update with the newest first: the
   * order in which the entries of every recorded packet stand.
   */
  entries(): Array<MessageEntry> {
    return [...this.#rows.values()].sort((a, b) => b.updated - a.updated).map(entryOf)
  }

  /** Our own entry and the `most` newest of others. */
  piggyback(most: number): Array<MessageEntry> {
    let room = most
    return this.entries().filter(({ nodeId }) => nodeId === this.self.id || room-- > 0)
  }

  /** Takes in what somebody says of a node. */
  merge(claim: MessageEntry, now: number): void {
    if (claim.nodeId === this.self.id) return this.#refute(claim)
    const held = this.#rows.get(claim.nodeId)
    if (held !== undefined && !wins(claim, held)) return
    this.#store(held, claim, now)
  }

  /** Takes the header of a message as a claim that its sender is Alive; its address is only that of an unknown one. */
  mergeSender(
    { heartbeat, incarnation, senderId }: { senderId: NodeId; heartbeat: number; incarnation: number },
    source: NetAddress.InetAddress,
    now: number
  ): void {
    const address = this.#rows.get(senderId)?.address ?? source
    this.merge({ nodeId: senderId, heartbeat, incarnation, status: "Alive", address }, now)
  }

  /** A member says that it leaves. Any that is not older than what we hold makes it Dead (2.2: anything -> Left). */
  leave(id: NodeId, incarnation: number, heartbeat: number, now: number): void {
    const row = this.#rows.get(id)
    if (row === undefined || row === this.self || row.status === "Dead") return
    if (SerialNumber.compare(incarnation, row.incarnation) < 0) return
    this.#store(row, { ...entryOf(row), incarnation, heartbeat: later(heartbeat, row.heartbeat), status: "Dead" }, now)
  }

  /**
   * Our own probe failed. The heartbeat stays as it is, so the next one that anybody hears of clears the suspicion (2.1:
   * "795 suspicions in three minutes against 38").
   */
  suspect(id: NodeId, now: number): void {
    const row = this.#rows.get(id)
    if (row?.status === "Alive") this.#store(row, { ...entryOf(row), status: "Suspect" }, now)
  }

  /** Who was suspect for long enough is dead. */
  expire(now: number): void {
    for (const row of this.#rows.values()) {
      if (row.status === "Suspect" && row.deadline <= now) this.#store(row, { ...entryOf(row), status: "Dead" }, now)
    }
  }

  /**
   * Refutes with merely our own incarnation + 1 (2.1), so a claim that is far ahead takes a round for each step. A claim
   * that we are Alive, of a former life, is ignored.
   */
  #refute({ incarnation, status }: MessageEntry): void {
    if (status === "Alive" || this.leaving || SerialNumber.compare(incarnation, this.self.incarnation) < 0) return
    this.self.incarnation = SerialNumber.add(this.self.incarnation, 1)
    this.#touch(this.self)
  }

  #store(held: Row | undefined, claim: MessageEntry, now: number): void {
    const { address, heartbeat, incarnation, nodeId, status } = claim
    const previous = held?.status
    const anew = previous !== status || held?.incarnation !== incarnation
    const row = held ?? { id: nodeId, address, status, incarnation, heartbeat, updated: 0, deadline: 0, diedAt: 0 }
    Object.assign(row, { address, status, incarnation, heartbeat })
    this.#rows.set(nodeId, row)
    this.#touch(row)
    if (anew && status === "Suspect") row.deadline = now + this.#suspicion()
    if (anew && status === "Dead") row.diedAt = now
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
 * Whether a claim replaces the one that is held (2.1). At one incarnation a lower heartbeat loses whatever its status,
 * Dead too, and Dead is the last word; so of two nodes that heard different heartbeats one can hold a third dead and the
 * other alive, for ever. Apart from that the higher heartbeat wins and brings its status, so an Alive one clears a
 * suspicion, and at equal heartbeats the more severe status wins.
 */
const wins = (claim: MessageEntry, held: Row): boolean => {
  const byIncarnation = SerialNumber.compare(claim.incarnation, held.incarnation)
  if (byIncarnation !== 0) return byIncarnation > 0
  const byHeartbeat = SerialNumber.compare(claim.heartbeat, held.heartbeat)
  if (byHeartbeat < 0 || held.status === "Dead") return false
  return byHeartbeat > 0 || severity[claim.status] > severity[held.status]
}
