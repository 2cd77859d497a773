/**
 * What a view holds about each node: one row of bytes per slot, an index by id, one by address, pools for random choice,
 * and lists by age. The rules are elsewhere. No lookup and no update allocates.
 */
import type { NetAddress } from "effect/net"
import { Alive, Dead, type StatusCode, Suspect } from "../domain/Claim.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { readU32, writeU32 } from "../wire/Bytes.ts"
import { Ipv4EntryLength, MaxEntryLength, PrefixLength } from "../wire/Entry.ts"
import { AddressIndex } from "./AddressIndex.ts"
import { AgeList } from "./AgeList.ts"
import { extended, grownLength } from "./ArrayGrowth.ts"
import { Digest, type DigestMember } from "./Digest.ts"
import type { HeldTags } from "./HeldTags.ts"
import { IdIndex } from "./IdIndex.ts"
import { Ipv6Addresses } from "./Ipv6Addresses.ts"
import { SlotPool } from "./SlotPool.ts"

/** What a slot holds. */
export const Phase = { Free: 0, Self: 1, Member: 2, Tombstone: 3 } as const

/** Bits that qualify a slot. */
export const Mark = {
  /** The member announced that it leaves. */
  Left: 1,
  /** The address is only the source of its first message. It is not passed on to others. */
  Provisional: 2,
  /** It answered a PING of ours at its address. */
  AddressProved: 4,
  /** It sent us a message itself, so the columns about its newest message have a value. */
  Heard: 8,
  /** `aliveHeartbeat` is from an Alive claim of the present incarnation. */
  AliveKnown: 16,
  /** A tombstone of a node that we never listed. */
  Unlisted: 32,
  /** Its address is ours: it is our former run, or a conflict. */
  AtOurAddress: 64,
  /** It is live, but another live member has the same address, and the index by address has that one. */
  Shadowed: 128,
  /** Its newest message came sealed. */
  Sealed: 256,
  /** It was sent a PING with our own entry, of our present incarnation: that with `ownEntrySequence`. */
  OwnEntrySent: 512,
  /** It has acknowledged that PING: it has our own entry. */
  HasOwnEntry: 1024,
  /** It said that it does not have our own entry. */
  WantsOwnEntry: 2048,
  /** The last probe of it failed, so it is spoken to in version 1 until it answers. */
  ProbeFailed: 4096,
  /** The path to it carries no long datagrams. */
  SmallPath: 8192,
  /**
   * We heard of its address while we joined, or it answered there before it was forgotten or moved. So it is sent PINGs though
   * it did not speak to us from there yet.
   */
  Vouched: 16_384
} as const

/** Our own slot. */
export const SelfSlot = 0

/** The place of the first pool of strangers among those of live members. */
const FirstStrangers = 3

/**
 * 32-bit words of a row, which is three quarters of a line of memory, so a merge of an entry reads one or two lines:
 *
 * | word | what |
 * |---|---|
 * | 0, 1 | the id |
 * | 2, 3 | incarnation, heartbeat |
 * | 4 | highest heartbeat of an Alive claim |
 * | 5, 6 | incarnation and heartbeat of the newest message of the member itself |
 * | 7 | place in the pool |
 * | 8 | bytes: status, phase; 16 bits: marks |
 * | 9 | sequence of the newest PING with our own entry |
 * | 10, 11 | an IPv4 address in packed form, or the family of an IPv6 address and where that stands; the last byte: level |
 *
 * The numbers are written out below, because V8 always inlines a function only if it is very small.
 */
const RowWords = 12

/** Times of a slot in ms, as 64-bit floats behind all rows: last heard, last advanced, since when its status. */
const TimesPerSlot = 3

/**
 * What a view holds about each node, by slot: `incarnation(slot)`, `status(slot)` and so on. Slot 0 is the node itself.
 *
 * @category models
 * @since 0.2.0
 */
export class MemberTable {
  readonly index: IdIndex

  #capacity = 0
  // Views of one buffer: the rows, by the size of what is read, and the times behind them.
  #words = new Uint32Array(0)
  #halves = new Uint16Array(0)
  #bytes = new Uint8Array(0)
  #view = new DataView(new ArrayBuffer(0))
  #times = new Float64Array(0)
  /** IPv6 addresses in packed form. */
  readonly #ipv6 = new Ipv6Addresses()
  /** The round trip of the newest probe that the member answered directly, in ms; NaN before the first. */
  #roundTrips = new Float64Array(0)
  /** When we last sent a PING to a member whose address is not proved, in ms. */
  readonly #pinged = new Map<number, number>()
  /** Where members that have another address now had proved the one before, packed. */
  readonly #formerProved = new Map<number, Uint8Array>()
  /** When a member at our address was listed or moved there, in ms. */
  readonly #atOurAddressSince = new Map<number, number>()
  /** Where the newest message of a member came from, where that is not the address of the member. */
  readonly #spokeElsewhere = new Map<number, Uint8Array>()
  /** Where datagrams for the slot go, made on first use. */
  readonly routes: Array<NetAddress.InetAddress | undefined> = []
  /** The tags of each member that we know, and our own. They can be of an incarnation before the present one. */
  readonly tags: Array<HeldTags | undefined> = []

  /** Dead and Left members that are still listed. */
  readonly dead = new AgeList()
  /** Tombstones of nodes that were members. */
  readonly tombstones = new AgeList()
  /** Tombstones of nodes that we never listed. */
  readonly unlisted = new AgeList()

  // We are in no pool ourselves. Where anybody can send datagrams, members whose address never answered us are apart.
  /** Alive members of extension level 0. */
  readonly aliveBase = new SlotPool(this)
  /** Alive members of extension level 1 and above. */
  readonly aliveExtended = new SlotPool(this)
  /** Suspect members. */
  readonly suspects = new SlotPool(this)
  /** Alive members whose address is unproved. */
  readonly aliveStrangers = new SlotPool(this)
  /** Suspect members whose address is unproved. */
  readonly suspectStrangers = new SlotPool(this)

  /** Strangers last. */
  readonly #livePools = [
    this.aliveBase,
    this.aliveExtended,
    this.suspects,
    this.aliveStrangers,
    this.suspectStrangers
  ] as const
  /** How many were drawn from each of them by one call. */
  readonly #drawn = [0, 0, 0, 0, 0]
  /** Whether anybody can send datagrams, so that a member may be invented until its address has answered us. */
  readonly wary: boolean

  /** One past the highest slot that was ever used. */
  top = 0
  /** Listed members that left. */
  leftCount = 0
  readonly #free: Array<number> = []
  readonly #liveByAddress: AddressIndex
  readonly #digestMember = { idHi: 0, idLo: 0, incarnation: 0, status: 0, tagVersion: 0 }
  #shadowed = 0

  constructor(seed: number, wary = false) {
    this.wary = wary
    this.index = new IdIndex(this, seed)
    this.#liveByAddress = new AddressIndex(this, seed)
  }

  /** The digest of the live members, ourselves excluded. */
  readonly digest = new Digest()

  /** Alive and Suspect members, ourselves included: the n of the protocol's formulas. */
  get live(): number {
    return this.alive + this.suspect
  }

  /** Suspect members. */
  get suspect(): number {
    return this.suspects.length + this.suspectStrangers.length
  }

  /** Live members that may be invented: anybody can send datagrams, and their address never answered us. */
  get strangers(): number {
    return this.aliveStrangers.length + this.suspectStrangers.length
  }

  /** Listed members, ourselves not included: alive, suspect, dead and left. */
  get listed(): number {
    return this.live - 1 + this.dead.length
  }

  /** Alive members, ourselves included. */
  get alive(): number {
    return 1 + this.aliveBase.length + this.aliveExtended.length + this.aliveStrangers.length
  }

  #reserve(): void {
    const capacity = grownLength(this.#capacity)
    const rows = capacity * RowWords * Uint32Array.BYTES_PER_ELEMENT
    const buffer = new ArrayBuffer(rows + capacity * TimesPerSlot * Float64Array.BYTES_PER_ELEMENT)
    this.#words = extended(new Uint32Array(buffer, 0, capacity * RowWords), this.#words)
    this.#halves = new Uint16Array(buffer, 0, rows / Uint16Array.BYTES_PER_ELEMENT)
    this.#bytes = new Uint8Array(buffer, 0, rows)
    this.#view = new DataView(buffer, 0, rows)
    this.#times = extended(new Float64Array(buffer, rows), this.#times)
    this.#capacity = capacity
  }

  /** Takes a slot for an id that has none. The caller sets the claim and the phase. */
  take(idHi: number, idLo: number): number {
    const free = this.#free.pop()
    const slot = free ?? this.top++
    if (slot >= this.#capacity) this.#reserve()
    if (free !== undefined) this.#words.fill(0, slot * RowWords, (slot + 1) * RowWords)
    this.#words[slot * 12] = idHi
    this.#words[slot * 12 + 1] = idLo
    this.index.add(idHi, idLo, slot)
    return slot
  }

  /** Frees a slot, which must be in no pool and no list. */
  release(slot: number): void {
    this.index.remove(this.idHi(slot), this.idLo(slot))
    this.setPhase(slot, Phase.Free)
    // Both arrays end at the highest slot that has one.
    if (slot < this.routes.length) this.routes[slot] = undefined
    if (slot < this.tags.length) this.tags[slot] = undefined
    this.#pinged.delete(slot)
    this.#formerProved.delete(slot)
    this.#atOurAddressSince.delete(slot)
    this.#spokeElsewhere.delete(slot)
    if (slot < this.#roundTrips.length) this.#roundTrips[slot] = NaN
    if (this.#family(slot) === 6) this.#ipv6.release(this.#ipv6Place(slot))
    this.#bytes[slot * 48 + 40] = 0
    this.#free.push(slot)
  }

  // --- columns -----------------------------------------------------------------------------------

  /** The upper 32 bits of the id, unsigned. */
  idHi(slot: number): number {
    return this.#words[slot * 12]!
  }

  /** The lower 32 bits of the id, unsigned. */
  idLo(slot: number): number {
    return this.#words[slot * 12 + 1]!
  }

  incarnation(slot: number): number {
    return this.#words[slot * 12 + 2]!
  }

  setIncarnation(slot: number, incarnation: number): void {
    this.#words[slot * 12 + 2] = incarnation
  }

  heartbeat(slot: number): number {
    return this.#words[slot * 12 + 3]!
  }

  setHeartbeat(slot: number, heartbeat: number): void {
    this.#words[slot * 12 + 3] = heartbeat
  }

  /** Highest heartbeat of an Alive claim of the present incarnation, where `Mark.AliveKnown`. */
  aliveHeartbeat(slot: number): number {
    return this.#words[slot * 12 + 4]!
  }

  setAliveHeartbeat(slot: number, aliveHeartbeat: number): void {
    this.#words[slot * 12 + 4] = aliveHeartbeat
  }

  /** Incarnation of the newest message that the member itself sent, where `Mark.Heard`. */
  heardIncarnation(slot: number): number {
    return this.#words[slot * 12 + 5]!
  }

  setHeardIncarnation(slot: number, heardIncarnation: number): void {
    this.#words[slot * 12 + 5] = heardIncarnation
  }

  /** Heartbeat of that message. */
  heardHeartbeat(slot: number): number {
    return this.#words[slot * 12 + 6]!
  }

  setHeardHeartbeat(slot: number, heardHeartbeat: number): void {
    this.#words[slot * 12 + 6] = heardHeartbeat
  }

  /** The place of the slot in its pool. */
  position(slot: number): number {
    return this.#words[slot * 12 + 7]!
  }

  setPosition(slot: number, position: number): void {
    this.#words[slot * 12 + 7] = position
  }

  /** Alive, Suspect or Dead, as the byte on the wire. */
  status(slot: number): number {
    return this.#bytes[slot * 48 + 32]!
  }

  setStatus(slot: number, status: number): void {
    this.#bytes[slot * 48 + 32] = status
  }

  /** What the slot holds: a value of `Phase`. */
  phase(slot: number): number {
    return this.#bytes[slot * 48 + 33]!
  }

  setPhase(slot: number, phase: number): void {
    this.#bytes[slot * 48 + 33] = phase
  }

  /** Extension level of the newest message that the member itself sent. */
  level(slot: number): number {
    return this.#bytes[slot * 48 + 47]!
  }

  /** When the member last sent us a message, or others told us a newer Alive claim, in ms. */
  heardAt(slot: number): number {
    return this.#times[slot * 3]!
  }

  setHeardAt(slot: number, at: number): void {
    this.#times[slot * 3] = at
  }

  /** When the incarnation or heartbeat in the member's own messages last advanced, in ms. */
  advancedAt(slot: number): number {
    return this.#times[slot * 3 + 1]!
  }

  setAdvancedAt(slot: number, at: number): void {
    this.#times[slot * 3 + 1] = at
  }

  /** When the status began, in ms of the monotonic clock. */
  since(slot: number): number {
    return this.#times[slot * 3 + 2]!
  }

  setSince(slot: number, at: number): void {
    this.#times[slot * 3 + 2] = at
  }

  /** When we last sent a PING to a member whose address is not proved, in ms; -Infinity for never. */
  pinged(slot: number): number {
    return this.#pinged.get(slot) ?? -Infinity
  }

  setPinged(slot: number, at: number): void {
    if (!this.has(slot, Mark.AddressProved)) this.#pinged.set(slot, at)
  }

  /** The member answered a PING of ours at its address. */
  markProved(slot: number): void {
    const moves = this.wary && this.isLive(slot)
    if (moves) this.#pool(slot).remove(slot)
    this.mark(slot, Mark.AddressProved)
    this.#pinged.delete(slot)
    if (moves) this.#pool(slot).add(slot)
  }

  /**
   * The member has another address now. If it had proved the one before, and comes back to it, it is known there: a lie may
   * have moved it, which it refutes.
   */
  moved(slot: number, to: Uint8Array, at: number): void {
    if (this.has(slot, Mark.AddressProved)) this.#formerProved.set(slot, this.packedAddress(slot))
    this.unmark(slot, Mark.AddressProved | Mark.SmallPath | Mark.Vouched)
    this.#pinged.delete(slot)
    const former = this.#formerProved.get(slot)
    if (former !== undefined && PackedAddress.equals(former, 0, to, at)) this.mark(slot, Mark.Vouched)
  }

  /** Whether a member may be invented: anybody can send datagrams, and its address never answered us. */
  isStranger(slot: number): boolean {
    return this.wary && !this.has(slot, Mark.AddressProved)
  }

  /** The round trip of the newest probe that the member answered directly, in ms; NaN before the first. */
  roundTrip(slot: number): number {
    return this.#roundTrips[slot] ?? NaN
  }

  setRoundTrip(slot: number, took: number): void {
    if (slot >= this.#roundTrips.length) {
      this.#roundTrips = extended(new Float64Array(Math.max(this.#capacity, slot + 1)).fill(NaN), this.#roundTrips)
    }
    this.#roundTrips[slot] = took
  }

  /** When a member at our address was listed or moved there, in ms. */
  atOurAddressSince(slot: number): number {
    return this.#atOurAddressSince.get(slot) ?? -Infinity
  }

  /** Sequence of the newest PING with our own entry that the member was sent, where `Mark.OwnEntrySent`. */
  ownEntrySequence(slot: number): number {
    return this.#words[slot * 12 + 9]!
  }

  setOwnEntrySequence(slot: number, sequence: number): void {
    this.#words[slot * 12 + 9] = sequence
  }

  // --- addresses ---------------------------------------------------------------------------------

  #family(slot: number): number {
    return this.#bytes[slot * 48 + 40]!
  }

  /** Where the IPv6 address of a slot is among those. */
  #ipv6Place(slot: number): number {
    return readU32(this.#bytes, slot * 48 + 41)
  }

  /** The bytes in which the packed canonical address of a slot begins at `addressAt`, until the table changes. */
  addressBytes(slot: number): Uint8Array {
    return this.#family(slot) === 6 ? this.#ipv6.bytes : this.#bytes
  }

  addressAt(slot: number): number {
    return this.#family(slot) === 6 ? this.#ipv6Place(slot) : slot * 48 + 40
  }

  /** Gives a slot the packed canonical address at `at`. It is unproved, and where the member spoke from is as before. */
  setAddress(slot: number, bytes: Uint8Array, at: number): void {
    if (this.has(slot, Mark.Heard) && !this.#spokeElsewhere.has(slot) && !this.sameAddress(slot, bytes, at)) {
      this.#spokeElsewhere.set(slot, this.packedAddress(slot))
    }
    const row = slot * 48 + 40
    if (bytes[at] === 6) {
      const place = this.#family(slot) === 6 ? this.#ipv6Place(slot) : this.#ipv6.take()
      PackedAddress.copy(bytes, at, this.#ipv6.bytes, place)
      this.#bytes[row] = 6
      writeU32(this.#bytes, row + 1, place)
      return
    }
    if (this.#family(slot) === 6) this.#ipv6.release(this.#ipv6Place(slot))
    PackedAddress.copy(bytes, at, this.#bytes, row)
  }

  /** A copy of the packed address of a slot. */
  packedAddress(slot: number): Uint8Array {
    const copy = new Uint8Array(PackedAddress.MaxLength)
    PackedAddress.copy(this.addressBytes(slot), this.addressAt(slot), copy, 0)
    return copy
  }

  /** Sets the packed source address of the newest message that the member itself sent. */
  setSpoke(slot: number, source: Uint8Array): void {
    if (this.sameAddress(slot, source, 0)) {
      if (this.#spokeElsewhere.size > 0) this.#spokeElsewhere.delete(slot)
      return
    }
    const bytes = this.#spokeElsewhere.get(slot) ?? new Uint8Array(PackedAddress.MaxLength)
    PackedAddress.copy(source, 0, bytes, 0)
    this.#spokeElsewhere.set(slot, bytes)
  }

  /** Whether the newest message that the member itself sent came from a packed address. Only where `Mark.Heard`. */
  spokeFrom(slot: number, bytes: Uint8Array, at: number): boolean {
    const elsewhere = this.#spokeElsewhere.get(slot)
    if (elsewhere === undefined) return this.sameAddress(slot, bytes, at)
    return PackedAddress.equals(elsewhere, 0, bytes, at)
  }

  /** Whether the newest message that the member itself sent came from its address. Only where `Mark.Heard`. */
  spokeFromAddress(slot: number): boolean {
    const elsewhere = this.#spokeElsewhere.get(slot)
    return elsewhere === undefined || this.sameAddress(slot, elsewhere, 0)
  }

  /** Notes whether the address of a slot is ours. */
  markAtOurAddress(slot: number, now: number): void {
    this.mark(slot, Mark.AtOurAddress)
    this.#atOurAddressSince.set(slot, now)
  }

  // --- marks -------------------------------------------------------------------------------------

  has(slot: number, mark: number): boolean {
    return (this.#halves[slot * 24 + 17]! & mark) !== 0
  }

  mark(slot: number, mark: number): void {
    this.#halves[slot * 24 + 17]! |= mark
  }

  unmark(slot: number, mark: number): void {
    this.#halves[slot * 24 + 17]! &= ~mark
  }

  /** Whether `aliveHeartbeat` is from an Alive claim of the present incarnation. */
  hasAliveHeartbeat(slot: number): boolean {
    return this.has(slot, Mark.AliveKnown)
  }

  isLive(slot: number): boolean {
    return this.phase(slot) === Phase.Member && this.status(slot) !== Dead
  }

  /**
   * Whether a slot is a member that we hold Alive, and know by an entry and at an address that is not ours: then an Alive claim
   * of its incarnation changes at most its heartbeat and its address.
   */
  isSettled(slot: number): boolean {
    const marks = this.#halves[slot * 24 + 17]! & (Mark.AliveKnown | Mark.Provisional | Mark.AtOurAddress)
    return marks === Mark.AliveKnown && this.phase(slot) === Phase.Member && this.status(slot) === Alive
  }

  /** Whether others get the entry of a slot with our table: our own, and that of a listed member whose address is its own. */
  isPassedOn(slot: number): boolean {
    return slot === SelfSlot || (this.phase(slot) === Phase.Member && !this.has(slot, Mark.Provisional))
  }

  sameAddress(slot: number, bytes: Uint8Array, at: number): boolean {
    const row = slot * 48 + 40
    return this.#bytes[row] === 6
      ? PackedAddress.equals(this.#ipv6.bytes, this.#ipv6Place(slot), bytes, at)
      : PackedAddress.equals(this.#bytes, row, bytes, at)
  }

  /** Bytes of a slot's entry in a message. */
  entryLength(slot: number): number {
    return this.#family(slot) === 6 ? MaxEntryLength : Ipv4EntryLength
  }

  /** Writes a slot's entry into a message at `at`. `view` and `bytes` are one memory. */
  writeEntry(slot: number, view: DataView, bytes: Uint8Array, at: number): void {
    const words = this.#words
    const row = slot * 12
    view.setUint32(at, words[row]!)
    view.setUint32(at + 4, words[row + 1]!)
    view.setUint32(at + 8, words[row + 3]!)
    view.setUint32(at + 12, words[row + 2]!)
    if (this.#family(slot) === 4) {
      // The status and the seven bytes of the address, as two words.
      const first = this.#view.getUint32(slot * 48 + 40)
      view.setUint32(at + 16, (this.status(slot) << 24) | (first >>> 8))
      view.setUint32(at + 20, (first << 24) | (this.#view.getUint32(slot * 48 + 44) >>> 8))
      return
    }
    bytes[at + 16] = this.status(slot)
    PackedAddress.copy(this.addressBytes(slot), this.addressAt(slot), bytes, at + PrefixLength)
  }

  /** The slot's address as a value. */
  inetAddress(slot: number): NetAddress.InetAddress {
    return PackedAddress.read(this.addressBytes(slot), this.addressAt(slot))
  }

  /** The live member at a packed canonical address, or -1. */
  liveAt(bytes: Uint8Array, at: number): number {
    return this.#liveByAddress.get(bytes, at)
  }

  /** What of a slot goes into the digest, in one object that is reused. */
  digestMember(slot: number): DigestMember {
    const member = this.#digestMember
    member.idHi = this.idHi(slot)
    member.idLo = this.idLo(slot)
    member.incarnation = this.incarnation(slot)
    member.status = this.status(slot)
    const tags = this.tags[slot]
    member.tagVersion = tags !== undefined && tags.incarnation === member.incarnation ? tags.version : 0
    return member
  }

  /** Sets the tags of a member that is in its pool. */
  setTags(slot: number, tags: HeldTags): void {
    this.digest.remove(this.digestMember(slot))
    this.tags[slot] = tags
    this.digest.add(this.digestMember(slot))
  }

  #pool(slot: number): SlotPool {
    if (this.isStranger(slot)) return this.status(slot) === Suspect ? this.suspectStrangers : this.aliveStrangers
    if (this.status(slot) === Suspect) return this.suspects
    return this.level(slot) === 0 ? this.aliveBase : this.aliveExtended
  }

  /** Adds a listed slot to the pool, list and index that its status, level and address say. */
  addToPools(slot: number, now: number): void {
    if (this.status(slot) === Dead) {
      this.dead.add(slot, now)
      if (this.has(slot, Mark.Left)) this.leftCount++
      return
    }
    this.digest.add(this.digestMember(slot))
    this.#pool(slot).add(slot)
    // A restarted node and its former run claim one address. The first to claim it has it until it dies.
    if (!this.#liveByAddress.claim(slot)) {
      this.mark(slot, Mark.Shadowed)
      this.#shadowed++
    }
  }

  /** Removes a listed slot from pools, lists and the index by address, before its status, level or address changes. */
  removeFromPools(slot: number): void {
    if (this.status(slot) === Dead) {
      this.dead.remove(slot)
      if (this.has(slot, Mark.Left)) this.leftCount--
      return
    }
    this.digest.remove(this.digestMember(slot))
    this.#pool(slot).remove(slot)
    if (this.has(slot, Mark.Shadowed)) {
      this.unmark(slot, Mark.Shadowed)
      this.#shadowed--
      return
    }
    this.#liveByAddress.delete(slot)
    if (this.#shadowed > 0) this.#passOnAddress(slot)
  }

  /** A live member other than that of a live slot that claims the same address, or -1. */
  sharingAddress(slot: number): number {
    if (this.#shadowed === 0) return -1
    const owner = this.liveAt(this.addressBytes(slot), this.addressAt(slot))
    if (owner !== slot) return owner
    for (let other = 1; other < this.top; other++) {
      if (
        other !== slot &&
        this.has(other, Mark.Shadowed) &&
        this.sameAddress(other, this.addressBytes(slot), this.addressAt(slot))
      )
        return other
    }
    return -1
  }

  /** Gives the address that a slot just lost to another live member that claims it. */
  #passOnAddress(slot: number): void {
    for (let other = 1; other < this.top; other++) {
      if (!this.has(other, Mark.Shadowed) || !this.sameAddress(slot, this.addressBytes(other), this.addressAt(other)))
        continue
      this.unmark(other, Mark.Shadowed)
      this.#shadowed--
      this.#liveByAddress.claim(other)
      return
    }
  }

  /** Sets the extension level of a member's newest message. */
  setLevel(slot: number, level: number): void {
    if (this.level(slot) === level) return
    const moves = this.isLive(slot) && this.status(slot) === Alive && (this.level(slot) === 0) !== (level === 0)
    if (moves) this.#pool(slot).remove(slot)
    this.#bytes[slot * 48 + 47] = level
    if (moves) this.#pool(slot).add(slot)
  }

  /** A random live member other than ourselves, or -1. */
  randomLive(random: () => number): number {
    const total = this.live - 1
    if (total === 0) return -1
    let index = Math.floor(random() * total)
    for (const pool of this.#livePools) {
      if (index < pool.length) return pool.at(index)
      index -= pool.length
    }
    return -1
  }

  /**
   * Draws up to `count` distinct Alive members other than `except` into `into`,
   * those of extension level 1 and above first, and no strangers. Returns how many.
   */
  drawAlive(count: number, except: number, random: () => number, into: Array<number>): number {
    into.length = 0
    for (const pool of [this.aliveExtended, this.aliveBase]) {
      for (let i = 0; i < pool.length && into.length < count; i++) {
        const slot = pool.draw(i, random)
        if (slot !== except) into.push(slot)
      }
    }
    return into.length
  }

  /**
   * Draws up to `count` distinct live members into `into`, all equally likely, but no more than `mostStrangers` strangers.
   * Returns how many.
   */
  drawLive(count: number, random: () => number, into: Array<number>, mostStrangers = Infinity): number {
    const pools = this.#livePools
    const drawn = this.#drawn
    for (let i = 0; i < drawn.length; i++) drawn[i] = 0
    const { strangers } = this
    const known = this.live - 1 - strangers
    let size = 0
    let drawnStrangers = 0
    while (size < count) {
      // Strangers are behind the others, so without them the count is shorter at its end.
      const remaining = known + (drawnStrangers < mostStrangers ? strangers : drawnStrangers) - size
      if (remaining <= 0) break
      let index = Math.floor(random() * remaining)
      for (let i = 0; i < pools.length; i++) {
        const left = pools[i]!.length - drawn[i]!
        if (index < left) {
          // What is left of the random number is as random as another one.
          into[size++] = pools[i]!.swap(drawn[i]!, drawn[i]! + index)
          drawn[i] = drawn[i]! + 1
          if (i >= FirstStrangers) drawnStrangers++
          break
        }
        index -= left
      }
    }
    // To empty an array and fill it again costs it its memory.
    if (into.length !== size) into.length = size
    return into.length
  }

  /** The claim's status as a code. */
  statusOf(slot: number): StatusCode {
    const status = this.status(slot)
    return status === Alive ? Alive : status === Suspect ? Suspect : Dead
  }
}
