/**
 * Builds messages within their limits of bytes and entries.
 *
 * @since 0.2.0
 */
import * as Claim from "../domain/Claim.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import { Mark, type MemberTable, Phase, SelfSlot } from "../membership/MemberTable.ts"
import { Ipv4EntryLength, MaxEntryLength } from "../wire/Entry.ts"
import { HeaderLength, IndirectAck, Kind, MaxMessage } from "../wire/Header.ts"
import { ChunkPrefixLength, type Inbound } from "../wire/Inbound.ts"
import { MaxChunk, MessageWriter } from "../wire/MessageWriter.ts"
import type { ChangeQueue } from "./ChangeQueue.ts"
import { EntryPacker } from "./EntryPacker.ts"
import { logarithmicGrowth } from "./Growth.ts"
import type { MemberClaim } from "./MemberClaim.ts"
import type { MessageForm } from "./MessageForm.ts"

/** The extension level that this node speaks. */
export const Level = 0

/** Snapshots have numbers. With a 32-bit incarnation above it, a number stays below 2^53. */
const SnapshotsPerIncarnation = 0x100000

/** Bytes of an ANTI_ENTROPY message for its entries. */
const ChunkRoom = MaxChunk - HeaderLength - ChunkPrefixLength

/** What the configuration says about messages. */
export interface PackerOptions {
  /** The most entries of a message, before `adaptiveFanout`. */
  readonly fanout: number
  /** Whether `fanout` is multiplied by ceil(log2 n). */
  readonly adaptiveFanout: boolean
  /** The most heartbeats of other members in a PING or ACK. */
  readonly piggybackMax: number
  /** A change is sent this many times ceil(log2(n + 1)). */
  readonly retransmitMultiplier: number
}

/**
 * Builds messages, one at a time.
 *
 * **Details**
 *
 * The order in each message is: the entry that it is about, our own entry, changes,
 * heartbeats. So what does not fit is always the least important. A message that was
 * returned belongs to the caller.
 *
 * @category models
 * @since 0.2.0
 */
export class MessagePacker {
  readonly #table: MemberTable
  readonly #options: PackerOptions
  readonly #form: MessageForm = new MessageWriter()
  readonly #entries: EntryPacker
  #snapshot = 0

  constructor(view: ClusterView, queue: ChangeQueue, options: PackerOptions, random: () => number) {
    this.#table = view.table
    this.#options = options
    this.#entries = new EntryPacker(view.table, queue, this.#form, random)
  }

  /** A PING with nothing but our own entry, for an address about which nothing is known. */
  contact(): Uint8Array {
    this.#begin(Kind.Ping)
    return this.#finishWithOwnEntry()
  }

  /**
   * A PING. With `tell` it begins with what we hold about the receiver. Only with `changes` other entries follow our own:
   * an address that may be forged gets none.
   */
  ping(to: number, tell: boolean, changes = true): Uint8Array {
    this.#begin(Kind.Ping)
    if (to >= 0 && tell) this.#entries.slot(to)
    return changes ? this.#finishWithChanges(this.#options.piggybackMax) : this.#finishWithOwnEntry()
  }

  /** A PING that begins with a claim that its receiver is Dead. `changes` as for `ping`. */
  pingWithClaim(claim: MemberClaim, changes = true): Uint8Array {
    this.#begin(Kind.Ping)
    this.#entries.claim(claim, Claim.Dead)
    return changes ? this.#finishWithChanges(this.#options.piggybackMax) : this.#finishWithOwnEntry()
  }

  /**
   * An ACK of at most `limit` bytes. With `tell` it begins with what we hold about the receiver. A limit below that of a
   * message means that the address of the receiver may be forged: then only our own entry follows, if it fits.
   */
  ack(to: number, tell: boolean, limit: number): Uint8Array {
    this.#begin(Kind.Ack, 0, limit)
    if (to >= 0 && tell) this.#entries.slot(to)
    return this.#finishAck(limit)
  }

  /** An ACK that passes on the ACK of a relay's target. The entry of the target has the numbers of `ack`. `limit` as above. */
  indirectAck(target: number, { header }: Inbound, limit: number): Uint8Array {
    this.#begin(Kind.Ack, IndirectAck, limit)
    this.#entries.told(target, header.incarnation, header.heartbeat, Claim.Alive)
    return this.#finishAck(limit)
  }

  #finishAck(limit: number): Uint8Array {
    return limit < MaxMessage ? this.#finishWithOwnEntry() : this.#finishWithChanges(this.#options.piggybackMax)
  }

  /** A PING_REQ for a member. */
  pingReq(target: number): Uint8Array {
    const table = this.#table
    this.#begin(Kind.PingReq)
    this.#form.target(table.idHi[target]!, table.idLo[target]!, table.address, table.addressAt(target))
    return this.#form.finish()
  }

  /** A LEAVE. */
  leave(flags: number): Uint8Array {
    this.#begin(Kind.Leave, flags)
    return this.#form.finish()
  }

  /** A GOSSIP of the changes that wait. */
  gossip(): Uint8Array {
    this.#begin(Kind.Gossip)
    return this.#finishWithChanges(0)
  }

  /** A GOSSIP of the entry of one node and our own, of at most `limit` bytes. */
  tell(slot: number, limit: number): Uint8Array {
    this.#begin(Kind.Gossip, 0, limit)
    this.#entries.slot(slot)
    return this.#finishWithOwnEntry()
  }

  /** GOSSIP messages with the entries of the given slots, as many messages as that takes. */
  entries(slots: ReadonlyArray<number>): Array<Uint8Array> {
    const messages: Array<Uint8Array> = []
    const limit = this.#entryLimit
    let at = 0
    while (at < slots.length) {
      this.#begin(Kind.Gossip)
      this.#entries.slot(SelfSlot)
      const first = at
      while (at < slots.length && (at === first || this.#form.entries < limit)) {
        if (!this.#entries.shared(slots[at]!)) break
        at++
      }
      messages.push(this.#form.finish())
    }
    return messages
  }

  /** The whole table as the chunks of one ANTI_ENTROPY snapshot: every listed member, also the dead. */
  snapshot(): Array<Uint8Array> {
    const table = this.#table
    const slots = [SelfSlot]
    for (let slot = SelfSlot + 1; slot < table.top; slot++) {
      if (table.phase[slot] === Phase.Member && !table.has(slot, Mark.Provisional)) slots.push(slot)
    }
    return this.#chunks(slots)
  }

  /** The snapshot of a newcomer, which contains only itself. */
  introduction(): Array<Uint8Array> {
    return this.#chunks([SelfSlot])
  }

  #chunks(slots: ReadonlyArray<number>): Array<Uint8Array> {
    // Each chunk says how many there are, so the layout comes first.
    const version = this.#nextVersion()
    const starts = this.#layOut(slots)
    return starts.map((start, index) => {
      this.#setSender()
      this.#form.beginChunk(version, index, starts.length)
      this.#entries.begin(this.#form)
      for (const slot of slots.slice(start, starts[index + 1] ?? slots.length)) this.#entries.slot(slot)
      return this.#form.finish()
    })
  }

  /** The number of a snapshot rises with each snapshot and, through the incarnation, across restarts. */
  #nextVersion(): number {
    this.#snapshot = (this.#snapshot + 1) % SnapshotsPerIncarnation
    return this.#table.incarnation[SelfSlot]! * SnapshotsPerIncarnation + this.#snapshot
  }

  /** The positions in `slots` at which the chunks begin. */
  #layOut(slots: ReadonlyArray<number>): Array<number> {
    const starts: Array<number> = []
    let room = 0
    slots.forEach((slot, i) => {
      const length = this.#table.address[this.#table.addressAt(slot)] === 4 ? Ipv4EntryLength : MaxEntryLength
      if (length > room) {
        starts.push(i)
        room = ChunkRoom
      }
      room -= length
    })
    return starts
  }

  /** How often a change is sent. */
  get retransmitLimit(): number {
    return this.#options.retransmitMultiplier * logarithmicGrowth(this.#table.live + 1)
  }

  get #entryLimit(): number {
    const { adaptiveFanout, fanout } = this.#options
    return adaptiveFanout ? fanout * logarithmicGrowth(this.#table.live) : fanout
  }

  #setSender(): void {
    const table = this.#table
    const { header } = this.#form
    header.idHi = table.idHi[SelfSlot]!
    header.idLo = table.idLo[SelfSlot]!
    header.heartbeat = table.heartbeat[SelfSlot]!
    header.incarnation = table.incarnation[SelfSlot]!
    header.level = Level
  }

  #begin(kind: number, flags = 0, limit = MaxMessage): void {
    this.#setSender()
    this.#form.begin(kind, flags, limit)
    this.#entries.begin(this.#form)
  }

  #finishWithOwnEntry(): Uint8Array {
    this.#entries.slot(SelfSlot)
    return this.#form.finish()
  }

  #finishWithChanges(heartbeats: number): Uint8Array {
    const limit = this.#entryLimit
    this.#entries.ownAndChanges(limit, this.retransmitLimit)
    this.#entries.heartbeats(heartbeats, limit)
    return this.#form.finish()
  }
}
