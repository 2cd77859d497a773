/** Nodes that claim one id, or our address. */
import type { NetAddress } from "effect/net"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import { setNewest } from "../domain/OldestKey.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type { ClaimRecord } from "./ClaimRecord.ts"
import type { MemberTable } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"
import type { Conflict } from "./ViewObserver.ts"

/** After this many ms, old gossip about a node that ran at our address before us is no longer passed on. */
const FormerSelfSettles = 10_000
/** Conflicts that are remembered as reported. Beyond it, none is reported any more. */
const MaxReported = 1024
/** A conflict of two nodes with one id is reported again after this time, in ms, if it goes on. */
export const ReportInterval = 60_000
/** A conflict that was not seen for this long, in ms, is over. */
export const Lasting = 120_000
/** A member that comes back this often to an address that it left within `MovesWindow` is two nodes. */
const Returns = 2
/** How long an address that a member left is remembered, in ms. */
const MovesWindow = 60_000
/** Addresses that are remembered of one member. */
const MaxLeft = 4
/** Members whose former addresses are remembered; beyond, the one that moved longest ago is forgotten. */
const MaxMovers = 1024

/**
 * A conflict that goes on.
 *
 * @category models
 * @since 0.2.0
 */
export interface LastingConflict {
  readonly kind: Conflict["kind"]
  readonly id: NodeId.NodeId
  /** Where a node with that id is, or was a moment ago. */
  readonly addresses: ReadonlyArray<NetAddress.InetAddress>
  /** When it was first and last seen, in ms of the monotonic clock. */
  readonly since: number
  readonly seenAt: number
  /** How many claims showed it. */
  readonly count: number
}

interface Known {
  readonly kind: Conflict["kind"]
  readonly id: NodeId.NodeId
  readonly addresses: ReadonlyArray<NetAddress.InetAddress>
  readonly since: number
  seenAt: number
  reportedAt: number
  count: number
}

/** The addresses that a member left, and how often it came back to one. */
interface Moves {
  readonly left: Array<{ readonly address: Uint8Array; at: number }>
  returns: number
}

export class Conflicts {
  /** Claims that were conflicts. */
  readonly countByKind: Record<Conflict["kind"], number> = { SameId: 0, SameAddress: 0 }
  readonly #table: MemberTable
  readonly #observers: Observers
  readonly #known = new Map<string, Known>()
  readonly #moves = new Map<number, Moves>()

  constructor(table: MemberTable, observers: Observers) {
    this.#table = table
    this.#observers = observers
  }

  /**
   * Checks a claim about a member whose address is ours. It is our former self, which is left alone to die, unless it
   * sends messages or others know newer claims of it after old gossip has settled. `won`: the claim beat what was held.
   */
  checkOurAddress(slot: number, claim: ClaimRecord, won: boolean): void {
    const table = this.#table
    if (!table.isLive(slot)) return
    const settled = claim.now - table.atOurAddressSince(slot) > FormerSelfSettles
    if (claim.firstHand || (won && settled && table.status(slot) === Claim.Alive)) {
      const id = NodeId.fromWords(table.idHi(slot), table.idLo(slot))
      const address = table.inetAddress(slot)
      this.report({ kind: "SameAddress", id, address, addresses: [address] }, claim)
    }
  }

  /**
   * A member is about to get the address of a claim. One that goes back and forth between addresses is two nodes with one
   * id, and each refutes the other.
   */
  moves(slot: number, claim: ClaimRecord): void {
    const table = this.#table
    const { address, addressAt, now } = claim
    const moves = this.#moves.get(slot) ?? { left: [], returns: 0 }
    setNewest(this.#moves, slot, moves, MaxMovers)
    const { left } = moves
    while (left.length > 0 && now - left[0]!.at > MovesWindow) left.shift()
    if (left.length === 0) moves.returns = 0
    const returned = left.findIndex((former) => PackedAddress.equals(former.address, 0, address, addressAt))
    if (returned >= 0) {
      moves.returns++
      left.splice(returned, 1)
    }
    left.push({ address: table.packedAddress(slot), at: now })
    if (left.length > MaxLeft) left.shift()
    if (returned < 0 || moves.returns < Returns) return
    const id = NodeId.fromWords(table.idHi(slot), table.idLo(slot))
    const addresses = [...left.map((former) => former.address), address.slice(addressAt)]
      .map((packed) => PackedAddress.read(packed, 0))
      .toSorted((a, b) => (String(a) < String(b) ? -1 : 1))
    this.report({ kind: "SameId", id, address: table.inetAddress(slot), addresses }, claim)
  }

  /** Forgets where the member of a slot was, which another node may get. */
  forget(slot: number): void {
    this.#moves.delete(slot)
  }

  /**
   * Counts a conflict, and notifies the observers: of one id and its addresses at most once a minute, and of an address
   * that is ours once.
   */
  report(conflict: Omit<Conflict, "by">, { by, now }: ClaimRecord): void {
    const { address, addresses, id, kind } = conflict
    this.countByKind[kind]++
    const key = `${kind} ${id} ${addresses.join()}`
    const known = this.#known.get(key)
    if (known === undefined) {
      if (this.#known.size >= MaxReported) return
      this.#known.set(key, { kind, id, addresses, since: now, seenAt: now, reportedAt: now, count: 1 })
    } else {
      known.count++
      known.seenAt = now
      if (kind === "SameAddress" || now - known.reportedAt < ReportInterval) return
      known.reportedAt = now
    }
    this.#observers.conflict({ kind, id, address, addresses, by }, now)
  }

  /** The conflicts that go on. */
  lasting(now: number): ReadonlyArray<LastingConflict> {
    return [...this.#known.values()].filter(({ seenAt }) => now - seenAt < Lasting)
  }
}
