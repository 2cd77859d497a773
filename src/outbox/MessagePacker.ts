/**
 * Builds messages within their limits of bytes and entries.
 *
 * @since 0.2.0
 */
import * as Claim from "../domain/Claim.ts"
import { Mark, type MemberTable, SelfSlot } from "../membership/MemberTable.ts"
import { recordOwnEntrySent } from "../membership/OwnEntryKnown.ts"
import { HeaderLength, IndirectAck, Kind, MaxMessage, RequestAck } from "../wire/Header.ts"
import { ChunkPrefixLength } from "../wire/Inbound.ts"
import { MaxChunk, MessageWriter } from "../wire/MessageWriter.ts"
import { type Accusation, Length as AccusationLength } from "../wire/sections/Accusation.ts"
import { MaxBits } from "../wire/sections/Bucket.ts"
import type { Response } from "../wire/sections/Response.ts"
import { SectionHeaderLength, SectionType } from "../wire/sections/Section.ts"
import type { AccusationQueue } from "./AccusationQueue.ts"
import type { BroadcastQueue } from "./BroadcastQueue.ts"
import type { ChangeQueue } from "./ChangeQueue.ts"
import { EntryPacker, leftLength, NoReceiver } from "./EntryPacker.ts"
import { decimalGrowth, logarithmicGrowth } from "./Growth.ts"
import type { MemberClaim } from "./MemberClaim.ts"
import type { MessageForm } from "./MessageForm.ts"
import { TagPacker } from "./TagPacker.ts"

/** Snapshots have numbers. With a 32-bit incarnation above it, a number stays below 2^53. */
const SnapshotsPerIncarnation = 0x100000

/** An event is sent this many times the retransmit multiplier, as a change is in a cluster of 100. */
const LeastBroadcasts = 3

/** Bytes that the headers of the chunk section and of the sections of entries and tags add to a chunk. */
const SectionedChunkOverhead = 3 * SectionHeaderLength

/** Accusations for which a message has room whatever else waits. */
const KeptAccusations = 4

const OwnSlot: ReadonlyArray<number> = [SelfSlot]

/**
 * What the configuration says about messages.
 *
 * @category models
 * @since 0.2.0
 */
export interface PackerOptions {
  /** The most entries of a message, before `adaptiveFanout`. */
  readonly fanout: number
  /** Whether `fanout` is multiplied by ceil(log2 n). */
  readonly adaptiveFanout: boolean
  /** The most heartbeats of other members in a PING or ACK. */
  readonly piggybackMax: number
  /** A change is sent this many times ceil(log10(n + 1)). */
  readonly retransmitMultiplier: number
  /** The extension level that this node speaks, in every header. */
  readonly level: number
  /** What is exclusive-ored with the checksum of each message: that of the cluster's name, or 0. */
  readonly salt: number
  /** The most bytes of a message, so that its datagram, seal included, keeps to `network.max_datagram`. */
  readonly maxMessage: number
  /** The same for a member behind a path that carries no long datagrams. */
  readonly shortMessage: number
  /** Whether a message of sections to the member of a slot must carry our own entry. */
  readonly needsOwnEntry: (slot: number) => boolean
}

/**
 * How the chunks of a snapshot are sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface ChunkForm {
  /** Slot of the member that they go to. */
  readonly to?: number
  /** Whether the first one asks for an ACK. */
  readonly asks?: boolean
  /** Whether they are for a path that carries no long datagrams. */
  readonly short?: boolean
}

/**
 * What waits to be passed on, and goes into messages.
 *
 * @category models
 * @since 0.2.0
 */
export interface PackerQueues {
  /** Changes, by slot. */
  readonly changes: ChangeQueue
  readonly accusations: AccusationQueue
  /** Tags, by slot. */
  readonly tags: ChangeQueue
  readonly broadcasts: BroadcastQueue
}

/**
 * The time and the random numbers of a packer; a part of `NodeClock`.
 *
 * @category models
 * @since 0.2.0
 */
export interface PackerClock {
  /** In ms of the monotonic clock. */
  readonly now: () => number
  readonly random: () => number
}

/**
 * Builds messages, one at a time.
 *
 * **Details**
 *
 * The order in each message is: the entry that it is about, our own entry, changes,
 * heartbeats, accusations, tags, events and queries. So what does not fit is always
 * the least important. A message that was returned belongs to the caller.
 *
 * @category models
 * @since 0.2.0
 */
export class MessagePacker {
  readonly #table: MemberTable
  readonly #options: PackerOptions
  readonly #form: MessageForm = new MessageWriter()
  readonly #entries: EntryPacker
  readonly #accusations: AccusationQueue
  readonly #tags: TagPacker
  readonly #broadcasts: BroadcastQueue
  readonly #now: () => number
  #snapshot = 0

  constructor(table: MemberTable, queues: PackerQueues, options: PackerOptions, { now, random }: PackerClock) {
    this.#table = table
    this.#options = options
    this.#form.header.salt = options.salt
    this.#accusations = queues.accusations
    this.#entries = new EntryPacker(table, queues.changes, this.#form, random)
    this.#tags = new TagPacker(table, queues.tags, this.#form)
    this.#broadcasts = queues.broadcasts
    this.#now = now
  }

  /** A PING with nothing but our own entry, for an address about which nothing is known. */
  contact(): Uint8Array {
    this.#begin(Kind.Ping)
    return this.#finishWithOwnEntry()
  }

  /**
   * A PING. With `tell` it begins with what we hold about the receiver. Only with `changes` other entries follow our own:
   * an address that may be forged gets none. Heartbeats are left out for a receiver that may speak extension level 1,
   * which has no use for them.
   */
  ping(to: number, tell: boolean, changes = true, heartbeats = true): Uint8Array {
    this.#begin(Kind.Ping, 0, this.#limitTo(to))
    if (to >= 0 && tell) this.#entries.receiver(to)
    return changes
      ? this.#finishWithChanges(to, heartbeats ? this.#options.piggybackMax : 0)
      : this.#finishWithOwnEntry()
  }

  /** A PING of sections, which its ACK answers by the same `sequence`. `tell` and `changes` as for `ping`. */
  probe(to: number, tell: boolean, sequence: number, changes = true): Uint8Array {
    const table = this.#table
    this.#beginSectioned(Kind.Ping, 0, this.#limitTo(to))
    this.#form.pingProbe(sequence, table.idHi(to), table.idLo(to))
    this.#form.beginSection(SectionType.Entries)
    if (tell) this.#entries.receiver(to)
    return this.#finishSections(to, changes, sequence)
  }

  /** A PING of sections for an address that may be our own, with nothing but a number by which we recognise it. */
  selfProbe(sequence: number): Uint8Array {
    const table = this.#table
    this.#beginSectioned(Kind.Ping)
    this.#form.pingProbe(sequence, table.idHi(SelfSlot), table.idLo(SelfSlot))
    return this.#form.finish()
  }

  /** A PING that begins with a claim that its receiver is Dead. `changes` as for `ping`. */
  pingWithClaim(claim: MemberClaim, changes = true): Uint8Array {
    this.#begin(Kind.Ping)
    this.#entries.claim(claim, Claim.Dead)
    return changes ? this.#finishWithChanges(NoReceiver, this.#options.piggybackMax) : this.#finishWithOwnEntry()
  }

  /**
   * An ACK of at most `limit` bytes. With `tell` it begins with what we hold about the receiver. A limit below that of a
   * message means that the address of the receiver may be forged: then only our own entry follows, if it fits.
   */
  ack(to: number, tell: boolean, limit: number): Uint8Array {
    this.#begin(Kind.Ack, 0, Math.min(limit, this.#limitTo(to)))
    if (to >= 0 && tell) this.#entries.receiver(to)
    return this.#finishAck(to, limit)
  }

  /**
   * An ACK of sections. `sequence` is that of the PING, or `undefined` if the PING had none. With `asks` the receiver is
   * asked for its own entry by a section of entries that is empty, unless it is told something. `tell` and `limit` as for
   * `ack`.
   */
  ackProbe(to: number, tell: boolean, limit: number, sequence: number | undefined, asks = false): Uint8Array {
    this.#beginSectioned(Kind.Ack, 0, Math.min(limit, this.#limitTo(to)))
    if (sequence !== undefined) this.#form.ackProbe(sequence)
    this.#form.beginSection(SectionType.Entries)
    if (to >= 0 && tell) this.#entries.receiver(to)
    else if (asks) {
      this.#form.keepSection()
      return this.#form.finish()
    }
    return this.#finishSections(to, limit >= this.#options.maxMessage)
  }

  /** An ACK that passes on the ACK of a relay's target. The entry of the target has the numbers of `ack`. `limit` as above. */
  indirectAck(
    target: number,
    { heartbeat, incarnation }: Pick<MemberClaim, "heartbeat" | "incarnation">,
    limit: number
  ): Uint8Array {
    this.#begin(Kind.Ack, IndirectAck, limit)
    this.#entries.told(target, incarnation, heartbeat, Claim.Alive)
    return this.#finishAck(NoReceiver, limit)
  }

  /** The same as sections, for the probe of the requester that `sequence` names. */
  indirectAckProbe(
    target: number,
    { heartbeat, incarnation }: Pick<MemberClaim, "heartbeat" | "incarnation">,
    limit: number,
    requester: number,
    sequence: number
  ): Uint8Array {
    this.#beginSectioned(Kind.Ack, IndirectAck, limit)
    this.#form.ackProbe(sequence)
    this.#form.beginSection(SectionType.Entries)
    this.#entries.told(target, incarnation, heartbeat, Claim.Alive)
    return this.#finishSections(requester, limit >= this.#options.maxMessage)
  }

  /**
   * An ACK that says that a relay is well and has no answer for the requester's probe. It carries the relay's own
   * accusation of the target, if it found evidence.
   */
  nack(sequence: number, accusation: Accusation | undefined, limit: number): Uint8Array {
    this.#beginSectioned(Kind.Ack, IndirectAck, limit)
    this.#form.nack(sequence)
    if (accusation !== undefined && this.#form.beginSection(SectionType.Accusations)) {
      this.#form.accusation(accusation)
    }
    return this.#form.finish()
  }

  #finishAck(to: number, limit: number): Uint8Array {
    return limit < this.#options.maxMessage
      ? this.#finishWithOwnEntry()
      : this.#finishWithChanges(to, this.#options.piggybackMax)
  }

  /** A PING_REQ for a member. */
  pingReq(target: number): Uint8Array {
    const table = this.#table
    this.#begin(Kind.PingReq)
    this.#form.target(table.idHi(target), table.idLo(target), table.addressBytes(target), table.addressAt(target))
    return this.#form.finish()
  }

  /** A PING_REQ of sections: the relay is to answer within `waitMs`, by the `sequence` of our probe. */
  probeRequest(to: number, target: number, sequence: number, waitMs: number): Uint8Array {
    const table = this.#table
    this.#beginSectioned(Kind.PingReq)
    this.#form.requestProbe(
      sequence,
      Math.min(0xffff, Math.round(waitMs)),
      table.idHi(target),
      table.idLo(target),
      table.addressBytes(target),
      table.addressAt(target)
    )
    this.#form.beginSection(SectionType.Entries)
    return this.#finishSections(to, false)
  }

  /**
   * A PING with the response to a query, or `undefined` if that is too long. Its ACK acknowledges the response by the
   * `sequence`.
   */
  response(to: number, sequence: number, response: Response): Uint8Array | undefined {
    const table = this.#table
    this.#beginSectioned(Kind.Ping)
    this.#form.pingProbe(sequence, table.idHi(to), table.idLo(to))
    if (!this.#form.response(response)) return undefined
    this.#form.beginSection(SectionType.Entries)
    return this.#finishSections(to, false, sequence)
  }

  /** A LEAVE. */
  leave(flags: number): Uint8Array {
    this.#begin(Kind.Leave, flags)
    return this.#form.finish()
  }

  /** A GOSSIP of the changes that wait. */
  gossip(to = NoReceiver): Uint8Array {
    this.#begin(Kind.Gossip, 0, this.#limitTo(to))
    return this.#finishWithChanges(to, 0)
  }

  /** The same as sections, with the accusations that wait. */
  gossipSections(to: number): Uint8Array {
    this.#beginSectioned(Kind.Gossip, 0, this.#limitTo(to))
    this.#form.beginSection(SectionType.Entries)
    return this.#finishSections(to, true)
  }

  /** A GOSSIP of the entry of one node and our own, of at most `limit` bytes. */
  tell(slot: number, limit: number): Uint8Array {
    this.#begin(Kind.Gossip, 0, limit)
    this.#entries.slot(slot)
    return this.#finishWithOwnEntry()
  }

  /** The same as sections. */
  tellSections(slot: number, limit: number): Uint8Array {
    this.#beginSectioned(Kind.Gossip, 0, limit)
    this.#form.beginSection(SectionType.Entries)
    if (slot !== SelfSlot) this.#entries.slot(slot)
    this.#entries.slot(SelfSlot)
    return this.#finishEntries(slot === SelfSlot ? OwnSlot : [])
  }

  /**
   * GOSSIP messages to a member with the entries of the given slots, and as sections with their tags; as many messages as
   * that takes.
   */
  entries(slots: ReadonlyArray<number>, sectioned = false, to = NoReceiver): Array<Uint8Array> {
    const messages: Array<Uint8Array> = []
    const limit = this.#entryLimit
    const length = this.#limitTo(to)
    let at = 0
    while (at < slots.length) {
      if (sectioned) {
        this.#beginSectioned(Kind.Gossip, 0, length)
        this.#form.beginSection(SectionType.Entries)
      } else this.#begin(Kind.Gossip, 0, length)
      this.#entries.slot(SelfSlot)
      const first = at
      let tags = sectioned ? SectionHeaderLength : 0
      while (at < slots.length && (at === first || this.#form.entries < limit)) {
        if (sectioned) tags += this.#tags.lengthOf(slots[at]!)
        // Entries must leave room for the tags of their members, if these have some.
        const needed = this.#table.entryLength(slots[at]!) + leftLength(this.#entries.left.length + 1) + tags
        if (tags > SectionHeaderLength && at > first && this.#form.room < needed) break
        if (!this.#entries.shared(slots[at]!)) break
        at++
      }
      messages.push(this.#finishEntries(sectioned ? slots.slice(first, at) : []))
    }
    return messages
  }

  /** The whole table as the chunks of one ANTI_ENTROPY snapshot: every listed member, also the dead. */
  snapshot(sectioned = false, form: ChunkForm = {}): Array<Uint8Array> {
    const table = this.#table
    const slots: Array<number> = []
    for (let slot = SelfSlot; slot < table.top; slot++) if (table.isPassedOn(slot)) slots.push(slot)
    return this.chunks(slots, sectioned, undefined, form)
  }

  /** The snapshot of a newcomer, which contains only itself. In the form of sections it has the tags too. */
  introduction(sectioned = false): Array<Uint8Array> {
    return this.chunks([SelfSlot], sectioned)
  }

  /** The chunks of a snapshot of some slots. `buckets` says in each chunk which buckets the snapshot covers. */
  chunks(
    slots: ReadonlyArray<number>,
    sectioned: boolean,
    buckets?: { readonly bits: number; readonly bitmap: Uint8Array },
    { asks = false, short = false, to = NoReceiver }: ChunkForm = {}
  ): Array<Uint8Array> {
    // Each chunk says how many there are, so the layout comes first.
    const version = this.#nextVersion()
    const limit = Math.min(MaxChunk, short ? this.#options.shortMessage : this.#limitTo(to))
    const bitmapLength = buckets === undefined ? 0 : SectionHeaderLength + 1 + buckets.bitmap.length
    const overhead = sectioned ? SectionedChunkOverhead + bitmapLength : 0
    const starts = this.#layOut(slots, limit - HeaderLength - ChunkPrefixLength - overhead, sectioned)
    return starts.map((start, index) => {
      const flags = asks && index === 0 ? RequestAck : 0
      if (sectioned) this.#beginSectioned(Kind.AntiEntropy, flags, limit)
      else this.#begin(Kind.AntiEntropy, flags, limit)
      this.#form.chunk(Math.floor(version / 0x1_0000_0000), version, index, starts.length)
      if (buckets !== undefined) this.#form.differing(buckets.bits, buckets.bitmap)
      if (sectioned) this.#form.beginSection(SectionType.Entries)
      const end = starts[index + 1] ?? slots.length
      this.#entries.all(slots, start, end)
      return this.#finishEntries(sectioned ? slots.slice(start, end) : [])
    })
  }

  /** An ANTI_ENTROPY that starts a comparison by the digest of the table. */
  digest(count: number, hashHi: number, hashLo: number): Uint8Array {
    this.#beginSectioned(Kind.AntiEntropy)
    this.#form.digest(count, hashHi, hashLo)
    return this.#form.finish()
  }

  /** log2 of the most buckets whose hashes a message has room for. */
  get maxBucketBits(): number {
    const room = this.#options.maxMessage - HeaderLength - SectionHeaderLength - 1
    return Math.min(MaxBits, Math.floor(Math.log2(room / 4)))
  }

  /** An ANTI_ENTROPY that answers a digest that differs by the hashes of at most `2^maxBucketBits` buckets. */
  buckets(bits: number, hashes: Uint32Array): Uint8Array {
    this.#beginSectioned(Kind.AntiEntropy)
    this.#form.buckets(bits, hashes)
    return this.#form.finish()
  }

  /** The number of a snapshot rises with each snapshot and, through the incarnation, across restarts. */
  #nextVersion(): number {
    this.#snapshot = (this.#snapshot + 1) % SnapshotsPerIncarnation
    return this.#table.incarnation(SelfSlot) * SnapshotsPerIncarnation + this.#snapshot
  }

  /** The positions in `slots` at which the chunks begin. `room` is what each has for entries and members that left. */
  #layOut(slots: ReadonlyArray<number>, room: number, sectioned: boolean): Array<number> {
    const table = this.#table
    const starts: Array<number> = []
    let used = Infinity
    let left = 0
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!
      const length = table.entryLength(slot) + (sectioned ? this.#tags.lengthOf(slot) : 0)
      const leaves = sectioned && table.status(slot) === Claim.Dead && table.has(slot, Mark.Left) ? 1 : 0
      if (used + length + leftLength(left + leaves) > room) {
        starts.push(i)
        used = 0
        left = 0
      }
      used += length
      left += leaves
    }
    // A receiver answers a snapshot when it is complete, also one of buckets that are empty here.
    if (starts.length === 0) starts.push(0)
    return starts
  }

  /** The most bytes of a message to the member of a slot. */
  #limitTo(slot: number): number {
    const { maxMessage, shortMessage } = this.#options
    return slot >= 0 && this.#table.has(slot, Mark.SmallPath) ? shortMessage : maxMessage
  }

  /** Whether a message is too long for a path that carries no long datagrams. */
  isLong(message: Uint8Array): boolean {
    return message.length > this.#options.shortMessage
  }

  /** How often a change is sent. */
  get retransmitLimit(): number {
    return this.#options.retransmitMultiplier * decimalGrowth(this.#table.live)
  }

  /**
   * How often an event is sent. Of k copies per member, e^-k of the members get none. Comparing tables repairs that for a
   * change, and nothing does for an event, so in a small cluster an event is sent more often.
   */
  get #broadcastLimit(): number {
    return Math.max(
      this.retransmitLimit,
      Math.min(LeastBroadcasts * this.#options.retransmitMultiplier, 2 * this.#table.live)
    )
  }

  get #entryLimit(): number {
    const { adaptiveFanout, fanout } = this.#options
    return adaptiveFanout ? fanout * logarithmicGrowth(this.#table.live) : fanout
  }

  #setSender(): void {
    const table = this.#table
    const { header } = this.#form
    header.idHi = table.idHi(SelfSlot)
    header.idLo = table.idLo(SelfSlot)
    header.heartbeat = table.heartbeat(SelfSlot)
    header.incarnation = table.incarnation(SelfSlot)
    header.level = this.#options.level
  }

  #begin(kind: number, flags = 0, limit = MaxMessage): void {
    this.#setSender()
    this.#form.begin(kind, flags, Math.min(limit, this.#options.maxMessage))
    this.#entries.begin(this.#form)
  }

  #beginSectioned(kind: number, flags = 0, limit = MaxMessage): void {
    this.#setSender()
    this.#form.beginSectioned(kind, flags, Math.min(limit, this.#options.maxMessage))
    this.#entries.begin(this.#form)
  }

  #finishWithOwnEntry(): Uint8Array {
    this.#entries.slot(SelfSlot)
    return this.#form.finish()
  }

  #finishWithChanges(to: number, heartbeats: number): Uint8Array {
    const limit = this.#entryLimit
    this.#entries.changes(true, limit, this.retransmitLimit, to)
    this.#entries.heartbeats(heartbeats, limit, to)
    return this.#form.finish()
  }

  /**
   * Ends a message of sections whose section of entries is open: with our own entry where the receiver may not have it,
   * and with changes and accusations if `changes`. `sequence` is that of a PING, whose ACK says that the entry came.
   */
  #finishSections(to: number, changes: boolean, sequence?: number): Uint8Array {
    const own = this.#options.needsOwnEntry(to)
    const { room } = this.#form
    const forBroadcasts = changes ? Math.min(room, this.#roomForBroadcasts) : 0
    if (changes) this.#form.keepRoom(Math.min(room, this.#roomForAccusations + forBroadcasts))
    if (changes) this.#entries.changes(own, this.#entryLimit, this.retransmitLimit, to)
    if (own && this.#entries.slot(SelfSlot) && sequence !== undefined) recordOwnEntrySent(this.#table, to, sequence)
    // Our tags go with our entry: whoever lists us from it has them too.
    if (!changes) return this.#finishEntries(own ? OwnSlot : [])
    this.#writeLeft()
    this.#form.keepRoom(forBroadcasts)
    if (this.#accusations.size > 0 && this.#form.beginSection(SectionType.Accusations)) {
      this.#accusations.take(this.retransmitLimit, (accusation) => this.#form.accusation(accusation))
    }
    this.#tags.waiting(to, this.retransmitLimit, own)
    if (this.#broadcasts.size > 0) {
      this.#form.keepRoom(0)
      this.#broadcasts.write(this.#form, this.#broadcastLimit, this.#now())
    }
    return this.#form.finish()
  }

  /** While accusations wait some have room, so that many changes, such as of invented members, do not keep them back. */
  get #roomForAccusations(): number {
    const { size } = this.#accusations
    return size === 0 ? 0 : SectionHeaderLength + Math.min(size, KeptAccusations) * AccusationLength
  }

  /** While events wait they have a quarter of the message, so that many changes do not keep them back. */
  get #roomForBroadcasts(): number {
    if (this.#broadcasts.size === 0) return 0
    return Math.max(Math.floor(this.#options.maxMessage / 4), this.#broadcasts.firstLength)
  }

  /** Ends a message after its entries, in either form; one of sections with the tags of `slots`. */
  #finishEntries(slots: ReadonlyArray<number> = []): Uint8Array {
    this.#writeLeft()
    if (slots.length > 0) this.#tags.all(slots)
    return this.#form.finish()
  }

  #writeLeft(): void {
    const { left } = this.#entries
    if (left.length === 0) return
    const table = this.#table
    this.#form.beginSection(SectionType.Left)
    for (const slot of left) {
      this.#form.left({ idHi: table.idHi(slot), idLo: table.idLo(slot), incarnation: table.incarnation(slot) })
    }
  }
}
