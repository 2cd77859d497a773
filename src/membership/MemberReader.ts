/** Reads members out of a node's view, as values that do not change afterwards. */
import { DateTime, Duration, Option } from "effect"
import type { NetAddress } from "effect/net"
import * as Claim from "../domain/Claim.ts"
import type { Member, MemberStatus } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type { ClusterView } from "./ClusterView.ts"
import { type Labels, noLabels } from "./HeldTags.ts"
import type { Counts } from "./Membership.ts"
import { Mark, type MemberTable, Phase, SelfSlot } from "./MemberTable.ts"

/** What tells the wall-clock time of a monotonic time; a part of `NodeClock`. */
export interface WallTime {
  readonly clock: { readonly currentTimeMillisUnsafe: () => number }
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number
}

export class MemberReader {
  readonly #view: ClusterView
  readonly #table: MemberTable
  readonly #time: WallTime

  constructor(view: ClusterView, time: WallTime) {
    this.#view = view
    this.#table = view.table
    this.#time = time
  }

  /** A time of the monotonic clock, in ms, as wall-clock time. */
  toDateTime(monotonic: number): DateTime.Utc {
    return DateTime.makeUnsafe(this.#time.clock.currentTimeMillisUnsafe() - (this.#time.now() - monotonic))
  }

  /** The member in a slot, which must hold one. */
  memberAt(slot: number): Member {
    const table = this.#table
    const roundTrip = table.roundTrip(slot)
    const { name, startedAt, tags } = this.labelsAt(slot)
    return {
      id: this.#view.idOf(slot),
      address: table.inetAddress(slot),
      status: this.#statusOf(slot),
      incarnation: table.incarnation(slot),
      heartbeat: table.heartbeat(slot),
      level: table.level(slot),
      since: this.toDateTime(table.since(slot)),
      tags,
      self: slot === SelfSlot,
      ...(name === undefined ? {} : { name }),
      ...(startedAt === undefined ? {} : { startedAt: DateTime.makeUnsafe(startedAt) }),
      ...(Number.isNaN(roundTrip) ? {} : { roundTrip: Duration.millis(roundTrip) })
    }
  }

  /** What the tags of a member say. */
  labelsAt(slot: number): Labels {
    return this.#table.tags[slot]?.labels ?? noLabels
  }

  #statusOf(slot: number): MemberStatus {
    switch (this.#table.statusOf(slot)) {
      case Claim.Alive:
        return "alive"
      case Claim.Suspect:
        return "suspect"
      case Claim.Dead:
        return this.#table.has(slot, Mark.Left) ? "left" : "dead"
    }
  }

  #isListed(slot: number): boolean {
    return slot >= 0 && (this.#table.phase(slot) === Phase.Member || this.#table.phase(slot) === Phase.Self)
  }

  /** The node itself. */
  self(): Member {
    return this.memberAt(SelfSlot)
  }

  /** Every listed member, the node itself first. */
  members(): ReadonlyArray<Member> {
    return this.#membersWhere(() => true)
  }

  /** Every member that is alive, the node itself first. */
  alive(): ReadonlyArray<Member> {
    return this.#membersWhere((slot) => this.#table.status(slot) === Claim.Alive)
  }

  #membersWhere(include: (slot: number) => boolean): ReadonlyArray<Member> {
    const members: Array<Member> = []
    for (let slot = 0; slot < this.#table.top; slot++) {
      if (this.#isListed(slot) && include(slot)) members.push(this.memberAt(slot))
    }
    return members
  }

  /** The listed member with this id. */
  get(id: NodeId): Option.Option<Member> {
    const slot = this.#view.slotOf(id)
    return this.#isListed(slot) ? Option.some(this.memberAt(slot)) : Option.none()
  }

  /** The alive or suspect member at this address. */
  byAddress(address: NetAddress.InetAddress): Option.Option<Member> {
    const packed = PackedAddress.pack(address)
    // Another member at our own address is our former run: the address is ours.
    if (this.#table.sameAddress(SelfSlot, packed, 0)) return Option.some(this.self())
    const slot = this.#table.liveAt(packed, 0)
    return slot >= 0 ? Option.some(this.memberAt(slot)) : Option.none()
  }

  /** How many members have each status. */
  counts(): Counts {
    const table = this.#table
    const leaving = this.#view.leaving ? 1 : 0
    return {
      alive: table.alive - leaving,
      suspect: table.suspect,
      dead: table.dead.length - table.leftCount,
      left: table.leftCount + leaving
    }
  }

  /** How many members are alive or suspect, the node itself included. */
  live(): number {
    return this.#table.live
  }
}
