/** Checks the invariants of one node. */
import { Context, Duration } from "effect"
import { Dead, Suspect } from "../../domain/Claim.ts"
import type * as NodeId from "../../domain/NodeId.ts"
import { shortestSuspicion } from "../../failure-detector/SuspicionTiming.ts"
import * as SerialNumber from "../../domain/SerialNumber.ts"
import { ChangeFeed } from "../../membership/ChangeFeed.ts"
import { SelfSlot } from "../../membership/MemberTable.ts"
import type { Transition } from "../../membership/ViewObserver.ts"
import { readU16, readU32 } from "../../wire/Bytes.ts"
import { clusterSalt } from "../../wire/ClusterSalt.ts"
import { type EntryCursor, Ipv4EntryLength, MaxEntryLength, PrefixLength } from "../../wire/Entry.ts"
import { HeaderLength, Kind, SectionedKind } from "../../wire/Header.ts"
import { ChunkPrefixLength, type Inbound } from "../../wire/Inbound.ts"
import { SectionHeaderLength, SectionType } from "../../wire/sections/Section.ts"
import type { SimNode } from "../SimNode.ts"
import { NanosPerMilli } from "../time/Timeline.ts"
import { claimText, statusText } from "./ClaimText.ts"
import type { InvariantName } from "./Invariants.ts"
import { Replayed } from "./Replayed.ts"
import { ReportedTable } from "./ReportedTable.ts"
import { tableProblem } from "./TableAudit.ts"

/** Of two incarnations at a distance of exactly 2^31, neither is lower, and the order of merge does not say which wins. */
const isLower = (incarnation: number, than: number): boolean => SerialNumber.compare(incarnation, than) < 0

/** Where the entries of a message begin, if it has any. */
const entriesAt = (bytes: Uint8Array): number => {
  const kind = bytes[1]!
  if ((kind & SectionedKind) === 0) return HeaderLength + (kind === Kind.AntiEntropy ? ChunkPrefixLength : 0)
  let at = HeaderLength
  while (at + SectionHeaderLength <= bytes.length && bytes[at] !== SectionType.Entries) {
    at += SectionHeaderLength + readU16(bytes, at + 1)
  }
  return at + SectionHeaderLength
}

/** The published changes of this many nodes are checked, because every change is built for it. */
const MostReplayed = 16

/** A dead member that is no longer listed. */
interface Buried {
  readonly incarnation: number
  /** Until when its tombstone must exist, in ms of the node's clock. */
  readonly until: number
}

export class NodeCheck {
  /** The port of the node. Replies to its port probes go to others. */
  readonly port: number
  /** The salt of messages in the clear that the node reads. */
  readonly salt: number
  readonly #node: SimNode
  readonly #report: (invariant: InvariantName, detail: string) => void
  /** The number of datagrams that the node has dropped, because of a rate limit for example. */
  readonly #dropped: () => number
  readonly #reported = new ReportedTable()
  readonly #replayed: Replayed | undefined
  readonly #buried = new Map<NodeId.NodeId, Buried>()
  readonly #suspectTimeout: number
  readonly #deadRetention: number
  #ownIncarnation: number
  #ownHeartbeat: number
  /** The incarnation of a claim that the node has to refute, and when it received it, in ns of its clock. */
  #toRefute: number | undefined
  #receivedAt = 0
  /** The number of datagrams that the node had dropped by then. */
  #droppedThen = 0

  constructor(node: SimNode, dropped: () => number, report: (invariant: InvariantName, detail: string) => void) {
    this.#node = node
    this.#report = report
    this.#dropped = dropped
    this.port = Number(node.address.slice(node.address.lastIndexOf(":") + 1))
    this.salt = clusterSalt(node.config.network.cluster)
    const { probes } = node.config
    this.#suspectTimeout = shortestSuspicion(probes, node.config.extensions)
    this.#deadRetention = Duration.toMillis(probes.deadRetention)
    if (node.number <= MostReplayed) {
      this.#replayed = new Replayed(node.view, Context.get(node.context, ChangeFeed), (detail) =>
        report("changes", detail)
      )
    }
    const { table } = node.view
    this.#ownIncarnation = table.incarnation(SelfSlot)
    this.#ownHeartbeat = table.heartbeat(SelfSlot)
    node.view.observe({
      transition: (transition) => this.#changed(transition),
      forgotten: (slot) => this.#forgotten(slot),
      selfChanged: () => this.#checkSelf()
    })
  }

  #changed(transition: Transition): void {
    const { kind, now, slot } = transition
    const { view } = this.#node
    const { table } = view
    const reported = this.#reported
    const incarnation = table.incarnation(slot)
    const status = table.status(slot)
    if (kind === "Joined") {
      this.#checkJoin(view.idOf(slot), incarnation, status, now)
      if (reported.isListed(slot)) this.#report("table-audit", `${view.idOf(slot)} joined although it was listed`)
      reported.list(slot)
    } else {
      this.#checkTransition(transition, incarnation, status)
    }
    reported.set(slot, status, incarnation, table.heartbeat(slot), now)
  }

  #checkJoin(id: NodeId.NodeId, incarnation: number, status: number, now: number): void {
    const buried = this.#buried.get(id)
    if (buried === undefined) return
    this.#buried.delete(id)
    const raised = !isLower(incarnation, buried.incarnation) && incarnation !== buried.incarnation
    if (raised || now >= buried.until) return
    this.#report(
      "no-revival",
      `${id} is ${claimText(incarnation, status)} after it was ${claimText(buried.incarnation, Dead)}`
    )
  }

  #checkTransition(
    { cause, now, previousIncarnation, previousStatus, slot }: Transition,
    incarnation: number,
    status: number
  ): void {
    const { view } = this.#node
    const reported = this.#reported
    const id = view.idOf(slot)
    const before = reported.status[slot]!
    const previous = reported.incarnation[slot]!
    if (!reported.isListed(slot) || before !== previousStatus || previous !== previousIncarnation) {
      const previously = claimText(previousIncarnation, previousStatus)
      this.#report(
        "table-audit",
        `${id} was reported as ${claimText(previous, before)}, and then as ${previously} before`
      )
    }
    // A level 0 node suspects without raising the heartbeat, so a higher heartbeat can clear its suspicion.
    const heartbeat = view.table.heartbeat(slot)
    const cleared = before === Suspect && SerialNumber.compare(heartbeat, reported.heartbeat[slot]!) > 0
    if (isLower(incarnation, previous) || (incarnation === previous && status < before && !cleared)) {
      this.#report(
        before === Dead ? "no-revival" : "order-of-merge",
        `${id} went from ${claimText(previous, before)} to ${claimText(incarnation, status)}`
      )
    }
    if (cause._tag !== "SuspicionExpired") return
    const lasted = now - reported.suspectSince(slot, now)
    // Timers may be early by 1 ms.
    if (before === Suspect && lasted >= this.#suspectTimeout - 2) return
    this.#report("suspicion", `${id} was ${statusText(before)} for ${lasted} ms when its suspicion expired`)
  }

  #forgotten(slot: number): void {
    const { clock, config, view } = this.#node
    this.#reported.unlist(slot)
    // The node now removes its oldest tombstone, and only it knows which that is.
    if (view.table.tombstones.length > config.limits.tombstones) this.#buried.clear()
    const now = clock.nanos / NanosPerMilli
    this.#buried.set(view.idOf(slot), {
      incarnation: view.table.incarnation(slot),
      until: now + 10 * this.#deadRetention
    })
  }

  #checkSelf(): void {
    const { table } = this.#node.view
    const incarnation = table.incarnation(SelfSlot)
    const heartbeat = table.heartbeat(SelfSlot)
    // A claim at a distance of exactly 2^31 is refuted too, by the next incarnation after it.
    const wrapped = incarnation === SerialNumber.add(this.#ownIncarnation, 0x80000001)
    if (isLower(incarnation, this.#ownIncarnation) && !wrapped) {
      this.#report("own-incarnation", `its incarnation decreased from ${this.#ownIncarnation} to ${incarnation}`)
    } else if (SerialNumber.compare(heartbeat, this.#ownHeartbeat) < 0) {
      this.#report("own-incarnation", `its heartbeat decreased from ${this.#ownHeartbeat} to ${heartbeat}`)
    }
    this.#ownIncarnation = incarnation
    this.#ownHeartbeat = heartbeat
    if (this.#toRefute !== undefined && SerialNumber.compare(incarnation, this.#toRefute) > 0)
      this.#toRefute = undefined
  }

  /** Whether a datagram may contain a claim about the node. It is a fast check, because nearly none does. */
  isMentionedIn(bytes: Uint8Array): boolean {
    const { table } = this.#node.view
    const hi = table.idHi(SelfSlot)
    const lo = table.idLo(SelfSlot)
    let at = entriesAt(bytes)
    while (at + Ipv4EntryLength <= bytes.length) {
      if (readU32(bytes, at + 4) === lo && readU32(bytes, at) === hi) return true
      at += bytes[at + PrefixLength] === 4 ? Ipv4EntryLength : MaxEntryLength
    }
    return false
  }

  /** Records the claims about the node in a message that it is about to receive. */
  receives(inbound: Inbound, cursor: EntryCursor): void {
    const { view } = this.#node
    const { table } = view
    const { bytes, entriesEnd } = inbound
    for (let at = inbound.entriesStart; at < entriesEnd; at = cursor.next) {
      cursor.read(bytes, at)
      if (cursor.idHi !== table.idHi(SelfSlot) || cursor.idLo !== table.idLo(SelfSlot)) continue
      // A conflict, another node with this id, is refuted only now and then.
      if (!table.sameAddress(SelfSlot, bytes, cursor.addressAt)) continue
      if (cursor.status !== Suspect && cursor.status !== Dead) continue
      if (SerialNumber.compare(cursor.incarnation, this.#toRefute ?? view.incarnation) < 0) continue
      this.#toRefute = cursor.incarnation
      this.#receivedAt = this.#node.clock.nanos
      this.#droppedThen = this.#dropped()
    }
  }

  checkRefuted(): void {
    const incarnation = this.#toRefute
    const { clock, condition, host, view } = this.#node
    // A process that continues is handed all waiting datagrams before it handles the first of them.
    if (incarnation !== undefined && this.#receivedAt === clock.nanos) return
    this.#toRefute = undefined
    if (incarnation === undefined || view.leaving || condition !== "up" || host.holding) return
    if (SerialNumber.compare(view.incarnation, incarnation) > 0 || this.#dropped() > this.#droppedThen) return
    this.#report(
      "refutation",
      `it received a claim about itself at incarnation ${incarnation} and has ${view.incarnation}`
    )
  }

  audit(): void {
    this.#checkSelf()
    this.checkRefuted()
    for (const { limit, name, size } of this.#node.bounds) {
      if (size() > limit) this.#report("bounds", `${name} has ${size()} of at most ${limit}`)
    }
    for (const loop of this.#node.deadLoops) this.#report("loops", `its ${loop} ended`)
    const problem = tableProblem(this.#node.view, this.#reported)
    if (problem !== undefined) this.#report("table-audit", problem)
    this.#replayed?.compare()
  }
}
