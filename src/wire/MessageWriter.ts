/**
 * Writes one message at a time, in place. What does not fit is refused as a
 * whole, so no message can exceed its limit.
 *
 * @since 0.2.0
 */
import * as Entry from "./Entry.ts"
import { Header, HeaderLength, MaxMessage, writeHeaderAt } from "./Header.ts"
import * as PackedAddress from "./PackedAddress.ts"
import * as Accusation from "./sections/Accusation.ts"
import * as Bucket from "./sections/Bucket.ts"
import * as LeftMember from "./sections/LeftMember.ts"
import * as MemberEvent from "./sections/MemberEvent.ts"
import * as MemberTags from "./sections/MemberTags.ts"
import * as Query from "./sections/Query.ts"
import * as Response from "./sections/Response.ts"
import { isRepeatable, SectionHeaderLength, SectionType } from "./sections/Section.ts"
import * as Sections from "./sections/Sections.ts"

/** Bytes of a slab. */
const SlabLength = 16 * 1024

/**
 * The most bytes of a chunk of a snapshot.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxChunk = 1200

/**
 * A writer of messages.
 *
 * **When to use**
 *
 * Use one writer for all messages of a node: `begin`, then what the message
 * contains, then `finish`.
 *
 * **Details**
 *
 * Messages are cut from slabs, because memory of its own would cost each message
 * more than all that is written into it. A finished message belongs to the
 * caller: the writer does not touch it again.
 *
 * Every method that writes something returns whether it fitted the limit. What did
 * not fit leaves no trace. `beginSectioned` starts a message of extension level 1.
 * Its lists (entries, accusations, members that left, tags, events) are written
 * between `beginSection` and `endSection`; everything else is a section by itself.
 * The writer refuses what would make such a message malformed: a list item outside
 * its section, and a second section of a type.
 *
 * @category writing
 * @since 0.2.0
 */
export class MessageWriter {
  /** The sender's fields, which the caller sets; the writer sets the others. */
  readonly header = new Header()
  #view: DataView
  #bytes: Uint8Array
  /** Where the message begins. */
  #start = 0
  #at = 0
  #end = 0
  /** Bytes before `#end` that are kept for what is written last. */
  #kept = 0
  #entries = 0
  /** The type of list items that can be written now, or 0. In a message of version 1 entries can always be. */
  #open = 0
  #keepsEmpty = false
  /** Where the open section begins. */
  #sectionAt = 0
  /** Bit t is set when the message has a section of type t. */
  #written = 0

  /** `slabLength` bytes are reserved at once, and again each time they are used up. */
  constructor(slabLength: number = SlabLength) {
    this.#bytes = new Uint8Array(slabLength)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Entries written since `begin`. */
  get entries(): number {
    return this.#entries
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#at - this.#start
  }

  /** Bytes that may still be written. */
  get room(): number {
    return this.#end - this.#kept - this.#at
  }

  /** Keeps bytes at the end of the message for what is written last; 0 gives them back. */
  keepRoom(bytes: number): void {
    this.#kept = bytes
  }

  /**
   * Starts a message of version 1, of at most `limit` bytes, header included. A limit above `MaxMessage` counts as
   * `MaxMessage`, and one below a header as a header.
   */
  begin(kind: number, flags: number, limit: number = MaxMessage): void {
    this.#begin(kind, flags, limit)
    this.header.sectioned = false
    this.#open = SectionType.Entries
  }

  /** Starts a message of sections, with the limit as for `begin`. */
  beginSectioned(kind: number, flags: number, limit: number = MaxMessage): void {
    this.#begin(kind, flags, limit)
    this.header.sectioned = true
    this.#open = 0
  }

  #begin(kind: number, flags: number, limit: number): void {
    const length = Math.max(HeaderLength, Math.min(limit, MaxMessage))
    this.header.kind = kind
    this.header.flags = flags
    if (this.#start + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(this.#bytes.length, length))
      this.#view = new DataView(this.#bytes.buffer)
      this.#start = 0
    }
    this.#at = this.#start + HeaderLength
    this.#end = this.#start + length
    this.#kept = 0
    this.#entries = 0
    this.#written = 0
  }

  // --- both forms ------------------------------------------------------------------

  /** Writes the chunk header of an ANTI_ENTROPY, in front of its entries. */
  chunk(versionHi: number, versionLo: number, index: number, total: number): boolean {
    const at = this.header.sectioned
      ? this.#section(SectionType.Chunk, Sections.ChunkLength)
      : this.#reserve(Sections.ChunkLength)
    if (at === -1) return false
    const view = this.#view
    view.setUint32(at, versionHi)
    view.setUint32(at + 4, versionLo)
    view.setUint16(at + 8, index)
    view.setUint16(at + 10, total)
    return true
  }

  /** Adds an entry; in a message of sections, to the open section of entries. */
  entry(
    idHi: number,
    idLo: number,
    heartbeat: number,
    incarnation: number,
    status: number,
    address: Uint8Array,
    addressAt: number
  ): boolean {
    const at = this.#item(SectionType.Entries, Entry.PrefixLength + PackedAddress.lengthOf(address[addressAt]!))
    if (at === -1) return false
    const view = this.#view
    view.setUint32(at, idHi)
    view.setUint32(at + 4, idLo)
    view.setUint32(at + 8, heartbeat)
    view.setUint32(at + 12, incarnation)
    view.setUint8(at + 16, status)
    PackedAddress.copy(address, addressAt, this.#bytes, at + Entry.PrefixLength)
    this.#entries++
    return true
  }

  /**
   * Adds the entries of `slots` from `from` up to `to`, as far as they fit, at the least cost of each. Returns the place of
   * the first that was not added.
   */
  entriesOf(source: Entry.EntrySource, slots: ReadonlyArray<number>, from: number, to: number): number {
    if (this.#open !== SectionType.Entries) return from
    const view = this.#view
    const bytes = this.#bytes
    const end = this.#end - this.#kept
    let at = this.#at
    let i = from
    for (; i < to; i++) {
      const slot = slots[i]!
      const next = at + source.entryLength(slot)
      if (next > end) break
      source.writeEntry(slot, view, bytes, at)
      at = next
    }
    this.#at = at
    this.#entries += i - from
    return i
  }

  /** Completes the message and returns its bytes. */
  finish(): Uint8Array {
    this.endSection()
    const length = this.length
    this.header.payloadLength = length - HeaderLength
    writeHeaderAt(this.#view, this.#start, this.header)
    const message = new Uint8Array(this.#bytes.buffer, this.#start, length)
    this.#start = this.#at
    return message
  }

  // --- version 1 -------------------------------------------------------------------

  /** Writes the target of a PING_REQ of version 1. */
  target(idHi: number, idLo: number, address: Uint8Array, addressAt: number): boolean {
    const at = this.header.sectioned ? -1 : this.#reserve(8 + PackedAddress.lengthOf(address[addressAt]!))
    if (at === -1) return false
    this.#view.setUint32(at, idHi)
    this.#view.setUint32(at + 4, idLo)
    PackedAddress.copy(address, addressAt, this.#bytes, at + 8)
    return true
  }

  // --- lists -----------------------------------------------------------------------

  /** Opens a section for list items of the type. An open section is closed first. */
  beginSection(type: number): boolean {
    this.endSection()
    if (!this.#canBegin(type) || this.room < SectionHeaderLength) return false
    this.#open = type
    this.#keepsEmpty = false
    this.#sectionAt = this.#at
    this.#at += SectionHeaderLength
    return true
  }

  /** The open section is written even if it has no items. */
  keepSection(): void {
    this.#keepsEmpty = true
  }

  /** Closes the open section, if there is one. A section without items is dropped, unless `keepSection` was called. */
  endSection(): void {
    if (this.#open === 0 || !this.header.sectioned) return
    const length = this.#at - this.#sectionAt - SectionHeaderLength
    if (length === 0 && !this.#keepsEmpty) this.#at = this.#sectionAt
    else this.#writeSectionHeader(this.#sectionAt, this.#open, length)
    this.#open = 0
  }

  /** Adds an accusation to the open section of accusations. */
  accusation(accusation: Accusation.Accusation): boolean {
    const at = this.#item(SectionType.Accusations, Accusation.Length)
    if (at === -1) return false
    Accusation.write(accusation, this.#bytes, at)
    return true
  }

  /** Adds a member to the open section of members that left. */
  left(member: LeftMember.LeftMember): boolean {
    const at = this.#item(SectionType.Left, LeftMember.Length)
    if (at === -1) return false
    LeftMember.write(member, this.#bytes, at)
    return true
  }

  /** Adds a member's tags to the open section of tags. */
  tags(tags: MemberTags.MemberTags): boolean {
    const at = this.#item(SectionType.Tags, MemberTags.lengthOf(tags))
    if (at === -1) return false
    MemberTags.write(tags, this.#bytes, at)
    return true
  }

  /** Adds an event to the open section of events. */
  event(event: MemberEvent.MemberEvent): boolean {
    const at = this.#item(SectionType.Events, MemberEvent.lengthOf(event))
    if (at === -1) return false
    MemberEvent.write(event, this.#bytes, at)
    return true
  }

  // --- whole sections ----------------------------------------------------------------

  /** Writes the probe section of a PING: its sequence and the id that it is meant for. */
  pingProbe(sequence: number, idHi: number, idLo: number): boolean {
    const at = this.#section(SectionType.Probe, Sections.PingProbeLength)
    if (at === -1) return false
    this.#view.setUint32(at, sequence)
    this.#view.setUint32(at + 4, idHi)
    this.#view.setUint32(at + 8, idLo)
    return true
  }

  /** Writes the probe section of an ACK: the sequence of the PING that it answers. */
  ackProbe(sequence: number): boolean {
    const at = this.#section(SectionType.Probe, Sections.AckProbeLength)
    if (at === -1) return false
    this.#view.setUint32(at, sequence)
    return true
  }

  /** Writes the probe section of a PING_REQ: the requester's sequence, how long it waits, and the target. */
  requestProbe(
    sequence: number,
    waitMs: number,
    idHi: number,
    idLo: number,
    address: Uint8Array,
    addressAt: number
  ): boolean {
    const length = Sections.RequestProbePrefixLength + PackedAddress.lengthOf(address[addressAt]!)
    const at = this.#section(SectionType.Probe, length)
    if (at === -1) return false
    const view = this.#view
    view.setUint32(at, sequence)
    view.setUint16(at + 4, waitMs)
    view.setUint32(at + 6, idHi)
    view.setUint32(at + 10, idLo)
    PackedAddress.copy(address, addressAt, this.#bytes, at + Sections.RequestProbePrefixLength)
    return true
  }

  /** Writes a nack: the sequence of the requester's probe to which the relay has no answer. */
  nack(sequence: number): boolean {
    const at = this.#section(SectionType.Nack, Sections.NackLength)
    if (at === -1) return false
    this.#view.setUint32(at, sequence)
    return true
  }

  /** Writes the digest of a table. */
  digest(count: number, hashHi: number, hashLo: number): boolean {
    const at = this.#section(SectionType.Digest, Sections.DigestLength)
    if (at === -1) return false
    this.#view.setUint32(at, count)
    this.#view.setUint32(at + 4, hashHi)
    this.#view.setUint32(at + 8, hashLo)
    return true
  }

  /** Writes the hashes of all `2^bits` buckets. */
  buckets(bits: number, hashes: Uint32Array): boolean {
    const at = this.#section(SectionType.Buckets, 1 + (4 << bits))
    if (at === -1) return false
    this.#view.setUint8(at, bits)
    for (let bucket = 0; bucket < 1 << bits; bucket++) this.#view.setUint32(at + 1 + 4 * bucket, hashes[bucket]!)
    return true
  }

  /** Writes which of `2^bits` buckets the chunks cover, as a bitmap in the form of `Bucket.isSet`. */
  differing(bits: number, bitmap: Uint8Array): boolean {
    const length = Bucket.bitmapLength(bits)
    const at = this.#section(SectionType.Differing, 1 + length)
    if (at === -1) return false
    this.#view.setUint8(at, bits)
    this.#bytes.set(bitmap.subarray(0, length), at + 1)
    return true
  }

  /** Writes a query. */
  query(query: Query.Query): boolean {
    const at = this.#section(SectionType.Query, Query.lengthOf(query))
    if (at === -1) return false
    Query.write(query, this.#bytes, at)
    return true
  }

  /** Writes a response. */
  response(response: Response.Response): boolean {
    const at = this.#section(SectionType.Response, Response.lengthOf(response))
    if (at === -1) return false
    Response.write(response, this.#bytes, at)
    return true
  }

  // --- room --------------------------------------------------------------------------

  /** Takes `length` bytes and returns where they begin, or -1 when they do not fit. */
  #reserve(length: number): number {
    const at = this.#at
    if (at + length > this.#end - this.#kept) return -1
    this.#at = at + length
    return at
  }

  /** Takes `length` bytes for an item of the open list. */
  #item(type: number, length: number): number {
    return this.#open === type ? this.#reserve(length) : -1
  }

  /** Takes a whole section with `length` bytes of content, and returns where the content begins. */
  #section(type: number, length: number): number {
    this.endSection()
    if (!this.#canBegin(type)) return -1
    const at = this.#reserve(SectionHeaderLength + length)
    if (at === -1) return -1
    this.#writeSectionHeader(at, type, length)
    return at + SectionHeaderLength
  }

  #canBegin(type: number): boolean {
    return this.header.sectioned && ((this.#written & (1 << type)) === 0 || isRepeatable(type))
  }

  #writeSectionHeader(at: number, type: number, length: number): void {
    this.#view.setUint8(at, type)
    this.#view.setUint16(at + 1, length)
    this.#written |= 1 << type
  }
}
