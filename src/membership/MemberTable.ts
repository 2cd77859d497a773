/**
 * What a view holds about each node: one slot per node in parallel typed arrays, an index by id, one by address, pools for
 * random choice, and lists by age. The rules are elsewhere. No lookup and no update allocates.
 */
import type { NetAddress } from "effect/net"
import { Alive, Dead, type StatusCode, Suspect } from "../domain/Claim.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { AddressIndex } from "./AddressIndex.ts"
import { AgeLinks, AgeList } from "./AgeList.ts"
import { Digest, type DigestMember } from "./Digest.ts"
import type { HeldTags } from "./HeldTags.ts"
import { IdIndex } from "./IdIndex.ts"
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
  ProbeFailed: 4096
} as const

/** Our own slot. */
export const SelfSlot = 0

/** Bytes from one slot's address to the next. */
export const AddressStride = 20

/** Copies of typed arrays with room for `length` slots. */
const grown = (length: number) => {
  const filled = <A extends { set(from: A): void }>(to: A, from: A): A => {
    to.set(from)
    return to
  }
  return {
    u8: (from: Uint8Array<ArrayBuffer>, stride = 1) => filled(new Uint8Array(length * stride), from),
    u16: (from: Uint16Array<ArrayBuffer>) => filled(new Uint16Array(length), from),
    u32: (from: Uint32Array<ArrayBuffer>) => filled(new Uint32Array(length), from),
    i32: (from: Int32Array<ArrayBuffer>) => filled(new Int32Array(length), from),
    f64: (from: Float64Array<ArrayBuffer>) => filled(new Float64Array(length), from)
  }
}

/**
 * What a view holds about each node, in parallel arrays: `incarnation[slot]`, `status[slot]` and so on.
 *
 * **Gotchas**
 *
 * The arrays are replaced when the table grows, so read them from the table each time. Slot 0 is the node itself.
 *
 * @category models
 * @since 0.2.0
 */
export class MemberTable {
  readonly index: IdIndex

  idHi = new Uint32Array(0)
  idLo = new Uint32Array(0)
  incarnation = new Uint32Array(0)
  heartbeat = new Uint32Array(0)
  status = new Uint8Array(0)
  /** Canonical packed addresses, `AddressStride` apart. */
  address = new Uint8Array(0)

  phase = new Uint8Array(0)
  marks = new Uint16Array(0)
  /** Extension level of the newest message that the member itself sent. */
  level = new Uint8Array(0)
  /** Highest heartbeat of an Alive claim of the present incarnation, where `Mark.AliveKnown`. */
  aliveHeartbeat = new Uint32Array(0)
  /** Header of the newest message that the member itself sent, where `Mark.Heard`. */
  heardIncarnation = new Uint32Array(0)
  heardHeartbeat = new Uint32Array(0)
  /** Source address of the newest message that the member itself sent, where `Mark.Heard`. */
  spoke = new Uint8Array(0)
  /** When the member last sent us a message, or others told us a newer Alive claim, in ms. */
  heardAt = new Float64Array(0)
  /** When the incarnation or heartbeat in the member's own messages last advanced, in ms. */
  advancedAt = new Float64Array(0)
  /** When the status began, in ms of the monotonic clock. */
  since = new Float64Array(0)
  /** When the member was listed, in ms. */
  inserted = new Float64Array(0)
  /** Sequence of the newest PING with our own entry that the member was sent, where `Mark.OwnEntrySent`. */
  ownEntrySequence = new Uint32Array(0)
  /** When we last sent the member a PING, in ms. */
  pinged = new Float64Array(0)
  /** The round trip of the newest probe that the member answered directly, in ms; NaN before the first. */
  rtt = new Float64Array(0)
  /** Where datagrams for the slot go, made on first use. */
  readonly routes: Array<NetAddress.InetAddress | undefined> = []
  /** The tags of each member that we know, and our own. They can be of an incarnation before the present one. */
  readonly tags: Array<HeldTags | undefined> = []

  readonly #links = new AgeLinks()
  /** Dead and Left members that are still listed. */
  readonly dead = new AgeList(this.#links)
  /** Tombstones of nodes that were members. */
  readonly tombstones = new AgeList(this.#links)
  /** Tombstones of nodes that we never listed. */
  readonly unlisted = new AgeList(this.#links)

  readonly #positions = { position: new Int32Array(0) }
  /** Alive members of extension level 0. We are in no pool ourselves. */
  readonly aliveBase = new SlotPool(this.#positions)
  /** Alive members of extension level 1 and above. */
  readonly aliveExtended = new SlotPool(this.#positions)
  /** Suspect members. */
  readonly suspects = new SlotPool(this.#positions)

  /** One past the highest slot that was ever used. */
  top = 0
  /** Listed members that left. */
  leftCount = 0
  readonly #free: Array<number> = []
  readonly #liveByAddress: AddressIndex
  readonly #digestMember = { idHi: 0, idLo: 0, incarnation: 0, status: 0, tagVersion: 0 }
  #shadowed = 0

  constructor(seed: number) {
    this.index = new IdIndex(seed)
    this.#liveByAddress = new AddressIndex(this, seed)
  }

  /** The digest of the live members, ourselves excluded. */
  readonly digest = new Digest()

  /** Alive and Suspect members, ourselves included: the n of the protocol's formulas. */
  get live(): number {
    return 1 + this.aliveBase.length + this.aliveExtended.length + this.suspects.length
  }

  /** Listed members, ourselves not included: alive, suspect, dead and left. */
  get listed(): number {
    return this.live - 1 + this.dead.length
  }

  /** Alive members, ourselves included. */
  get alive(): number {
    return 1 + this.aliveBase.length + this.aliveExtended.length
  }

  #reserve(): void {
    const length = Math.max(16, 2 * this.phase.length)
    const { f64, i32, u16, u32, u8 } = grown(length)
    this.idHi = u32(this.idHi)
    this.idLo = u32(this.idLo)
    this.incarnation = u32(this.incarnation)
    this.heartbeat = u32(this.heartbeat)
    this.status = u8(this.status)
    this.address = u8(this.address, AddressStride)
    this.phase = u8(this.phase)
    this.marks = u16(this.marks)
    this.level = u8(this.level)
    this.aliveHeartbeat = u32(this.aliveHeartbeat)
    this.heardIncarnation = u32(this.heardIncarnation)
    this.heardHeartbeat = u32(this.heardHeartbeat)
    this.spoke = u8(this.spoke, AddressStride)
    this.heardAt = f64(this.heardAt)
    this.advancedAt = f64(this.advancedAt)
    this.since = f64(this.since)
    this.inserted = f64(this.inserted)
    this.ownEntrySequence = u32(this.ownEntrySequence)
    this.pinged = f64(this.pinged)
    this.rtt = f64(this.rtt)
    this.#links.previous = i32(this.#links.previous)
    this.#links.next = i32(this.#links.next)
    this.#links.began = f64(this.#links.began)
    this.#positions.position = i32(this.#positions.position)
  }

  /** Takes a slot for an id that has none. The caller sets the claim and the phase. */
  take(idHi: number, idLo: number): number {
    const slot = this.#free.pop() ?? this.top++
    if (slot >= this.phase.length) this.#reserve()
    this.idHi[slot] = idHi
    this.idLo[slot] = idLo
    this.marks[slot] = 0
    this.level[slot] = 0
    this.pinged[slot] = -Infinity
    this.rtt[slot] = NaN
    this.routes[slot] = undefined
    this.tags[slot] = undefined
    this.index.add(idHi, idLo, slot)
    return slot
  }

  /** Frees a slot, which must be in no pool and no list. */
  release(slot: number): void {
    this.index.remove(this.idHi[slot]!, this.idLo[slot]!)
    this.phase[slot] = Phase.Free
    this.routes[slot] = undefined
    this.tags[slot] = undefined
    this.#free.push(slot)
  }

  has(slot: number, mark: number): boolean {
    return (this.marks[slot]! & mark) !== 0
  }

  mark(slot: number, mark: number): void {
    this.marks[slot] = this.marks[slot]! | mark
  }

  unmark(slot: number, mark: number): void {
    this.marks[slot] = this.marks[slot]! & ~mark
  }

  /** Whether `aliveHeartbeat` is from an Alive claim of the present incarnation. */
  hasAliveHeartbeat(slot: number): boolean {
    return this.has(slot, Mark.AliveKnown)
  }

  isLive(slot: number): boolean {
    return this.phase[slot] === Phase.Member && this.status[slot] !== Dead
  }

  /** Where the slot's packed address begins in `address`, and its source address in `spoke`. */
  addressAt(slot: number): number {
    return slot * AddressStride
  }

  sameAddress(slot: number, bytes: Uint8Array, at: number): boolean {
    return PackedAddress.compare(this.address, slot * AddressStride, bytes, at) === 0
  }

  /** The slot's address as a value. */
  inetAddress(slot: number): NetAddress.InetAddress {
    return PackedAddress.read(this.address, slot * AddressStride)
  }

  /** The live member at a packed canonical address, or -1. */
  liveAt(bytes: Uint8Array, at: number): number {
    return this.#liveByAddress.get(bytes, at)
  }

  /** What of a slot goes into the digest, in one object that is reused. */
  digestMember(slot: number): DigestMember {
    const member = this.#digestMember
    member.idHi = this.idHi[slot]!
    member.idLo = this.idLo[slot]!
    member.incarnation = this.incarnation[slot]!
    member.status = this.status[slot]!
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
    if (this.status[slot] === Suspect) return this.suspects
    return this.level[slot] === 0 ? this.aliveBase : this.aliveExtended
  }

  /** Adds a listed slot to the pool, list and index that its status, level and address say. */
  addToPools(slot: number, now: number): void {
    if (this.status[slot] === Dead) {
      this.dead.add(slot, now)
      if (this.has(slot, Mark.Left)) this.leftCount++
      return
    }
    this.digest.add(this.digestMember(slot))
    this.#pool(slot).add(slot)
    // A restarted node and its former run claim one address. The first to claim it has it until it dies.
    if (this.liveAt(this.address, slot * AddressStride) >= 0) {
      this.mark(slot, Mark.Shadowed)
      this.#shadowed++
    } else this.#liveByAddress.set(slot)
  }

  /** Removes a listed slot from pools, lists and the index by address, before its status, level or address changes. */
  removeFromPools(slot: number): void {
    if (this.status[slot] === Dead) {
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

  /** Gives the address that a slot just lost to another live member that claims it. */
  #passOnAddress(slot: number): void {
    for (let other = 1; other < this.top; other++) {
      if (!this.has(other, Mark.Shadowed) || !this.sameAddress(slot, this.address, other * AddressStride)) continue
      this.unmark(other, Mark.Shadowed)
      this.#shadowed--
      this.#liveByAddress.set(other)
      return
    }
  }

  /** Sets the extension level of a member's newest message. */
  setLevel(slot: number, level: number): void {
    if (this.level[slot] === level) return
    const moves = this.isLive(slot) && this.status[slot] === Alive && (this.level[slot] === 0) !== (level === 0)
    if (moves) this.#pool(slot).remove(slot)
    this.level[slot] = level
    if (moves) this.#pool(slot).add(slot)
  }

  /** A random live member other than ourselves, or -1. */
  randomLive(random: () => number): number {
    const total = this.live - 1
    if (total === 0) return -1
    let index = Math.floor(random() * total)
    for (const pool of [this.aliveBase, this.aliveExtended, this.suspects]) {
      if (index < pool.length) return pool.at(index)
      index -= pool.length
    }
    return -1
  }

  /**
   * Draws up to `count` distinct Alive members other than `except` into `into`,
   * those of extension level 1 and above first. Returns how many.
   */
  drawAlive(count: number, except: number, random: () => number, into: Array<number>): number {
    return this.#draw(count, except, random, into, [this.aliveExtended, this.aliveBase])
  }

  /** Draws up to `count` distinct live members into `into`, all equally likely. Returns how many. */
  drawLive(count: number, random: () => number, into: Array<number>): number {
    into.length = 0
    const pools = [this.aliveBase, this.aliveExtended, this.suspects] as const
    const drawn = [0, 0, 0]
    let remaining = this.live - 1
    while (into.length < count && remaining > 0) {
      let index = Math.floor(random() * remaining--)
      for (let i = 0; i < 3; i++) {
        const left = pools[i]!.length - drawn[i]!
        if (index < left) {
          into.push(pools[i]!.draw(drawn[i]!, random))
          drawn[i] = drawn[i]! + 1
          break
        }
        index -= left
      }
    }
    return into.length
  }

  #draw(
    count: number,
    except: number,
    random: () => number,
    into: Array<number>,
    pools: ReadonlyArray<SlotPool>
  ): number {
    into.length = 0
    for (const pool of pools) {
      for (let i = 0; i < pool.length && into.length < count; i++) {
        const slot = pool.draw(i, random)
        if (slot !== except) into.push(slot)
      }
    }
    return into.length
  }

  /** The claim's status as a code. */
  statusOf(slot: number): StatusCode {
    const status = this.status[slot]!
    return status === Alive ? Alive : status === Suspect ? Suspect : Dead
  }
}
