/** What one snapshot of another node's table says, compared with our own table. */
import * as Claim from "../domain/Claim.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { bucketOf } from "../membership/Digest.ts"
import { type MemberTable, Phase, SelfSlot } from "../membership/MemberTable.ts"
import { compare } from "../membership/HeldTags.ts"
import { EntryCursor } from "../wire/Entry.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { MemberTagsCursor } from "../wire/sections/MemberTags.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { type Coverage, covers } from "./TableDigest.ts"

/** The comparison of one snapshot. The chunks of the snapshot are added in any order. */
export class SnapshotComparison {
  readonly #table: MemberTable
  readonly #cursor = new EntryCursor()
  readonly #tagsCursor = new MemberTagsCursor()
  /** Slots whose nodes the snapshot contains, as a bit set. */
  #contained = new Uint8Array(64)
  #containedCount = 0
  /** Slots whose claim is better in our table than in the snapshot. */
  readonly #better = new Set<number>()
  /** Slots whose tags we have, and the snapshot does not, or has older ones. */
  readonly #tagged = new Set<number>()
  /** The buckets that the snapshot covers; `undefined` when it is of the whole table. */
  #coverage: Coverage | undefined

  constructor(table: MemberTable) {
    this.#table = table
  }

  /** Compares the entries of one chunk, after they have been merged. */
  add(inbound: Inbound): void {
    const { bytes, entriesEnd, entriesStart, header, sections } = inbound
    const { sectioned } = header
    if (this.#coverage === undefined && sections.has(SectionType.Differing)) {
      const bitmap = bytes.slice(sections.startOf(SectionType.Differing) + 1, sections.endOf(SectionType.Differing))
      this.#coverage = { bits: sections.differingBits, bitmap }
    }
    const table = this.#table
    const cursor = this.#cursor
    for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
      cursor.read(bytes, at)
      if (cursor.status > Claim.Dead) continue
      const slot = table.index.get(cursor.idHi, cursor.idLo)
      if (slot < 0) continue
      this.#contain(slot)
      if (this.#isBetter(slot)) this.#better.add(slot)
      else this.#better.delete(slot)
      if (sectioned && this.#hasTags(slot)) this.#tagged.add(slot)
    }
    if (sectioned) this.#addTags(inbound)
  }

  #hasTags(slot: number): boolean {
    const table = this.#table
    return table.tags[slot] !== undefined && (slot === SelfSlot || table.isLive(slot))
  }

  /** The tags of a node come in the chunk that has its entry. */
  #addTags({ bytes, sections }: Inbound): void {
    const table = this.#table
    const cursor = this.#tagsCursor
    const end = sections.endOf(SectionType.Tags)
    for (let at = sections.startOf(SectionType.Tags); at < end; at = cursor.next) {
      cursor.read(bytes, at)
      const slot = table.index.get(cursor.idHi, cursor.idLo)
      const held = slot < 0 ? undefined : table.tags[slot]
      if (held === undefined) continue
      const { incarnation, pairsAt, pairsEnd, version } = cursor
      if (compare(held, incarnation, version, bytes, pairsAt, pairsEnd) <= 0) this.#tagged.delete(slot)
    }
  }

  /** Whether the table knows better than the cursor's entry. Heartbeats do not count. */
  #isBetter(slot: number): boolean {
    const table = this.#table
    const { incarnation, status } = this.#cursor
    // A tombstone is sent only to refuse a claim that its node is alive.
    if (table.phase(slot) === Phase.Tombstone && status === Claim.Dead) return false
    const order = SerialNumber.compare(table.incarnation(slot), incarnation)
    return order > 0 || (table.incarnation(slot) === incarnation && table.status(slot) > status)
  }

  #contain(slot: number): void {
    if (slot >> 3 >= this.#contained.length) {
      const contained = new Uint8Array(Math.max(2 * this.#contained.length, (slot >> 3) + 1))
      contained.set(this.#contained)
      this.#contained = contained
    }
    if (this.contains(slot)) return
    this.#contained[slot >> 3] = this.#contained[slot >> 3]! | (1 << (slot & 7))
    this.#containedCount++
  }

  /** Whether the snapshot contains the node of a slot. */
  contains(slot: number): boolean {
    return ((this.#contained[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0
  }

  /** Whether `sender` introduces itself: a newcomer's snapshot contains nobody else that we know. */
  isIntroduction(sender: number): boolean {
    return this.#coverage === undefined && this.#containedCount <= 1 && this.contains(sender)
  }

  /** Whether the snapshot would contain the node of a slot if the other table had it. */
  #isCovered(slot: number): boolean {
    const coverage = this.#coverage
    if (coverage === undefined) return true
    const table = this.#table
    return covers(coverage, bucketOf(table.idHi(slot), table.idLo(slot), coverage.bits))
  }

  /** The slots whose entries `sender` should get: those that we know better, and live members that it lacks. */
  answerTo(sender: number): Array<number> {
    const table = this.#table
    const slots: Array<number> = []
    // The table may have changed since the chunk came.
    for (const slot of this.#better) if (table.phase(slot) !== Phase.Free) slots.push(slot)
    for (const slot of this.#tagged) if (this.#hasTags(slot) && !this.#better.has(slot)) slots.push(slot)
    for (let slot = SelfSlot + 1; slot < table.top; slot++) {
      if (table.isLive(slot) && slot !== sender && !this.contains(slot) && this.#isCovered(slot)) slots.push(slot)
    }
    return slots
  }
}
