/** The members of a node as its published changes tell them, from a snapshot on. */
import { Equal } from "effect"
import type { MemberChange } from "../../domain/Change.ts"
import { Alive, Dead, Suspect } from "../../domain/Claim.ts"
import { isMemberChange } from "../../domain/Change.ts"
import type { Member, MemberStatus } from "../../domain/Member.ts"
import type { NodeId } from "../../domain/NodeId.ts"
import type { ChangeFeed, PublishedChange } from "../../membership/ChangeFeed.ts"
import type { ClusterView } from "../../membership/ClusterView.ts"
import { noLabels } from "../../membership/HeldTags.ts"
import { Mark, Phase } from "../../membership/MemberTable.ts"
import * as PackedAddress from "../../wire/PackedAddress.ts"

/** The status after a change, where its kind says it. */
const statusAfter: Partial<Record<MemberChange["_tag"], MemberStatus>> = {
  Suspected: "suspect",
  Recovered: "alive",
  Died: "dead",
  Left: "left"
}

const codes: Readonly<Record<MemberStatus, number>> = { alive: Alive, suspect: Suspect, dead: Dead, left: Dead }

const text = ({ address, incarnation, name, startedAt, status, tags }: Member): string =>
  `${status} ${incarnation} at ${address}, ${name} since ${startedAt}, ${JSON.stringify(tags)}`

/** What differs between two states of a member, besides what goes on without a change. */
const differences = (before: Member, after: Member): ReadonlyArray<string> => [
  ...(Equal.equals(before.address, after.address) ? [] : ["address"]),
  ...(before.incarnation === after.incarnation ? [] : ["incarnation"]),
  ...(before.name === after.name && Equal.equals(before.startedAt, after.startedAt) ? [] : ["name"]),
  ...(Equal.equals(before.tags, after.tags) ? [] : ["tags"])
]

export class Replayed {
  readonly #feed: ChangeFeed["Service"]
  readonly #report: (detail: string) => void
  readonly #members: Map<NodeId, Member>
  readonly #view: ClusterView
  readonly #packed = new Uint8Array(PackedAddress.MaxLength)

  constructor(view: ClusterView, feed: ChangeFeed["Service"], report: (detail: string) => void) {
    this.#view = view
    this.#feed = feed
    this.#report = report
    this.#members = new Map(feed.snapshot().members.map((member) => [member.id, member]))
    feed.onChange((change) => this.#apply(change))
  }

  #apply(change: PublishedChange): void {
    if (!isMemberChange(change)) return
    const { _tag, member } = change
    const before = this.#members.get(member.id)
    const problem = this.#problem(change, before)
    if (problem !== undefined) this.#report(`${_tag} of ${member.id}, ${text(member)}: ${problem}`)
    if (_tag === "Removed") this.#members.delete(member.id)
    else this.#members.set(member.id, member)
  }

  /** What is wrong with a change of a member that was `before`. */
  #problem(change: MemberChange, before: Member | undefined): string | undefined {
    const { _tag, member } = change
    if (_tag === "Joined") {
      if (before !== undefined) return `it was ${text(before)}`
      return member.status === "alive" || member.status === "suspect" ? undefined : "it has joined, and is not alive"
    }
    if (before === undefined) return "it was not listed"
    if (_tag === "Updated") {
      if (member.status !== before.status) return `it was ${before.status}`
      const differs = differences(before, member)
      return Equal.equals(differs, change.changed) && differs.length > 0
        ? undefined
        : `it was ${text(before)}, and ${change.changed.join()} is said to be new`
    }
    if (_tag === "Removed")
      return before.status === "dead" || before.status === "left" ? undefined : `it was ${before.status}`
    const status = statusAfter[_tag]
    if (member.status !== status) return `it is ${member.status}`
    if (before.status === status) return `it was ${status} already`
    return _tag === "Suspected" && before.status !== "alive" ? `it was ${before.status}` : undefined
  }

  /** Compares with the members that the node has. They are made into values only where the table shows a difference. */
  compare(): void {
    if (this.#agrees()) return
    const { members } = this.#feed.snapshot()
    for (const member of members) {
      const told = this.#members.get(member.id)
      if (told === undefined) this.#report(`no change told of ${member.id}`)
      else if (told.status !== member.status || differences(told, member).length > 0) {
        this.#report(`the changes tell ${member.id} ${text(told)}, but it is ${text(member)}`)
      }
    }
    if (this.#members.size > members.length) {
      this.#report(`the changes tell ${this.#members.size} members, but there are ${members.length}`)
    }
  }

  #agrees(): boolean {
    const { table } = this.#view
    let listed = 0
    for (let slot = 0; slot < table.top; slot++) {
      if (table.phase(slot) !== Phase.Self && table.phase(slot) !== Phase.Member) continue
      const told = this.#members.get(this.#view.idOf(slot))
      if (told === undefined || !this.#isAsTold(slot, told)) return false
      listed++
    }
    return listed === this.#members.size
  }

  #isAsTold(slot: number, { address, incarnation, name, startedAt, status, tags }: Member): boolean {
    const { table } = this.#view
    const labels = table.tags[slot]?.labels ?? noLabels
    PackedAddress.write(address, this.#packed, 0)
    return (
      codes[status] === table.status(slot) &&
      (status === "left") === table.has(slot, Mark.Left) &&
      incarnation === table.incarnation(slot) &&
      table.sameAddress(slot, this.#packed, 0) &&
      name === labels.name &&
      startedAt?.epochMilliseconds === labels.startedAt &&
      tags === labels.tags
    )
  }
}
