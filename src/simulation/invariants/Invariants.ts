/**
 * What must hold at every instant of every run, whatever the network does. Each rule
 * is stated here anew and not taken from the code that it watches.
 */
import { Context, Duration } from "effect"
import { Alive, Dead, Suspect } from "../../domain/Claim.ts"
import type * as NodeId from "../../domain/NodeId.ts"
import * as SerialNumber from "../../domain/SerialNumber.ts"
import type { ClusterView } from "../../membership/ClusterView.ts"
import { AddressStride, Mark, Phase, SelfSlot } from "../../membership/MemberTable.ts"
import type { Transition } from "../../membership/ViewObserver.ts"
import { Transport } from "../../transport/Transport.ts"
import { readU32 } from "../../wire/Bytes.ts"
import { EntryCursor, Ipv4EntryLength, MaxEntryLength, PrefixLength } from "../../wire/Entry.ts"
import { HeaderLength, Kind, MaxMessage } from "../../wire/Header.ts"
import { ChunkPrefixLength, Inbound } from "../../wire/Inbound.ts"
import { InvariantBroken } from "../SimulationError.ts"
import type { AnyNode, SimNode } from "../SimNode.ts"
import { NanosPerMilli } from "../time/Timeline.ts"
import type { Verbs } from "../Verbs.ts"

/** The names of the rules, and what each says. */
export const invariants = {
  "message-size": "a message is at most 1424 bytes, and 36 more when it is sealed",
  "order-of-merge": "a status changes only to a claim that the order of merge puts higher",
  "no-revival": "who is dead stays so until it has a higher incarnation",
  "own-incarnation": "a node's own incarnation and heartbeat never fall",
  refutation: "a node that hears that it is suspect or dead has a higher incarnation at once",
  suspicion: "who dies of a suspicion was suspect for the whole time that it has to refute that",
  "table-audit": "counts, pools, lists and indexes of the table agree with its slots, and every change was told",
  bounds: "nothing grows beyond its bound",
  loops: "no loop of a node ends while the node lives",
  leftovers: "of a node that left no fiber and no timer is left"
} as const

/** The name of a rule. */
export type InvariantName = keyof typeof invariants

/** Tables are audited so often, in ms, a few at a time. */
const AuditEvery = 100
/** Audits at once; fewer where there are fewer nodes, so that each is audited about once a second. */
const MostAudits = 20
/** Bytes that sealing adds. */
const SealLength = 36

const statusNames: Readonly<Record<number, string>> = { [Alive]: "alive", [Suspect]: "suspect", [Dead]: "dead" }

const claimText = (incarnation: number, status: number): string => `${statusNames[status] ?? status} ${incarnation}`

/** Of two incarnations that are exactly 2^31 apart neither is lower, and the order of merge leaves open which one wins. */
const isLower = (incarnation: number, than: number): boolean => SerialNumber.compare(incarnation, than) < 0

/** A node that is listed no more though it died, and until when its tombstone may be counted on. */
interface Buried {
  readonly incarnation: number
  readonly until: number
}

/** What a node told of its table so far, by slot. */
class Shadow {
  status = new Uint8Array(16)
  incarnation = new Uint32Array(16)
  /** At the newest change of status. */
  heartbeat = new Uint32Array(16)
  listed = new Uint8Array(16)
  /** When the suspicion began, in ms of the node's clock. */
  since = new Float64Array(16)

  reserve(slot: number): void {
    if (slot < this.status.length) return
    const length = Math.max(slot + 1, 2 * this.status.length)
    const { heartbeat, incarnation, listed, since, status } = this
    this.status = new Uint8Array(length)
    this.status.set(status)
    this.incarnation = new Uint32Array(length)
    this.incarnation.set(incarnation)
    this.heartbeat = new Uint32Array(length)
    this.heartbeat.set(heartbeat)
    this.listed = new Uint8Array(length)
    this.listed.set(listed)
    this.since = new Float64Array(length)
    this.since.set(since)
  }
}

type Report = (node: AnyNode, invariant: InvariantName, detail: string) => void

/** Watches one node. */
class Watch {
  readonly node: SimNode
  readonly #report: Report
  readonly #shadow = new Shadow()
  readonly #buried = new Map<NodeId.NodeId, Buried>()
  readonly #suspectTimeout: number
  readonly #deadRetention: number
  #ownIncarnation: number
  #ownHeartbeat: number
  /** A claim about the node that it has to beat, and when it heard it by its clock, in ns. */
  #owed: number | undefined
  #owedSince = 0
  /** Datagrams that the node had dropped by then. */
  #droppedThen = 0

  constructor(node: SimNode, report: Report) {
    this.node = node
    this.#report = report
    const { probes } = node.config
    this.#suspectTimeout = Duration.toMillis(probes.suspectTimeout)
    this.#deadRetention = Duration.toMillis(probes.deadRetention)
    const { table } = node.view
    this.#ownIncarnation = table.incarnation[SelfSlot]!
    this.#ownHeartbeat = table.heartbeat[SelfSlot]!
    node.view.observe({
      transition: (transition) => this.#changed(transition),
      forgotten: (slot) => this.#forgotten(slot),
      selfChanged: () => this.checkSelf()
    })
  }

  #changed({ cause, kind, now, previousIncarnation, previousStatus, slot }: Transition): void {
    const { view } = this.node
    const { table } = view
    const shadow = this.#shadow
    shadow.reserve(slot)
    const incarnation = table.incarnation[slot]!
    const status = table.status[slot]!
    const id = view.idOf(slot)
    if (kind === "Joined") {
      const buried = this.#buried.get(id)
      if (buried !== undefined) {
        const raised = !isLower(incarnation, buried.incarnation) && incarnation !== buried.incarnation
        if (!raised && now < buried.until) {
          this.#report(
            this.node,
            "no-revival",
            `${id} is ${claimText(incarnation, status)} after it was ${claimText(buried.incarnation, Dead)}`
          )
        }
        this.#buried.delete(id)
      }
      if (shadow.listed[slot] === 1) this.#report(this.node, "table-audit", `${id} joined though it was listed`)
      shadow.listed[slot] = 1
    } else {
      const before = shadow.status[slot]!
      const held = shadow.incarnation[slot]!
      if (shadow.listed[slot] !== 1 || before !== previousStatus || held !== previousIncarnation) {
        this.#report(
          this.node,
          "table-audit",
          `${id} was told to be ${claimText(held, before)} and is said to have been ${claimText(previousIncarnation, previousStatus)}`
        )
      }
      const lower = isLower(incarnation, held)
      // An older node suspects without raising the heartbeat, so that a higher one can clear it.
      const heartier = before === Suspect && SerialNumber.compare(table.heartbeat[slot]!, shadow.heartbeat[slot]!) > 0
      if (lower || (incarnation === held && status < before && !heartier)) {
        const rule = before === Dead ? "no-revival" : "order-of-merge"
        this.#report(this.node, rule, `${id} went from ${claimText(held, before)} to ${claimText(incarnation, status)}`)
      }
      if (cause._tag === "SuspicionExpired") {
        const lasted = now - shadow.since[slot]!
        // Timers may be early by 1 ms.
        if (before !== Suspect || lasted < this.#suspectTimeout - 2) {
          this.#report(
            this.node,
            "suspicion",
            `${id} was ${statusNames[before]} for ${lasted} ms when its suspicion expired`
          )
        }
      }
      if (before !== status || held !== incarnation) shadow.since[slot] = now
    }
    if (kind === "Joined") shadow.since[slot] = now
    shadow.status[slot] = status
    shadow.incarnation[slot] = incarnation
    shadow.heartbeat[slot] = table.heartbeat[slot]!
  }

  #forgotten(slot: number): void {
    const { config, view } = this.node
    this.#shadow.reserve(slot)
    this.#shadow.listed[slot] = 0
    // One tombstone has to go now, of which only the node knows that it is the oldest.
    if (view.table.tombstones.length > config.limits.tombstones) this.#buried.clear()
    const now = this.node.clock.nanos / NanosPerMilli
    this.#buried.set(view.idOf(slot), {
      incarnation: view.table.incarnation[slot]!,
      until: now + 10 * this.#deadRetention
    })
  }

  checkSelf(): void {
    const { table } = this.node.view
    const incarnation = table.incarnation[SelfSlot]!
    const heartbeat = table.heartbeat[SelfSlot]!
    // A claim that is half the way round is refuted too, and what beats it is just beyond.
    const wrapped = incarnation === SerialNumber.add(this.#ownIncarnation, 0x80000001)
    if (isLower(incarnation, this.#ownIncarnation) && !wrapped) {
      this.#report(this.node, "own-incarnation", `its incarnation fell from ${this.#ownIncarnation} to ${incarnation}`)
    } else if (SerialNumber.compare(heartbeat, this.#ownHeartbeat) < 0) {
      this.#report(this.node, "own-incarnation", `its heartbeat fell from ${this.#ownHeartbeat} to ${heartbeat}`)
    }
    this.#ownIncarnation = incarnation
    this.#ownHeartbeat = heartbeat
    if (this.#owed !== undefined && SerialNumber.compare(incarnation, this.#owed) > 0) this.#owed = undefined
  }

  /** Whether a datagram may speak of the node itself: a quick look, since nearly none does. */
  isMentionedIn(bytes: Uint8Array): boolean {
    const { table } = this.node.view
    const hi = table.idHi[SelfSlot]
    const lo = table.idLo[SelfSlot]
    let at = HeaderLength + (bytes[1] === Kind.AntiEntropy ? ChunkPrefixLength : 0)
    while (at + Ipv4EntryLength <= bytes.length) {
      if (readU32(bytes, at + 4) === lo && readU32(bytes, at) === hi) return true
      at += bytes[at + PrefixLength] === 4 ? Ipv4EntryLength : MaxEntryLength
    }
    return false
  }

  /** A message that speaks of the node is about to reach it. */
  hears(inbound: Inbound, cursor: EntryCursor): void {
    const { view } = this.node
    const { table } = view
    const { bytes, entriesEnd } = inbound
    for (let at = inbound.entriesStart; at < entriesEnd; at = cursor.next) {
      cursor.read(bytes, at)
      if (cursor.idHi !== table.idHi[SelfSlot] || cursor.idLo !== table.idLo[SelfSlot]) continue
      // Another node with our id is answered at most once in a while.
      if (!table.sameAddress(SelfSlot, bytes, cursor.addressAt)) continue
      if (cursor.status !== Suspect && cursor.status !== Dead) continue
      if (SerialNumber.compare(cursor.incarnation, this.#owed ?? view.incarnation) < 0) continue
      this.#owed = cursor.incarnation
      this.#owedSince = this.node.clock.nanos
      this.#droppedThen = this.#dropped
    }
  }

  /** How many datagrams the node did not look at, since they were too many for example. */
  get #dropped(): number {
    const { dropped } = Context.get(this.node.context, Transport).counters
    return Object.values(dropped).reduce((sum, count) => sum + count, 0)
  }

  checkRefuted(): void {
    const owed = this.#owed
    // All that waited for a process that goes on is handed over before it looks at any of it.
    if (owed !== undefined && this.#owedSince === this.node.clock.nanos) return
    this.#owed = undefined
    if (owed === undefined || this.node.view.leaving || this.node.condition !== "up" || this.node.host.holding) return
    const { incarnation } = this.node.view
    if (SerialNumber.compare(incarnation, owed) > 0 || this.#dropped > this.#droppedThen) return
    this.#report(this.node, "refutation", `it heard of itself at incarnation ${owed} and still has ${incarnation}`)
  }

  audit(): void {
    this.checkSelf()
    this.checkRefuted()
    for (const { limit, name, size } of this.node.bounds) {
      if (size() > limit) this.#report(this.node, "bounds", `${name} has ${size()} of at most ${limit}`)
    }
    for (const loop of this.node.deadLoops) this.#report(this.node, "loops", `its ${loop} ended`)
    const problem = this.#tableProblem()
    if (problem !== undefined) this.#report(this.node, "table-audit", problem)
  }

  #tableProblem(): string | undefined {
    const { view } = this.node
    const { table } = view
    const counted = { alive: 1, suspect: 0, dead: 0, left: 0, tombstones: 0, unlisted: 0 }
    for (let slot = 0; slot < table.top; slot++) {
      const phase = table.phase[slot]!
      const shadowed = slot < this.#shadow.listed.length ? this.#shadow.listed[slot]! : 0
      if (phase === Phase.Free) {
        if (shadowed === 1) return `slot ${slot} was freed, which nobody was told`
        continue
      }
      const id = view.idOf(slot)
      if (table.index.get(table.idHi[slot]!, table.idLo[slot]!) !== slot) return `the index does not lead to ${id}`
      if (slot === SelfSlot) continue
      if (phase === Phase.Tombstone) {
        if (shadowed === 1) return `${id} became a tombstone, which nobody was told`
        if (table.has(slot, Mark.Unlisted)) counted.unlisted++
        else counted.tombstones++
        continue
      }
      if (shadowed !== 1) return `${id} is listed, which nobody was told`
      const status = table.status[slot]!
      if (this.#shadow.status[slot] !== status || this.#shadow.incarnation[slot] !== table.incarnation[slot]) {
        return `${id} is ${claimText(table.incarnation[slot]!, status)}, which nobody was told`
      }
      if (status === Dead) {
        counted.dead++
        if (table.has(slot, Mark.Left)) counted.left++
        continue
      }
      if (status === Suspect) counted.suspect++
      else counted.alive++
      const owner = table.liveAt(table.address, slot * AddressStride)
      const found = owner >= 0 && table.isLive(owner)
      if (!found || !table.sameAddress(slot, table.address, owner * AddressStride)) {
        return `the index by address does not lead to ${id}`
      }
    }
    return mismatch(view, counted)
  }
}

const mismatch = (
  { table }: ClusterView,
  counted: Readonly<Record<"alive" | "suspect" | "dead" | "left" | "tombstones" | "unlisted", number>>
): string | undefined => {
  const kept = {
    alive: table.alive,
    suspect: table.suspects.length,
    dead: table.dead.length,
    left: table.leftCount,
    tombstones: table.tombstones.length,
    unlisted: table.unlisted.length
  }
  if (table.live !== kept.alive + kept.suspect)
    return `${table.live} live, of which ${kept.alive} alive and ${kept.suspect} suspect`
  for (const [name, value] of Object.entries(counted)) {
    const held = Object.entries(kept).find(([other]) => other === name)?.[1]
    if (held !== value) return `${value} ${name} were counted where the table says ${held}`
  }
  return undefined
}

/** Watches all nodes of a simulation from its beginning, and ends it at the event that breaks a rule. */
export const watchInvariants = (verbs: Verbs): void => {
  const watches = new Map<AnyNode, Watch>()
  const { network, timeline } = verbs
  const report: Report = (node, invariant, detail) =>
    verbs.fail(new InvariantBroken({ invariant, node: node.name, detail, at: timeline.millis, event: timeline.events }))

  verbs.observe({
    started: (node) => {
      if (node.kind !== "node") return
      const watch = new Watch(node, report)
      watches.set(node, watch)
      if (node.config.network.encryption === "off") listeners.set(node.name, watch)
    },
    ended: (node) => {
      watches.delete(node)
      listeners.delete(node.name)
      if (node.condition === "left" && (node.fibers !== 0 || node.clock.sleeping !== 0)) {
        report(node, "leftovers", `${node.fibers} fibers and ${node.clock.sleeping} timers are left`)
      }
    }
  })

  const inbound = new Inbound()
  const cursor = new EntryCursor()
  /** By the names of hosts; what comes to one that is not plain to read is not heard. */
  const listeners = new Map<string, Watch>()
  network.observe({
    sent: ({ forged, from, payload }) => {
      if (forged || payload.length <= (payload[0] === 1 ? MaxMessage : MaxMessage + SealLength)) return
      const node = verbs.nodes.find(({ name }) => name === from)
      if (node?.kind === "node") {
        report(node, "message-size", `it sent a datagram of ${payload.length} bytes`)
      }
    },
    delivered: ({ payload, to }) => {
      const watch = listeners.get(to)
      if (watch === undefined) return
      // What the one before said of it must be refuted by now.
      watch.checkRefuted()
      if (watch.isMentionedIn(payload) && inbound.decode(payload) === undefined) watch.hears(inbound, cursor)
    }
  })

  let next = 0
  const audit = (): void => {
    const { nodes } = verbs
    const count = Math.min(MostAudits, Math.ceil((nodes.length * AuditEvery) / 1000))
    for (let i = 0; i < count; i++) {
      const node = nodes[next++ % nodes.length]
      if (node !== undefined) watches.get(node)?.audit()
    }
    timeline.at(timeline.now + AuditEvery * NanosPerMilli, audit)
  }
  timeline.at(AuditEvery * NanosPerMilli, audit)
}
