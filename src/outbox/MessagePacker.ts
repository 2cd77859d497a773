/**
 * Builds messages within their budget of bytes and entries. In each, in this
 * order: the entry that it is about, our own, changes, heartbeats; so what matters
 * most is never what does not fit.
 */
import * as Claim from "../domain/Claim.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import { Mark, type MemberTable, Phase, SelfSlot } from "../membership/MemberTable.ts"
import { HeaderLength, IndirectAck, Kind, MaxMessage } from "../wire/Header.ts"
import { ChunkPrefixLength, type Inbound } from "../wire/Inbound.ts"
import { MaxChunk, MessageWriter } from "../wire/MessageWriter.ts"
import type { ChangeQueue } from "./ChangeQueue.ts"

/** The extension level that this node speaks. */
export const Level = 0

/** A claim that is in no table: of a member that is dead, or is said to be. */
export interface MemberClaim {
  readonly idHi: number
  readonly idLo: number
  readonly incarnation: number
  readonly heartbeat: number
  /** Packed and canonical. */
  readonly address: Uint8Array
}

export interface PackerOptions {
  /** The most entries of a message, before `adaptiveFanout`. */
  readonly fanout: number
  /** Whether `fanout` is multiplied by ceil(log2 n). */
  readonly adaptiveFanout: boolean
  /** The most heartbeats in a PING or ACK. */
  readonly piggybackMax: number
  /** A change is sent this many times ceil(log2(n + 1)). */
  readonly retransmitMultiplier: number
}

/** ceil(log2 n), at least 1: how sizes and counts grow with the cluster. */
export const logarithmicGrowth = (n: number): number => Math.max(1, Math.ceil(Math.log2(n)))

export class MessagePacker {
  readonly #table: MemberTable
  readonly #queue: ChangeQueue
  readonly #options: PackerOptions
  readonly #random: () => number
  readonly #writer = new MessageWriter()
  /** The message in which a slot's entry was last written, so that none is written twice. */
  #stamps = new Uint32Array(16)
  #stamp = 0
  readonly #included: Array<number> = []
  #snapshot = 0

  constructor(view: ClusterView, queue: ChangeQueue, options: PackerOptions, random: () => number) {
    this.#table = view.table
    this.#queue = queue
    this.#options = options
    this.#random = random
  }

  /**
   * A PING. With `tell` it begins with what we hold of the receiver; `slot` is -1 for one that we do not know. Without
   * `news` nothing but our own entry follows: for an address that may be forged.
   */
  ping(slot: number, tell: boolean, news = true): Uint8Array {
    this.#begin(Kind.Ping, 0)
    if (slot >= 0 && tell) this.#slot(slot)
    return news ? this.#withNews(true) : this.#alone()
  }

  /** A PING that begins with a Dead claim about its receiver; `news` as for `ping`. */
  pingWithClaim(claim: MemberClaim, news = true): Uint8Array {
    this.#begin(Kind.Ping, 0)
    this.#dead(claim)
    return news ? this.#withNews(true) : this.#alone()
  }

  /** A PING to an address of which nothing is known. */
  contact(): Uint8Array {
    this.#begin(Kind.Ping, 0)
    return this.#alone()
  }

  /**
   * An ACK. With `tell` it begins with what we hold of the receiver. A `limit` in
   * bytes below that of a message is a stranger's, which gets nothing else but our
   * own entry, and even that only within the limit.
   */
  ack(slot: number, tell: boolean, limit: number): Uint8Array {
    this.#begin(Kind.Ack, 0, limit)
    if (slot >= 0 && tell) this.#slot(slot)
    return limit < MaxMessage ? this.#alone() : this.#withNews(true)
  }

  /** An ACK that passes on that of the relayed target, as its header gave it; `limit` as for `ack`. */
  indirectAck(target: number, inbound: Inbound, limit: number): Uint8Array {
    const { header } = inbound
    const table = this.#table
    this.#begin(Kind.Ack, IndirectAck, limit)
    this.#stampSlot(target)
    this.#writer.entry(
      header.idHi,
      header.idLo,
      header.heartbeat,
      header.incarnation,
      Claim.Alive,
      table.address,
      table.addressAt(target)
    )
    return limit < MaxMessage ? this.#alone() : this.#withNews(true)
  }

  /** A PING_REQ for a member. */
  pingReq(target: number): Uint8Array {
    this.#begin(Kind.PingReq, 0)
    const table = this.#table
    this.#writer.target(table.idHi[target]!, table.idLo[target]!, table.address, table.addressAt(target))
    return this.#writer.finish()
  }

  leave(flags: number): Uint8Array {
    this.#begin(Kind.Leave, flags)
    return this.#writer.finish()
  }

  /** A GOSSIP of the changes that wait. */
  gossip(): Uint8Array {
    this.#begin(Kind.Gossip, 0)
    return this.#withNews(false)
  }

  /** A GOSSIP of one node's entry and our own, within `limit` bytes. */
  tell(slot: number, limit: number): Uint8Array {
    this.#begin(Kind.Gossip, 0, limit)
    this.#slot(slot)
    return this.#alone()
  }

  /** GOSSIP messages of the given slots' entries, as many as it takes. */
  entries(slots: ReadonlyArray<number>): Array<Uint8Array> {
    const messages: Array<Uint8Array> = []
    const limit = this.#entryLimit
    let at = 0
    while (at < slots.length) {
      this.#begin(Kind.Gossip, 0)
      this.#slot(SelfSlot)
      const first = at
      while (at < slots.length && (at === first || this.#writer.entries < limit)) {
        if (!this.#isPrivate(slots[at]!) && !this.#slot(slots[at]!)) break
        at++
      }
      messages.push(this.#writer.finish())
    }
    return messages
  }

  /** The whole table as chunks of one ANTI_ENTROPY snapshot: every listed member, the dead included. */
  snapshot(): Array<Uint8Array> {
    const table = this.#table
    const slots = [SelfSlot]
    for (let slot = SelfSlot + 1; slot < table.top; slot++) {
      if (table.phase[slot] === Phase.Member && !this.#isPrivate(slot)) slots.push(slot)
    }
    return this.#chunks(slots)
  }

  /** A newcomer's snapshot: nobody but itself. */
  introduction(): Array<Uint8Array> {
    return this.#chunks([SelfSlot])
  }

  #chunks(slots: ReadonlyArray<number>): Array<Uint8Array> {
    // How many chunks there are stands in each, so the table is laid out before it is written.
    const version = this.#nextVersion()
    const starts = this.#layOut(slots)
    return starts.map((start, index) => {
      this.#begin(Kind.AntiEntropy, 0)
      this.#writer.beginChunk(version, index, starts.length)
      for (const slot of slots.slice(start, starts[index + 1] ?? slots.length)) this.#slot(slot)
      return this.#writer.finish()
    })
  }

  /** Snapshots are told apart by a number that rises within a life and, with the incarnation, over restarts. */
  #nextVersion(): number {
    this.#snapshot = (this.#snapshot + 1) % SnapshotsPerIncarnation
    return this.#table.incarnation[SelfSlot]! * SnapshotsPerIncarnation + this.#snapshot
  }

  /** Where each chunk begins in `slots`. */
  #layOut(slots: ReadonlyArray<number>): Array<number> {
    const starts: Array<number> = []
    let room = 0
    slots.forEach((slot, i) => {
      const length = this.#table.address[this.#table.addressAt(slot)] === 4 ? 24 : 36
      if (length > room) {
        starts.push(i)
        room = MaxChunk - ChunkOverhead
      }
      room -= length
    })
    return starts
  }

  /** The most that a change is sent. */
  get retransmitLimit(): number {
    return this.#options.retransmitMultiplier * logarithmicGrowth(this.#table.live + 1)
  }

  get #entryLimit(): number {
    const { adaptiveFanout, fanout } = this.#options
    return adaptiveFanout ? fanout * logarithmicGrowth(this.#table.live) : fanout
  }

  /** A member whose address is only where it spoke from is not passed on. */
  #isPrivate(slot: number): boolean {
    return this.#table.has(slot, Mark.Provisional)
  }

  #begin(kind: number, flags: number, limit: number = MaxMessage): void {
    const table = this.#table
    const { header } = this.#writer
    header.idHi = table.idHi[SelfSlot]!
    header.idLo = table.idLo[SelfSlot]!
    header.heartbeat = table.heartbeat[SelfSlot]!
    header.incarnation = table.incarnation[SelfSlot]!
    header.level = Level
    this.#writer.begin(kind, flags, limit)
    this.#stamp = (this.#stamp + 1) >>> 0
    this.#included.length = 0
  }

  #stampSlot(slot: number): void {
    if (slot >= this.#stamps.length) {
      const stamps = new Uint32Array(2 * Math.max(slot, this.#stamps.length))
      stamps.set(this.#stamps)
      this.#stamps = stamps
    }
    this.#stamps[slot] = this.#stamp
  }

  /** Writes a slot's entry unless the message has it already; `false` when it does not fit. */
  #slot(slot: number): boolean {
    if (this.#stamps[slot] === this.#stamp) return true
    const table = this.#table
    const written = this.#writer.entry(
      table.idHi[slot]!,
      table.idLo[slot]!,
      table.heartbeat[slot]!,
      table.incarnation[slot]!,
      table.status[slot]!,
      table.address,
      table.addressAt(slot)
    )
    if (written) this.#stampSlot(slot)
    return written
  }

  #dead(claim: MemberClaim): void {
    const { address, heartbeat, idHi, idLo, incarnation } = claim
    this.#writer.entry(idHi, idLo, heartbeat, incarnation, Claim.Dead, address, 0)
    const slot = this.#table.index.get(idHi, idLo)
    if (slot >= 0) this.#stampSlot(slot)
  }

  /** Ends a message with nothing but our own entry, and what stands before it. */
  #alone(): Uint8Array {
    this.#slot(SelfSlot)
    return this.#writer.finish()
  }

  /** Ends a message with our own entry, changes, and heartbeats if `heartbeats`. */
  #withNews(heartbeats: boolean): Uint8Array {
    const writer = this.#writer
    const limit = this.#entryLimit
    this.#slot(SelfSlot)
    this.#included.push(SelfSlot)
    this.#queue.forEach((slot) => {
      if (slot === SelfSlot) return true
      if (writer.entries >= limit || !this.#slot(slot)) return false
      this.#included.push(slot)
      return true
    })
    if (heartbeats) this.#heartbeats(limit)
    const sends = this.retransmitLimit
    for (const slot of this.#included) this.#queue.countSent(slot, sends)
    return writer.finish()
  }

  /** Entries of a few random live members, where there is room. */
  #heartbeats(limit: number): void {
    const table = this.#table
    const count = Math.min(this.#options.piggybackMax, limit - this.#writer.entries, table.live - 1)
    for (let i = 0; i < count; i++) {
      const slot = table.randomLive(this.#random)
      if (slot >= 0 && !this.#isPrivate(slot) && !this.#slot(slot)) return
    }
  }
}

/** With a 32-bit incarnation above it this stays below 2^53. */
const SnapshotsPerIncarnation = 0x100000

/** Bytes of an ANTI_ENTROPY message before its entries. */
const ChunkOverhead = HeaderLength + ChunkPrefixLength
