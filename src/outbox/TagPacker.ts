/** Puts the tags of members into messages of sections. */
import * as Claim from "../domain/Claim.ts"
import { type MemberTable, SelfSlot } from "../membership/MemberTable.ts"
import { type MemberTags, PrefixLength } from "../wire/sections/MemberTags.ts"
import { SectionHeaderLength, SectionType } from "../wire/sections/Section.ts"
import type { ChangeQueue } from "./ChangeQueue.ts"
import type { MessageForm } from "./MessageForm.ts"

/** Fewer bytes than the tags of any member take. */
const Least = PrefixLength + 16

/** Where the tags of one slot are; one object serves all. */
class PackedTags implements MemberTags {
  idHi = 0
  idLo = 0
  incarnation = 0
  version = 0
  bytes: Uint8Array = new Uint8Array(0)
  readonly pairsAt = 0
  pairsEnd = 0
}

/** Tags that may fail to fit into a message before no more are tried. */
const MaxMisses = 8

export class TagPacker {
  readonly #table: MemberTable
  readonly #queue: ChangeQueue
  readonly #form: MessageForm
  readonly #packed = new PackedTags()
  readonly #sent: Array<number> = []

  /** `queue`: the tags that wait to be passed on, by slot. */
  constructor(table: MemberTable, queue: ChangeQueue, form: MessageForm) {
    this.#table = table
    this.#queue = queue
    this.#form = form
  }

  /** Bytes that the tags of a slot take in a section. */
  lengthOf(slot: number): number {
    const tags = this.#tagsOf(slot)
    return tags === undefined ? 0 : PrefixLength + tags.bytes.length
  }

  /** The dead and members of level 0 have none to pass on. */
  #tagsOf(slot: number) {
    const table = this.#table
    return table.status(slot) === Claim.Dead ? undefined : table.tags[slot]
  }

  /** Writes the tags of these slots, as far as they have some and there is room. */
  all(slots: ReadonlyArray<number>): void {
    if (!this.#form.beginSection(SectionType.Tags)) return
    for (const slot of slots) this.#write(slot)
  }

  /**
   * Writes our own tags if `own`, and tags that wait, except those of the receiver, as far as there is room. Each that was
   * written counts as sent once more; at `retransmits` it leaves the queue.
   */
  waiting(to: number, retransmits: number, own: boolean): void {
    const form = this.#form
    if ((this.#queue.size === 0 && !own) || form.room < SectionHeaderLength + Least) return
    if (!form.beginSection(SectionType.Tags)) return
    const sent = this.#sent
    sent.length = 0
    const wroteOwn = own && this.#write(SelfSlot)
    if (wroteOwn) sent.push(SelfSlot)
    // Tags that are too long for what is left do not keep back shorter ones, as long as few do not fit.
    let misses = 0
    this.#queue.forEach((slot) => {
      if (slot === to || (wroteOwn && slot === SelfSlot)) return true
      if (this.#write(slot)) sent.push(slot)
      else misses++
      return form.room >= Least && misses < MaxMisses
    })
    for (const slot of sent) this.#queue.countSent(slot, retransmits)
  }

  #write(slot: number): boolean {
    const tags = this.#tagsOf(slot)
    if (tags === undefined) return false
    const packed = this.#packed
    packed.idHi = this.#table.idHi(slot)
    packed.idLo = this.#table.idLo(slot)
    packed.incarnation = tags.incarnation
    packed.version = tags.version
    packed.bytes = tags.bytes
    packed.pairsEnd = tags.bytes.length
    return this.#form.tags(packed)
  }
}
