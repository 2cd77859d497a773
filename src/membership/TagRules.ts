/** How tags merge (docs/PROTOCOL.md, Tags): what messages say about the tags of members, and our own tags. */
import { Result } from "effect"
import type { MemberCause } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { type OwnLabels, withLabels } from "../domain/OwnTags.ts"
import type { Tags, TagsError } from "../domain/Tags.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { MemberTagsCursor, packPairs } from "../wire/sections/MemberTags.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { compare, compareBytes, HeldTags } from "./HeldTags.ts"
import { Mark, type MemberTable, Phase, SelfSlot } from "./MemberTable.ts"
import type { Observers } from "./Observers.ts"
import type { TagPool } from "./TagPool.ts"

const heard: MemberCause = { _tag: "Heard" }

export class TagRules {
  /** Tags of members that were new to us. */
  merged = 0
  readonly #table: MemberTable
  readonly #observers: Observers
  readonly #pool: TagPool | undefined
  readonly #cursor = new MemberTagsCursor()
  #labels: OwnLabels = {}
  /** The message that is being merged, if it has tags. */
  #message: Inbound | undefined

  /** `pool`: where tags come from that other nodes of this process may hold too. */
  constructor(table: MemberTable, observers: Observers, pool?: TagPool) {
    this.#table = table
    this.#pool = pool
    this.#observers = observers
  }

  // --- our own -----------------------------------------------------------------------------------

  /** Sets our tags at the start. Without it we have none. */
  start(tags: Tags, labels: OwnLabels, version: number): Result.Result<void, TagsError> {
    this.#labels = labels
    return Result.map(withLabels(tags, labels), (all) => {
      const incarnation = this.#table.incarnation(SelfSlot)
      this.#table.tags[SelfSlot] = new HeldTags(incarnation, version, packPairs(all))
    })
  }

  /** Replaces the tags that our user set. */
  set(tags: Tags, now: number): Result.Result<void, TagsError> {
    return Result.map(withLabels(tags, this.#labels), (all) => {
      const bytes = packPairs(all)
      const held = this.#table.tags[SelfSlot]
      if (held === undefined || compareBytes(held.bytes, bytes) !== 0) {
        this.#publish(SerialNumber.add(held?.version ?? 0, 1), bytes, now)
      }
    })
  }

  /** Our incarnation rose, so our tags go out again as those of the new one. */
  renew(now: number): void {
    const held = this.#table.tags[SelfSlot]
    if (held !== undefined) this.#publish(held.version, held.bytes, now)
  }

  #publish(version: number, bytes: Uint8Array, now: number): void {
    const table = this.#table
    const previous = table.tags[SelfSlot]
    table.tags[SelfSlot] = new HeldTags(table.incarnation(SelfSlot), version, bytes)
    this.#observers.tagsChanged({ slot: SelfSlot, previous, cause: heard, now })
  }

  // --- messages ----------------------------------------------------------------------------------

  /** Starts a message. Its tags of members that its entries bring are merged with these. */
  begin(inbound: Inbound): void {
    this.#message = inbound.sections.has(SectionType.Tags) ? inbound : undefined
  }

  /** Gives a member that is about to be listed its tags, if the message has them. */
  listed(slot: number): void {
    const inbound = this.#message
    if (inbound === undefined) return
    const table = this.#table
    const cursor = this.#cursor
    const end = inbound.sections.endOf(SectionType.Tags)
    for (let at = inbound.sections.startOf(SectionType.Tags); at < end; at = cursor.next) {
      cursor.read(inbound.bytes, at)
      if (cursor.idHi !== table.idHi(slot) || cursor.idLo !== table.idLo(slot)) continue
      // The digest takes the tags with the member.
      if (this.#isNews(slot)) table.tags[slot] = this.#take()
      return
    }
  }

  /** Merges the tags of the message, after its entries and its header. */
  finish(now: number): void {
    const inbound = this.#message
    if (inbound === undefined) return
    this.#message = undefined
    const { bytes, header, sections } = inbound
    const table = this.#table
    const cursor = this.#cursor
    const end = sections.endOf(SectionType.Tags)
    for (let at = sections.startOf(SectionType.Tags); at < end; at = cursor.next) {
      cursor.read(bytes, at)
      const slot = table.index.get(cursor.idHi, cursor.idLo)
      if (slot === SelfSlot) this.#refute(now)
      else if (slot > SelfSlot && this.#isNews(slot)) {
        const own = cursor.idHi === header.idHi && cursor.idLo === header.idLo
        const by = own ? heard : ({ _tag: "Claimed", by: NodeId.fromWords(header.idHi, header.idLo) } as const)
        this.give(slot, this.#take(), by, now)
      }
    }
  }

  /** Gives a live member tags that are new. */
  give(slot: number, tags: HeldTags, cause: MemberCause, now: number): void {
    const previous = this.#table.tags[slot]
    this.#table.setTags(slot, tags)
    this.#observers.tagsChanged({ slot, previous, cause, now })
  }

  /** A node of level 0 that follows on one with tags has none. `slot` just sent a message. */
  dropReplaced(slot: number, now: number): void {
    const table = this.#table
    const previous = table.tags[slot]
    // The digest has no tags of another incarnation.
    if (previous === undefined || !table.isLive(slot) || !this.#isReplaced(slot, previous.incarnation)) return
    table.tags[slot] = undefined
    this.#observers.tagsChanged({ slot, previous, cause: heard, now })
  }

  /** Whether tags of this incarnation are those of a former run of a member that has none now. */
  #isReplaced(slot: number, incarnation: number): boolean {
    const table = this.#table
    return incarnation !== table.incarnation(slot) && table.level(slot) === 0 && table.has(slot, Mark.Heard)
  }

  /**
   * Whether the cursor's tags beat those of a member. Tags of an incarnation that its entry has not brought yet do not
   * count: the entry always comes before them, unless somebody made them up.
   */
  #isNews(slot: number): boolean {
    const table = this.#table
    const { bytes, incarnation, pairsAt, pairsEnd, version } = this.#cursor
    if (table.phase(slot) !== Phase.Member || table.status(slot) === Claim.Dead) return false
    if (SerialNumber.compare(incarnation, table.incarnation(slot)) > 0 || this.#isReplaced(slot, incarnation))
      return false
    const held = table.tags[slot]
    return held === undefined || compare(held, incarnation, version, bytes, pairsAt, pairsEnd) < 0
  }

  #take(): HeldTags {
    const { bytes, incarnation, pairsAt, pairsEnd, version } = this.#cursor
    this.merged++
    return (
      this.#pool?.take(incarnation, version, bytes, pairsAt, pairsEnd) ??
      new HeldTags(incarnation, version, bytes.slice(pairsAt, pairsEnd))
    )
  }

  /** Answers tags of ours that are not ours, of a former run or made up, with a higher version. */
  #refute(now: number): void {
    const held = this.#table.tags[SelfSlot]
    const { bytes, incarnation, pairsAt, pairsEnd, version } = this.#cursor
    if (held === undefined || incarnation !== held.incarnation) return
    const order = compare(held, incarnation, version, bytes, pairsAt, pairsEnd)
    if (order < 0 || (order > 0 && version === held.version)) {
      this.#publish(SerialNumber.add(version, 1), held.bytes, now)
    }
  }
}
