/**
 * One node's view of the cluster: what it holds about each member, and how messages change that.
 *
 * Plain synchronous code. Times are milliseconds of a monotonic clock, and observers are notified of each change at once.
 * The rules are in modules of their own: `MergeRules` for claims about others, `OwnClaims` for claims about ourselves,
 * `Replays`, `Tombstones`, `Conflicts` and `AddressProof`. `TableUpdates` writes to the `MemberTable`.
 */
import type { Result } from "effect"
import type { NetAddress } from "effect/net"
import type { MemberCause } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { OwnLabels } from "../domain/OwnTags.ts"
import type { Tags, TagsError } from "../domain/Tags.ts"
import * as Entry from "../wire/Entry.ts"
import { Kind } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { LeftMemberCursor } from "../wire/sections/LeftMember.ts"
import { SectionType } from "../wire/sections/Section.ts"
import type { IncarnationReserve } from "../state/IncarnationReserve.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { maySpeakFor, prove } from "./AddressProof.ts"
import { ClaimRecord } from "./ClaimRecord.ts"
import { Conflicts, type LastingConflict } from "./Conflicts.ts"
import type { Findings } from "./Findings.ts"
import { Forgetting } from "./Forgetting.ts"
import type { HeldTags } from "./HeldTags.ts"
import { MemberTable, Phase, SelfSlot } from "./MemberTable.ts"
import { MergeRules } from "./MergeRules.ts"
import { Observers } from "./Observers.ts"
import { recordOwnEntry } from "./OwnEntryKnown.ts"
import { OwnClaims } from "./OwnClaims.ts"
import { Replays } from "./Replays.ts"
import type { TagPool } from "./TagPool.ts"
import { TableUpdates } from "./TableUpdates.ts"
import { TagRules } from "./TagRules.ts"
import { Tombstones } from "./Tombstones.ts"
import { UsableAddresses } from "./UsableAddresses.ts"
import type { Conflict, DeathClaim, ViewObserver } from "./ViewObserver.ts"

/**
 * What a view is made of. Times in milliseconds.
 *
 * @category models
 * @since 0.2.0
 */
export interface ViewOptions {
  readonly id: NodeId.NodeId
  readonly address: NetAddress.InetAddress
  readonly incarnation: number
  /** The incarnations that may be used; all if it is left out. `incarnationsGranted` must be called when they are more. */
  readonly incarnations?: IncarnationReserve | undefined
  /** How long Dead and Left members stay listed. */
  readonly deadRetention: number
  /** A claim about our id with another address is refuted at most once in this time: a probe interval. */
  readonly conflictInterval: number
  /** A message whose sender's heartbeat has not advanced for this long is a replay. */
  readonly staleAfter: number
  /** Random 32 bits for the hash tables, so that nobody can choose ids or addresses that collide. */
  readonly seed: number
  /** Whether anybody can send datagrams, so that a member may be invented until its address has answered us. */
  readonly wary?: boolean
  /** The tags that other nodes of this process hold too. */
  readonly tagPool?: TagPool | undefined
  /** Whether the packed address may be a member's. */
  readonly isAllowed: (address: Uint8Array, at: number) => boolean
  readonly limits: {
    /** The most listed members. Further nodes are refused, and none is dropped for them. */
    readonly members: number
    /** The most tombstones of former members; the oldest makes room. */
    readonly tombstones: number
    /** The most tombstones of nodes that were never listed; the oldest makes room. */
    readonly unlistedTombstones: number
  }
}

/** Whether a message of sections says that the node of a Dead claim left of its own will. */
const isMarkedLeft = ({ bytes, sections }: Inbound, claim: ClaimRecord, cursor: LeftMemberCursor): boolean => {
  const end = sections.endOf(SectionType.Left)
  for (let at = sections.startOf(SectionType.Left); at < end; at = cursor.next) {
    cursor.read(bytes, at)
    const { idHi, idLo, incarnation } = cursor
    if (idHi === claim.idHi && idLo === claim.idLo && incarnation === claim.incarnation) return true
  }
  return false
}

/**
 * What one node holds about every member, and how messages change that.
 *
 * **Details**
 *
 * Plain synchronous code. Every time is in milliseconds of a monotonic clock, and is an argument.
 *
 * @category models
 * @since 0.2.0
 */
export class ClusterView {
  readonly table: MemberTable
  readonly selfId: NodeId.NodeId
  readonly #observers = new Observers()
  readonly #own: OwnClaims
  readonly #conflicts: Conflicts
  readonly #replays: Replays
  readonly #tombstones: Tombstones
  readonly #forgetting: Forgetting
  readonly #tags: TagRules
  readonly #updates: TableUpdates
  readonly #rules: MergeRules
  readonly #claim = new ClaimRecord()
  readonly #leftCursor = new LeftMemberCursor()
  #replayed = 0

  constructor(options: ViewOptions) {
    const { address, conflictInterval, deadRetention, id, incarnation, isAllowed, limits, seed, staleAfter } = options
    const table = new MemberTable(seed, options.wary)
    const observers = this.#observers
    const usable = new UsableAddresses(isAllowed)
    this.selfId = id
    this.table = table
    this.#conflicts = new Conflicts(table, observers)
    const { incarnations } = options
    this.#own = new OwnClaims({ table, observers, conflicts: this.#conflicts, conflictInterval, incarnations, usable })
    this.#replays = new Replays(table, staleAfter)
    this.#tombstones = new Tombstones({ table, observers, deadRetention, limits })
    this.#forgetting = new Forgetting({ table, observers, tombstones: this.#tombstones })
    const tags = new TagRules(table, observers, options.tagPool)
    this.#tags = tags
    this.#updates = new TableUpdates(table, observers, tags, limits.members)
    this.#rules = new MergeRules({
      table,
      observers,
      updates: this.#updates,
      own: this.#own,
      conflicts: this.#conflicts,
      tombstones: this.#tombstones,
      replays: this.#replays,
      usable
    })
    const slot = table.take(NodeId.hi(id), NodeId.lo(id))
    table.setPhase(slot, Phase.Self)
    table.setStatus(slot, Claim.Alive)
    table.setIncarnation(slot, incarnation)
    table.setHeartbeat(slot, 0)
    table.setAddress(slot, PackedAddress.pack(address), 0)
    this.observe({
      selfChanged: (_, now) => tags.renew(now),
      transition: ({ now, slot }) => this.#forgetting.changed(slot, now),
      forgotten: (slot) => this.#conflicts.forget(slot)
    })
  }

  /** Notifies `observer` of everything from now on. */
  observe(observer: ViewObserver): void {
    this.#observers.add(observer)
  }

  // --- messages --------------------------------------------------------------------------------

  /** Merges the entries of a message and then its header's claim about the sender, and fills in `findings`. */
  receive(inbound: Inbound, now: number, findings: Findings): void {
    const { bytes, entriesEnd, header, source } = inbound
    const { idHi, idLo } = header
    const table = this.table
    const claim = this.#claim
    findings.reset()
    const known = table.index.get(idHi, idLo)
    const replays = this.#replays
    const replay =
      known > SelfSlot &&
      (replays.isReplay(known, header.incarnation, header.heartbeat) || replays.heartbeatStalled(known, header, now))
    findings.replay = replay
    if (replay) {
      this.#replayed++
      // A message is an Alive claim of its sender, even without an entry.
      if (table.phase(known) === Phase.Tombstone) this.#tombstones.renew(known, now)
    } else if (known > SelfSlot) {
      // Before any transition, so that observers see the level that the sender speaks now.
      table.setLevel(known, header.level)
    }

    this.#tags.begin(inbound)
    claim.startMessage(header, source, replay, now)
    for (let at = inbound.entriesStart; at < entriesEnd; at = Entry.endOf(bytes, at)) {
      if (this.#rules.mergeHeartbeat(bytes, at, now)) continue
      claim.read(bytes, at)
      if (claim.status > Claim.Dead) continue
      claim.left = claim.status === Claim.Dead && isMarkedLeft(inbound, claim, this.#leftCursor)
      this.#rules.mergeEntry(claim, findings)
    }

    claim.left = false
    if (this.isSelf(idHi, idLo)) return
    // The entries can list a sender that was unknown, and push it out if it is a tombstone.
    const slot = known > SelfSlot && table.phase(known) === Phase.Member ? known : table.index.get(idHi, idLo)
    findings.sender = replay ? slot : this.#rules.mergeHeader(slot, claim, inbound, findings)
    this.#tags.finish(now)
    if (!replay && findings.sender > SelfSlot) {
      this.#tags.dropReplaced(findings.sender, now)
      recordOwnEntry(table, findings.sender, inbound)
    }
    findings.tellSender = findings.sender >= 0 && (findings.rival || this.#shouldTell(findings.sender, replay, inbound))
  }

  /** Whether the sender of a message should be told what we hold about it. */
  #shouldTell(sender: number, replay: boolean, { header, source }: Inbound): boolean {
    const table = this.table
    const notAlive = table.phase(sender) === Phase.Tombstone || table.status(sender) !== Claim.Alive
    // The newest message of this id came from elsewhere: another node has the id, or the sender is back with a clock that
    // was behind. Only PINGs are answered with it, since their ACK is enough.
    const elsewhere = header.kind === Kind.Ping && replay && !table.sameAddress(sender, source, 0)
    return (notAlive || elsewhere) && SerialNumber.compare(header.incarnation, table.incarnation(sender)) <= 0
  }

  /**
   * Merges a member's LEAVE. It counts if its incarnation is not older than what we hold, it is no replay, and, unless it
   * is `authentic`, it comes from an address of the member. Returns whether it counted.
   */
  receiveLeave(inbound: Inbound, authentic: boolean, now: number, findings: Findings): boolean {
    const { header, source } = inbound
    const table = this.table
    const slot = table.index.get(header.idHi, header.idLo)
    findings.reset()
    findings.sender = slot > SelfSlot ? slot : -1
    if (slot <= SelfSlot) return false
    if (SerialNumber.compare(header.incarnation, table.incarnation(slot)) < 0) return false
    if (this.#replays.isReplay(slot, header.incarnation, header.heartbeat)) {
      this.#replayed++
      return false
    }
    if (!authentic && !maySpeakFor(table, slot, source)) return false
    this.#replays.record(slot, inbound, now)
    const claim = this.#claim
    claim.startMessage(header, source, false, now)
    claim.readHeader(header)
    claim.status = Claim.Dead
    claim.left = true
    claim.statedCause = { _tag: "LeaveReceived" }
    this.#rules.mergeLeave(slot, claim)
    return true
  }

  /** Whether a claim that another node passes on about a member is older than what the member itself sent us. */
  isOlderThanHeard(slot: number, incarnation: number, heartbeat: number): boolean {
    return this.#replays.isReplay(slot, incarnation, heartbeat)
  }

  /**
   * The member just sent an ACK. Its address is proved if that answers a PING of ours from the address, or by the `sequence`
   * of the PING, which cannot be guessed. Returns whether it is proved only now.
   */
  prove(slot: number, now: number, sequence = false): boolean {
    const isNew = prove(this.table, slot, now, sequence)
    if (isNew) this.#observers.proved(slot, now)
    return isNew
  }

  // --- our own decisions -----------------------------------------------------------------------

  /** Suspects a member that we failed to reach. The heartbeat of the claim is raised by `SuspicionRaise`, once. */
  suspect(slot: number, cause: MemberCause, now: number): void {
    const table = this.table
    if (!table.isLive(slot)) return
    const heartbeat = table.hasAliveHeartbeat(slot)
      ? SerialNumber.add(table.aliveHeartbeat(slot), Claim.SuspicionRaise)
      : table.heartbeat(slot)
    this.#decide(slot, { incarnation: table.incarnation(slot), status: Claim.Suspect, heartbeat }, cause, now)
  }

  /** Declares a suspect dead, with the heartbeat of its suspicion. */
  declareDead(slot: number, cause: MemberCause, now: number): void {
    const table = this.table
    if (!table.isLive(slot)) return
    const claim = { incarnation: table.incarnation(slot), status: Claim.Dead, heartbeat: table.heartbeat(slot) }
    this.#decide(slot, claim, cause, now)
  }

  /** Believes a Dead claim that was checked, unless the member has a higher incarnation by now. */
  believeDeath({ heartbeat, incarnation, slot }: DeathClaim, cause: MemberCause, now: number): void {
    // A member that died in the meantime may have died at an older incarnation.
    if (this.table.phase(slot) !== Phase.Member) return
    this.#decide(slot, { incarnation, status: Claim.Dead, heartbeat }, cause, now)
  }

  #decide(slot: number, claim: Claim.Claim, cause: MemberCause, now: number): void {
    this.#claim.decide(claim, cause, now)
    this.#rules.mergeDecision(slot, this.#claim)
  }

  /**
   * Takes a member off the list that is dead in this incarnation or a lower one, by the wish of the member `by`. If it is not
   * dead here yet, it is taken off when it is.
   */
  forget(id: NodeId.NodeId, incarnation: number, by: NodeId.NodeId, now: number): void {
    this.#forgetting.forget(id, incarnation, by, now)
  }

  // --- ourselves -------------------------------------------------------------------------------

  /** Our own incarnation. */
  get incarnation(): number {
    return this.#own.incarnation
  }

  /** Whether we announced that we leave. From then on our own entry says Dead. */
  get leaving(): boolean {
    return this.#own.leaving
  }

  isSelf(idHi: number, idLo: number): boolean {
    return idHi === this.table.idHi(SelfSlot) && idLo === this.table.idLo(SelfSlot)
  }

  /** Counts our heartbeat up by one. */
  beat(): void {
    this.#own.beat()
  }

  /** Raises our incarnation so that it beats every claim of the incarnation `above`, as soon as that may be used. */
  raiseIncarnation(above: number, refuted: boolean, now: number): void {
    this.#own.raiseIncarnation(above, refuted, now)
  }

  /** More of the incarnations may be used. */
  incarnationsGranted(now: number): void {
    this.#own.granted(now)
  }

  /** Gives us tags at the start, of this version. Without it we have none, until `setTags`. */
  startTags(tags: Tags, labels: OwnLabels, version = 1): Result.Result<void, TagsError> {
    return this.#tags.start(tags, labels, version)
  }

  /** Gives a live member its tags, which came from it without a message, as in a simulation. */
  giveTags(slot: number, tags: HeldTags, now: number): void {
    this.#tags.give(slot, tags, { _tag: "Heard" }, now)
  }

  /** Replaces the tags that our user gave us. */
  setTags(tags: Tags, now: number): Result.Result<void, TagsError> {
    return this.#tags.set(tags, now)
  }

  /** Advertises another address from now on, with a higher incarnation. */
  moveTo(address: NetAddress.InetAddress, now: number): void {
    this.#own.moveTo(address, now)
  }

  /** From now on our own entry says Dead, and nothing about ourselves is refuted. */
  startLeaving(now: number): void {
    this.#own.startLeaving(now)
  }

  // --- expiry ----------------------------------------------------------------------------------

  /** When `expire` next has something to do, in ms, or Infinity. */
  nextExpiry(): number {
    return this.#tombstones.nextExpiry()
  }

  /** Turns members that have been dead for long enough into tombstones, and forgets old tombstones. */
  expire(now: number): void {
    this.#tombstones.expire(now)
  }

  /** `listener` is called whenever `nextExpiry` may have come nearer. */
  onAging(listener: () => void): void {
    this.#tombstones.onSooner(listener)
  }

  // --- reading ---------------------------------------------------------------------------------

  idOf(slot: number): NodeId.NodeId {
    return NodeId.fromWords(this.table.idHi(slot), this.table.idLo(slot))
  }

  /** The slot of a node, or -1. */
  slotOf(id: NodeId.NodeId): number {
    return this.table.index.get(NodeId.hi(id), NodeId.lo(id))
  }

  /** When a member last sent us a message, or others told us a newer Alive claim, in ms of the monotonic clock. */
  lastHeardOf(slot: number): number {
    return this.table.heardAt(slot)
  }

  // --- counters, read when metrics are scraped -------------------------------------------------

  /** Nodes that were listed. */
  get mergedNew(): number {
    return this.#updates.added
  }

  /** Claims that changed a member. */
  get mergedUpdated(): number {
    return this.#updates.changed
  }

  /** Tags of members that were new to us. */
  get mergedTags(): number {
    return this.#tags.merged
  }

  /** Claims that lost. */
  get mergedStale(): number {
    return this.#rules.stale
  }

  /** Nodes that found the table full. */
  get refusedMembers(): number {
    return this.#updates.refused
  }

  /** Suspect and Dead claims about ourselves that were refuted. */
  get refutations(): number {
    return this.#own.refutations
  }

  /** Messages that were replays. */
  get replays(): number {
    return this.#replayed
  }

  /** Claims that were conflicts, by kind. */
  get conflictsByKind(): Readonly<Record<Conflict["kind"], number>> {
    return this.#conflicts.countByKind
  }

  /** The conflicts that go on: those that were seen within the last two minutes. */
  lastingConflicts(now: number): ReadonlyArray<LastingConflict> {
    return this.#conflicts.lasting(now)
  }

  /** Claims that were conflicts, of both kinds. */
  get conflicts(): number {
    return this.conflictsByKind.SameId + this.conflictsByKind.SameAddress
  }
}
