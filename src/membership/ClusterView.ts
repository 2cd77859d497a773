/**
 * One node's view of the cluster: the rules by which claims change it. Plain
 * synchronous code; time comes in as milliseconds of a monotonic clock, and what
 * follows from a change goes to observers at once, in order.
 */
import type { NetAddress } from "effect/net"
import type { MemberCause } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { EntryCursor } from "../wire/Entry.ts"
import { type Header, Kind } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { Findings } from "./Findings.ts"
import { AddressStride, Mark, MemberTable, Phase, SelfSlot } from "./MemberTable.ts"
import type { Conflict, DeathClaim, Transition, TransitionKind, ViewObserver } from "./ViewObserver.ts"

/** Times in milliseconds. */
export interface ViewOptions {
  readonly id: NodeId.NodeId
  readonly address: NetAddress.InetAddress
  readonly incarnation: number
  /** How long Dead and Left members stay listed. */
  readonly deadRetention: number
  /** At most one refutation of a claim about our id with another address in this time: a probe interval. */
  readonly conflictInterval: number
  /** A header that its sender has not counted up for this long is a replay. */
  readonly staleAfter: number
  /** Random 32 bits for the index by id. */
  readonly seed: number
  /** Addresses that may be members'. */
  readonly isAllowed: (address: Uint8Array, at: number) => boolean
  readonly limits: {
    /** The most listed members; further nodes are refused, and none is dropped for them. */
    readonly members: number
    /** The most tombstones of former members; the oldest goes. */
    readonly tombstones: number
    /** The most tombstones of nodes that we never listed; the oldest goes. */
    readonly unlistedTombstones: number
  }
}

/** Tombstones live this many times as long as the dead stay listed. */
export const TombstoneFactor = 10
/** Old gossip about a dead predecessor at our address has died down after this many ms. */
const FormerSelfSettles = 10_000
/** Peers for which a conflict is remembered as reported. */
const MaxReportedConflicts = 1024
/** An ACK this long after a PING, in ms, still shows that the address is the member's. */
const ProofWindow = 10_000
export class ClusterView {
  readonly table: MemberTable
  readonly selfId: NodeId.NodeId
  /** Set once we have said goodbye: nothing about ourselves is refuted any more. */
  leaving = false

  // Plain counters, read when metrics are scraped.
  mergedNew = 0
  mergedUpdated = 0
  mergedStale = 0
  refutations = 0
  readonly conflictsByKind: Record<Conflict["kind"], number> = { SameId: 0, SameAddress: 0 }
  replays = 0
  /** Nodes that found the table full. */
  refusedMembers = 0

  readonly #observers: Array<ViewObserver> = []
  readonly #options: ViewOptions
  readonly #cursor = new EntryCursor()
  readonly #canonical = new Uint8Array(PackedAddress.MaxLength)
  readonly #reported = new Set<string>()
  /** Where the message that is being merged came from. */
  #source = new Uint8Array(PackedAddress.MaxLength)
  /** The findings about the message that is being merged. */
  #findings = new Findings()
  #conflictRefutedAt = -Infinity
  #by: NodeId.NodeId
  #aging: () => void = () => {}

  constructor(options: ViewOptions) {
    this.#options = options
    this.selfId = options.id
    this.#by = options.id
    const table = new MemberTable(options.seed)
    this.table = table
    const slot = table.take(NodeId.hi(options.id), NodeId.lo(options.id))
    table.phase[slot] = Phase.Self
    table.status[slot] = Claim.Alive
    table.incarnation[slot] = options.incarnation
    table.heartbeat[slot] = 0
    PackedAddress.write(options.address, table.address, slot * AddressStride)
  }

  observe(observer: ViewObserver): void {
    this.#observers.push(observer)
  }

  // --- ourselves -----------------------------------------------------------

  get incarnation(): number {
    return this.table.incarnation[SelfSlot]!
  }

  isSelf(idHi: number, idLo: number): boolean {
    return idHi === this.table.idHi[SelfSlot] && idLo === this.table.idLo[SelfSlot]
  }

  /** Counts our heartbeat up by one. */
  beat(): void {
    this.table.heartbeat[SelfSlot] = SerialNumber.add(this.table.heartbeat[SelfSlot]!, 1)
  }

  /** Raises our incarnation so that it beats every claim of `incarnation`. */
  raiseIncarnation(above: number, refuted: boolean, now: number): void {
    this.table.incarnation[SelfSlot] = SerialNumber.add(above, 1)
    if (refuted) this.refutations++
    for (const observer of this.#observers) observer.selfChanged?.(refuted, now)
  }

  /** From now on our own entry says Dead, and nothing that is said of us is refuted. */
  startLeaving(now: number): void {
    this.leaving = true
    this.table.status[SelfSlot] = Claim.Dead
    this.table.since[SelfSlot] = now
    this.table.mark(SelfSlot, Mark.Left)
  }

  /** Whether an address can be a member's: one that leads somewhere, and that is allowed. */
  #isUsable(address: Uint8Array, at: number): boolean {
    return PackedAddress.isReachable(address, at) && this.#options.isAllowed(address, at)
  }

  /** The cursor's claim about ourselves. */
  #claimAboutSelf(address: Uint8Array, addressAt: number, now: number): void {
    if (this.leaving) return
    const { heartbeat, incarnation, status } = this.#cursor
    const table = this.table
    const same = incarnation === table.incarnation[SelfSlot]
    // At a distance of exactly 2^31 neither is higher, so others may hold it: it is refuted like a higher one.
    if (!same && SerialNumber.compare(incarnation, table.incarnation[SelfSlot]!) < 0) return
    const elsewhere = this.#isUsable(address, addressAt) && !table.sameAddress(SelfSlot, address, addressAt)
    if (elsewhere) {
      this.#reportConflict("SameId", this.selfId, PackedAddress.read(address, addressAt), now)
      if (now - this.#conflictRefutedAt < this.#options.conflictInterval) return
      this.#conflictRefutedAt = now
    } else if (status === Claim.Alive && same) {
      // Our own claim come back; only a heartbeat that we never reached makes it one of a former life.
      if (SerialNumber.compare(heartbeat, table.heartbeat[SelfSlot]!) <= 0) return
    }
    this.raiseIncarnation(incarnation, status !== Claim.Alive, now)
  }

  // --- messages ------------------------------------------------------------

  /** Merges the entries of a message and then its header's claim about the sender, and fills in `findings`. */
  receive(inbound: Inbound, now: number, findings: Findings): void {
    const { header } = inbound
    const { table } = this
    findings.reset()
    this.#findings = findings
    const fromSelf = this.isSelf(header.idHi, header.idLo)
    const known = table.index.get(header.idHi, header.idLo)
    findings.replay =
      known > SelfSlot &&
      (this.#isReplay(known, header.incarnation, header.heartbeat) || this.#standsStill(known, header, now))
    if (findings.replay) this.replays++
    this.#by = known >= 0 ? this.idOf(known) : NodeId.fromWords(header.idHi, header.idLo)

    // Before any transition, so that observers see what the sender speaks now.
    if (known > SelfSlot && !findings.replay) table.setLevel(known, header.level)
    this.#source = inbound.source

    const { bytes, entriesEnd } = inbound
    const cursor = this.#cursor
    for (let at = inbound.entriesStart; at < entriesEnd; at = cursor.next) {
      cursor.read(bytes, at)
      if (cursor.status > Claim.Dead) continue
      const ofSender = !findings.replay && header.idHi === cursor.idHi && header.idLo === cursor.idLo
      this.#mergeEntry(bytes, ofSender, now)
    }

    if (fromSelf) return
    if (!findings.replay) this.#mergeHeader(inbound, now)
    const sender = table.index.get(header.idHi, header.idLo)
    findings.sender = sender
    if (sender >= 0) {
      const held = table.phase[sender] === Phase.Tombstone || table.status[sender] !== Claim.Alive
      // Its newest word came from elsewhere: another node has its id, or it is back with a clock that was behind.
      // The ACK of its PINGs is enough to tell it.
      const ping = header.kind === Kind.Ping
      const elsewhere = ping && findings.replay && !table.sameAddress(sender, inbound.source, 0)
      findings.tellSender =
        (held || elsewhere) && SerialNumber.compare(header.incarnation, table.incarnation[sender]!) <= 0
    }
  }

  /** Whether a header is older than the newest that its sender itself sent us. */
  #isReplay(slot: number, incarnation: number, heartbeat: number): boolean {
    const table = this.table
    if (!table.has(slot, Mark.Heard)) return false
    const held = table.incarnation[slot]!
    const heard = table.heardIncarnation[slot]!
    // We hold at least what it said itself. Where that is not lower, incarnations were driven half the way round since,
    // and what it said says nothing any more.
    const overtaken = heard !== held && SerialNumber.compare(heard, held) >= 0
    if (overtaken && table.phase[slot] === Phase.Member) return SerialNumber.compare(incarnation, held) < 0
    const byIncarnation = SerialNumber.compare(incarnation, heard)
    if (byIncarnation !== 0) return byIncarnation < 0
    return SerialNumber.compare(heartbeat, table.heardHeartbeat[slot]!) < 0
  }

  /**
   * Whether a header is the newest of its sender, and has been for longer than a heart can pause: who lives counts its
   * heartbeat up, so this is the last word of one that does not, said again by somebody else.
   */
  #standsStill(slot: number, header: Header, now: number): boolean {
    return this.#isNewest(slot, header) && now - this.table.advancedAt[slot]! > this.#options.staleAfter
  }

  /** Whether a header is the very one of the newest message that its sender itself sent us. */
  #isNewest(slot: number, header: Header): boolean {
    const table = this.table
    return (
      table.has(slot, Mark.Heard) &&
      table.heardIncarnation[slot] === header.incarnation &&
      table.heardHeartbeat[slot] === header.heartbeat
    )
  }

  /** Whether a claim that somebody passes on for `slot` is older than what it sent us itself. */
  isOlderThanHeard(slot: number, incarnation: number, heartbeat: number): boolean {
    return this.#isReplay(slot, incarnation, heartbeat)
  }

  #mergeEntry(bytes: Uint8Array, ofSender: boolean, now: number): void {
    const cursor = this.#cursor
    const table = this.table
    const slot = table.index.get(cursor.idHi, cursor.idLo)
    let address = bytes
    let addressAt = cursor.addressAt
    if (PackedAddress.isMapped(bytes, addressAt)) {
      address = this.#canonical
      addressAt = 0
      PackedAddress.copyCanonical(bytes, cursor.addressAt, address, 0)
    }
    if (slot === SelfSlot) return this.#claimAboutSelf(address, addressAt, now)
    if (slot === -1) {
      if (cursor.status === Claim.Dead) return this.#buryUnlisted(address, addressAt, now)
      // A node that advertises no address to speak of is known by where it speaks from, when it does: `#mergeHeader`.
      if (this.#isUsable(address, addressAt)) this.#insert(address, addressAt, ofSender, now)
      return
    }
    if (table.phase[slot] === Phase.Tombstone) return this.#mergeTombstone(slot, address, addressAt, ofSender, now)
    const won = this.#mergeListed(slot, address, addressAt, ofSender, now)
    if (table.has(slot, Mark.AtOurAddress)) this.#claimToOurAddress(slot, ofSender, won, now)
  }

  /** The cursor's claim about a listed member. Returns whether it won. */
  #mergeListed(slot: number, address: Uint8Array, addressAt: number, ofSender: boolean, now: number): boolean {
    const table = this.table
    const { heartbeat, incarnation, status } = this.#cursor
    if (ofSender && table.has(slot, Mark.Provisional)) this.#settleAddress(slot, address, addressAt, now)
    const order =
      this.#compareWithHeld(slot, incarnation, status, heartbeat) ||
      PackedAddress.compare(address, addressAt, table.address, table.addressAt(slot))
    if (order <= 0) {
      if (order < 0) this.mergedStale++
      this.#noteAlive(slot, incarnation, status, heartbeat)
      return false
    }
    // Its own word that it is gone is as good as a LEAVE.
    if (status === Claim.Dead && ofSender && this.#maySpeakFor(slot, this.#source)) {
      const cause: MemberCause = { _tag: "LeaveReceived" }
      this.#apply(slot, incarnation, status, heartbeat, undefined, 0, cause, true, now, Mark.Left)
      return true
    }
    if (status === Claim.Dead && table.status[slot] === Claim.Alive) {
      // Nobody suspected it, so the claim may be left over from a partition, or forged: ask the member first.
      // Whatever address it names: the member is asked, and stays, where we know it.
      const claim = { slot, incarnation, heartbeat, by: this.#by }
      for (const observer of this.#observers) observer.deathClaimed?.(claim, now)
      return false
    }
    const moved = !table.sameAddress(slot, address, addressAt)
    // An address that leads nowhere changes none that is known.
    const usable = moved && this.#isUsable(address, addressAt)
    this.#apply(slot, incarnation, status, heartbeat, usable ? address : undefined, addressAt, undefined, ofSender, now)
    return true
  }

  /** Positive when a claim beats what the slot holds, by everything but the address; see `Claim.compare`. */
  #compareWithHeld(slot: number, incarnation: number, status: number, heartbeat: number): number {
    const table = this.table
    return Claim.compare(
      incarnation,
      status,
      heartbeat,
      table.incarnation[slot]!,
      table.status[slot]!,
      table.heartbeat[slot]!
    )
  }

  /** A losing Alive claim of the present incarnation can still tell the highest honest heartbeat. */
  #noteAlive(slot: number, incarnation: number, status: number, heartbeat: number): void {
    const table = this.table
    if (status !== Claim.Alive || incarnation !== table.incarnation[slot]) return
    if (table.has(slot, Mark.AliveKnown) && SerialNumber.compare(heartbeat, table.aliveHeartbeat[slot]!) <= 0) return
    table.mark(slot, Mark.AliveKnown)
    table.aliveHeartbeat[slot] = heartbeat
  }

  /** What the header of a message says: its sender lives, at this incarnation and heartbeat; no address. */
  #mergeHeader(inbound: Inbound, now: number): void {
    const { header } = inbound
    const table = this.table
    const cursor = this.#cursor
    let slot = table.index.get(header.idHi, header.idLo)
    cursor.idHi = header.idHi
    cursor.idLo = header.idLo
    cursor.heartbeat = header.heartbeat
    cursor.incarnation = header.incarnation
    cursor.status = Claim.Alive
    if (slot === -1) {
      if (!this.#isUsable(inbound.source, 0)) return
      slot = this.#insert(inbound.source, 0, true, now, Mark.Provisional)
      if (slot === -1) return
    } else if (table.phase[slot] === Phase.Tombstone) {
      // One that advertised no address to speak of comes back as it came: at where it speaks from.
      const usable = this.#isUsable(table.address, table.addressAt(slot))
      if (usable) this.#mergeTombstone(slot, table.address, table.addressAt(slot), true, now)
      else this.#mergeTombstone(slot, inbound.source, 0, true, now)
    } else {
      const order = this.#compareWithHeld(slot, header.incarnation, Claim.Alive, header.heartbeat)
      if (order > 0) {
        this.#apply(slot, header.incarnation, Claim.Alive, header.heartbeat, undefined, 0, undefined, true, now)
      } else this.#noteAlive(slot, header.incarnation, Claim.Alive, header.heartbeat)
      if (table.has(slot, Mark.AtOurAddress)) this.#claimToOurAddress(slot, true, true, now)
    }
    this.#noteSpoken(slot, inbound, now)
  }

  /** A message that is no replay: from now on it is the newest that its sender itself sent us. */
  #noteSpoken(slot: number, inbound: Inbound, now: number): void {
    const { header } = inbound
    const table = this.table
    if (!this.#isNewest(slot, header)) table.advancedAt[slot] = now
    table.mark(slot, Mark.Heard)
    table.heardIncarnation[slot] = header.incarnation
    table.heardHeartbeat[slot] = header.heartbeat
    table.setLevel(slot, header.level)
    table.heardAt[slot] = now
    PackedAddress.copy(inbound.source, 0, table.spoke, table.addressAt(slot))
    if (inbound.sealed) table.mark(slot, Mark.Sealed)
    else table.unmark(slot, Mark.Sealed)
  }

  /**
   * A member's own LEAVE. Counts when its incarnation is not older than what we
   * know, it is no replay, and, unless `authentic`, it comes from an address that is
   * the member's. Returns whether it counted.
   */
  receiveLeave(inbound: Inbound, authentic: boolean, now: number, findings: Findings): boolean {
    const { header, source } = inbound
    const table = this.table
    const slot = table.index.get(header.idHi, header.idLo)
    findings.reset()
    findings.sender = slot > SelfSlot ? slot : -1
    if (slot <= SelfSlot) return false
    if (SerialNumber.compare(header.incarnation, table.incarnation[slot]!) < 0) return false
    if (this.#isReplay(slot, header.incarnation, header.heartbeat)) {
      this.replays++
      return false
    }
    if (!authentic && !this.#maySpeakFor(slot, source)) return false
    this.#noteSpoken(slot, inbound, now)
    const cause: MemberCause = { _tag: "LeaveReceived" }
    if (table.phase[slot] === Phase.Tombstone) {
      table.incarnation[slot] = header.incarnation
      table.mark(slot, Mark.Left)
      return true
    }
    if (table.status[slot] === Claim.Dead) {
      if (table.has(slot, Mark.Left)) return true
      const before = this.#before(slot)
      table.unfile(slot)
      table.incarnation[slot] = header.incarnation
      table.mark(slot, Mark.Left)
      table.file(slot, now)
      this.#emit("Left", slot, before, cause, now)
      return true
    }
    const heartbeat =
      SerialNumber.compare(header.heartbeat, table.heartbeat[slot]!) > 0 ? header.heartbeat : table.heartbeat[slot]!
    this.#apply(slot, header.incarnation, Claim.Dead, heartbeat, undefined, 0, cause, true, now, Mark.Left)
    return true
  }

  /**
   * Whether a goodbye from `source` may be the member's: from its address, or, as
   * long as that never answered us, from where it last spoke.
   */
  #maySpeakFor(slot: number, source: Uint8Array): boolean {
    const table = this.table
    if (table.sameAddress(slot, source, 0)) return true
    if (table.has(slot, Mark.AddressProved) || !table.has(slot, Mark.Heard)) return false
    return PackedAddress.compare(source, 0, table.spoke, table.addressAt(slot)) === 0
  }

  /**
   * The member sent an ACK. If that answers a PING of ours and came from where the
   * member says it is, the address is no longer one that anybody may have made up.
   */
  prove(slot: number, now: number): void {
    const table = this.table
    if (table.has(slot, Mark.AddressProved) || now - table.pinged[slot]! > ProofWindow) return
    if (!table.sameAddress(slot, table.spoke, table.addressAt(slot))) return
    table.mark(slot, Mark.AddressProved)
    for (const observer of this.#observers) observer.proved?.(slot, now)
  }

  // --- our own verdicts ----------------------------------------------------

  /**
   * Suspects a member that we failed to reach. The heartbeat of the claim is
   * raised out of reach of the member's own, once.
   */
  suspect(slot: number, cause: MemberCause, now: number): void {
    const table = this.table
    if (!table.isLive(slot)) return
    const heartbeat = table.has(slot, Mark.AliveKnown)
      ? SerialNumber.add(table.aliveHeartbeat[slot]!, Claim.SuspicionRaise)
      : table.heartbeat[slot]!
    this.#verdict(slot, table.incarnation[slot]!, Claim.Suspect, heartbeat, cause, now)
  }

  /** Declares a suspect dead, with the heartbeat of its suspicion. */
  declareDead(slot: number, cause: MemberCause, now: number): void {
    const table = this.table
    if (!table.isLive(slot)) return
    this.#verdict(slot, table.incarnation[slot]!, Claim.Dead, table.heartbeat[slot]!, cause, now)
  }

  /** Believes a Dead claim that was checked, unless the member has a higher incarnation by now. */
  believeDeath(claim: DeathClaim, cause: MemberCause, now: number): void {
    // A member that has died meanwhile may have died of an older incarnation.
    if (this.table.phase[claim.slot] === Phase.Member) {
      this.#verdict(claim.slot, claim.incarnation, Claim.Dead, claim.heartbeat, cause, now)
    }
  }

  #verdict(
    slot: number,
    incarnation: number,
    status: number,
    heartbeat: number,
    cause: MemberCause,
    now: number
  ): void {
    const order = this.#compareWithHeld(slot, incarnation, status, heartbeat)
    if (order > 0) this.#apply(slot, incarnation, status, heartbeat, undefined, 0, cause, false, now)
  }

  /** `listener` is called whenever `nextExpiry` may have come nearer. */
  onAging(listener: () => void): void {
    this.#aging = listener
  }

  // --- time ----------------------------------------------------------------

  /** When `expire` next has something to do, in ms, or Infinity. */
  nextExpiry(): number {
    const { dead, tombstones, unlisted } = this.table
    const { deadRetention } = this.#options
    const buried = Math.min(tombstones.oldestBegan, unlisted.oldestBegan)
    return Math.min(dead.oldestBegan + deadRetention, buried + TombstoneFactor * deadRetention)
  }

  /** Turns the long dead into tombstones and forgets old tombstones. */
  expire(now: number): void {
    const { dead, tombstones, unlisted } = this.table
    const { deadRetention } = this.#options
    while (dead.oldestBegan + deadRetention <= now) this.#bury(dead.oldest, now)
    for (const list of [tombstones, unlisted]) {
      while (list.oldestBegan + TombstoneFactor * deadRetention <= now) this.#forget(list.oldest)
    }
  }

  // --- reading -------------------------------------------------------------

  idOf(slot: number): NodeId.NodeId {
    return NodeId.fromWords(this.table.idHi[slot]!, this.table.idLo[slot]!)
  }

  /** Claims that were conflicts, of both kinds. */
  get conflicts(): number {
    return this.conflictsByKind.SameId + this.conflictsByKind.SameAddress
  }

  /** When a member last spoke to us, or others told us something newer of its life, in ms of the monotonic clock. */
  lastHeardOf(slot: number): number {
    return this.table.heardAt[slot]!
  }

  slotOf(id: NodeId.NodeId): number {
    return this.table.index.get(NodeId.hi(id), NodeId.lo(id))
  }

  // --- changing the table --------------------------------------------------

  #before(slot: number): Pick<Transition, "previousStatus" | "previousIncarnation" | "previousAddress"> {
    return {
      previousStatus: this.table.status[slot]!,
      previousIncarnation: this.table.incarnation[slot]!,
      previousAddress: this.table.inetAddress(slot)
    }
  }

  #emit(
    kind: TransitionKind,
    slot: number,
    before: Pick<Transition, "previousStatus" | "previousIncarnation" | "previousAddress">,
    cause: MemberCause,
    now: number
  ): void {
    const transition = { kind, slot, cause, now, ...before }
    for (const observer of this.#observers) observer.transition?.(transition)
  }

  #causeOf(ofSender: boolean): MemberCause {
    return ofSender ? { _tag: "Heard" } : { _tag: "Claimed", by: this.#by }
  }

  /** Gives a slot the claim that won, and says what that means. */
  #apply(
    slot: number,
    incarnation: number,
    status: number,
    heartbeat: number,
    address: Uint8Array | undefined,
    addressAt: number,
    cause: MemberCause | undefined,
    ofSender: boolean,
    now: number,
    left: number = 0
  ): void {
    const table = this.table
    if (status === Claim.Alive) table.heardAt[slot] = now
    const newLife = incarnation !== table.incarnation[slot]
    if (!newLife && status === table.status[slot] && address === undefined) {
      table.heartbeat[slot] = heartbeat
      if (status === Claim.Alive) table.aliveHeartbeat[slot] = heartbeat
      return
    }
    const before = this.#before(slot)
    table.unfile(slot)
    table.incarnation[slot] = incarnation
    table.heartbeat[slot] = heartbeat
    table.status[slot] = status
    if (status === Claim.Alive) {
      table.mark(slot, Mark.AliveKnown)
      table.aliveHeartbeat[slot] = heartbeat
    } else if (newLife) table.unmark(slot, Mark.AliveKnown)
    if (newLife || status !== Claim.Dead) table.unmark(slot, Mark.Left)
    table.mark(slot, left)
    if (address !== undefined) this.#move(slot, address, addressAt)
    if (before.previousStatus !== status) table.since[slot] = now
    table.file(slot, now)
    if (status === Claim.Dead) this.#aging()
    this.mergedUpdated++
    const kind =
      before.previousStatus === status
        ? "Updated"
        : status === Claim.Alive
          ? "Recovered"
          : status === Claim.Suspect
            ? "Suspected"
            : left !== 0
              ? "Left"
              : "Died"
    this.#emit(kind, slot, before, cause ?? this.#causeOf(ofSender), now)
  }

  #move(slot: number, address: Uint8Array, addressAt: number): void {
    const table = this.table
    PackedAddress.copy(address, addressAt, table.address, table.addressAt(slot))
    table.routes[slot] = undefined
    table.unmark(slot, Mark.AddressProved | Mark.Provisional | Mark.AtOurAddress)
    if (table.sameAddress(SelfSlot, address, addressAt)) table.mark(slot, Mark.AtOurAddress)
  }

  /** The first own entry of a member that was known only by where it spoke from. */
  #settleAddress(slot: number, address: Uint8Array, addressAt: number, now: number): void {
    const table = this.table
    // What it advertises leads nowhere, so the source address goes on standing in.
    if (!this.#isUsable(address, addressAt)) return
    const before = this.#before(slot)
    table.unfile(slot)
    this.#move(slot, address, addressAt)
    table.file(slot, now)
    this.#emit("Updated", slot, before, { _tag: "Heard" }, now)
  }

  /** Lists the node of the cursor's claim, or returns -1 when the table is full. */
  #insert(address: Uint8Array, addressAt: number, ofSender: boolean, now: number, marks: number = 0): number {
    const { heartbeat, idHi, idLo, incarnation, status } = this.#cursor
    const table = this.table
    if (table.listed >= this.#options.limits.members) {
      this.refusedMembers++
      return -1
    }
    const slot = table.take(idHi, idLo)
    table.mark(slot, marks)
    this.#list(slot, incarnation, status, heartbeat, address, addressAt, status, ofSender, now)
    return slot
  }

  #list(
    slot: number,
    incarnation: number,
    status: number,
    heartbeat: number,
    address: Uint8Array,
    addressAt: number,
    previousStatus: number,
    ofSender: boolean,
    now: number
  ): void {
    const table = this.table
    const provisional = table.marks[slot]! & Mark.Provisional
    this.#move(slot, address, addressAt)
    table.mark(slot, provisional)
    table.phase[slot] = Phase.Member
    table.incarnation[slot] = incarnation
    table.heartbeat[slot] = heartbeat
    table.status[slot] = status
    table.unmark(slot, Mark.AliveKnown | Mark.Left)
    if (status === Claim.Alive) table.mark(slot, Mark.AliveKnown)
    table.aliveHeartbeat[slot] = heartbeat
    table.since[slot] = now
    table.inserted[slot] = now
    table.heardAt[slot] = now
    table.file(slot, now)
    this.mergedNew++
    this.#emit("Joined", slot, { ...this.#before(slot), previousStatus }, this.#causeOf(ofSender), now)
  }

  /** The cursor's claim about a node that is a tombstone here. */
  #mergeTombstone(slot: number, address: Uint8Array, addressAt: number, ofSender: boolean, now: number): void {
    const table = this.table
    const { heartbeat, incarnation, status } = this.#cursor
    const list = table.has(slot, Mark.Unlisted) ? table.unlisted : table.tombstones
    const newer = SerialNumber.compare(incarnation, table.incarnation[slot]!) > 0
    if (status === Claim.Dead) {
      // Its age runs on: the dead must not be kept in mind by being talked of.
      if (!newer) return
      table.incarnation[slot] = incarnation
      table.heartbeat[slot] = heartbeat
      table.unmark(slot, Mark.Left)
      PackedAddress.copy(address, addressAt, table.address, table.addressAt(slot))
      return
    }
    if (!newer) {
      this.mergedStale++
      list.renew(slot, now)
      if (!ofSender) this.#findings.refuse(slot)
      return
    }
    if (!this.#isUsable(address, addressAt)) return
    if (table.listed >= this.#options.limits.members) {
      this.refusedMembers++
      return
    }
    list.remove(slot)
    table.unmark(slot, Mark.Unlisted)
    // A header has no address and hands in the one that the tombstone holds, which stays what it was.
    if (address === this.#source) table.mark(slot, Mark.Provisional)
    else if (address !== table.address) table.unmark(slot, Mark.Provisional)
    this.#list(slot, incarnation, status, heartbeat, address, addressAt, Claim.Dead, ofSender, now)
  }

  /** The cursor's Dead claim about a node that we never listed. */
  #buryUnlisted(address: Uint8Array, addressAt: number, now: number): void {
    const { heartbeat, idHi, idLo, incarnation } = this.#cursor
    const table = this.table
    if (table.unlisted.length >= this.#options.limits.unlistedTombstones) this.#forget(table.unlisted.oldest)
    const slot = table.take(idHi, idLo)
    table.phase[slot] = Phase.Tombstone
    table.mark(slot, Mark.Unlisted)
    table.incarnation[slot] = incarnation
    table.heartbeat[slot] = heartbeat
    table.status[slot] = Claim.Dead
    PackedAddress.copy(address, addressAt, table.address, table.addressAt(slot))
    table.since[slot] = now
    table.unlisted.add(slot, now)
    this.#aging()
  }

  #bury(slot: number, now: number): void {
    const table = this.table
    table.unfile(slot)
    table.phase[slot] = Phase.Tombstone
    table.tombstones.add(slot, now)
    for (const observer of this.#observers) observer.forgotten?.(slot)
    if (table.tombstones.length > this.#options.limits.tombstones) this.#forget(table.tombstones.oldest)
  }

  #forget(slot: number): void {
    const table = this.table
    const list = table.has(slot, Mark.Unlisted) ? table.unlisted : table.tombstones
    list.remove(slot)
    table.release(slot)
  }

  // --- conflicts -----------------------------------------------------------

  /**
   * A claim about another id at our address. That is our former self, and left
   * alone to die, unless it speaks or goes on living after old gossip has settled.
   */
  #claimToOurAddress(slot: number, ofSender: boolean, won: boolean, now: number): void {
    const table = this.table
    if (!table.isLive(slot)) return
    const lives = won && table.status[slot] === Claim.Alive && now - table.inserted[slot]! > FormerSelfSettles
    if (ofSender || lives) this.#reportConflict("SameAddress", this.idOf(slot), table.inetAddress(slot), now)
  }

  #reportConflict(kind: Conflict["kind"], id: NodeId.NodeId, address: NetAddress.InetAddress, now: number): void {
    this.conflictsByKind[kind]++
    const key = `${kind} ${id} ${address}`
    if (this.#reported.has(key) || this.#reported.size >= MaxReportedConflicts) return
    this.#reported.add(key)
    const conflict = { kind, id, address, by: this.#by }
    for (const observer of this.#observers) observer.conflict?.(conflict, now)
  }
}
