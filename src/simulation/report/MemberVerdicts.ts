/** What every node that is up thinks of every other, kept in a matrix, and how much of it is wrong. */
import type { NodeId } from "../../domain/NodeId.ts"
import type { KnownStatus, ViewChange } from "../NodeBase.ts"
import type { AnyNode } from "../SimNode.ts"
import type { Verbs } from "../Verbs.ts"

/** What a node can think of another, as a number. */
export const Verdict = { Unknown: 0, Alive: 1, Suspect: 2, Dead: 3, Left: 4 } as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

const verdictOf: Readonly<Record<KnownStatus, Verdict>> = {
  unknown: Verdict.Unknown,
  alive: Verdict.Alive,
  suspect: Verdict.Suspect,
  dead: Verdict.Dead,
  left: Verdict.Left
}

/** An identity: one id, and the node that has it or had it last. */
export interface Identity {
  /** Counts identities in the order in which they came up, from 0. */
  readonly index: number
  readonly id: NodeId
  node: AnyNode
  /** How many nodes that are up think what of it, by `Opinion`; its own opinion does not count. */
  readonly held: Int32Array
}

interface Observer {
  readonly identity: Identity
  /** By index of identity. */
  verdicts: Uint8Array
}

/** Somebody changed its mind about somebody. */
export interface VerdictChange {
  readonly observer: AnyNode
  readonly subject: Identity
  readonly before: Verdict
  readonly after: Verdict
  readonly learned: ViewChange
}

const isLive = (opinion: Verdict): boolean => opinion === Verdict.Alive || opinion === Verdict.Suspect

/**
 * Follows a simulation from its beginning. Nodes that are frozen or leave are not
 * asked; what is thought of them is right whatever it is.
 */
export class MemberVerdicts {
  readonly identities: Array<Identity> = []
  /** How many verdicts of nodes that are up are not as it is: 0 when all agree. */
  errors = 0
  /** The same but for suspicions: who is suspect still is a member. 0 when all have the same members. */
  membershipErrors = 0
  readonly #byId = new Map<NodeId, Identity>()
  /** By index of identity; those that are up. */
  readonly #observers: Array<Observer | undefined> = []
  #up = 0
  readonly #listeners: Array<(change: VerdictChange) => void> = []

  constructor(verbs: Pick<Verbs, "observe">) {
    verbs.observe({
      started: (node) => this.#started(node),
      changed: (node) => this.#changed(node),
      ended: (node) => this.#ended(node)
    })
  }

  /** How many nodes are up. */
  get up(): number {
    return this.#up
  }

  onChange(listener: (change: VerdictChange) => void): void {
    this.#listeners.push(listener)
  }

  identity(id: NodeId): Identity | undefined {
    return this.#byId.get(id)
  }

  /** What a node that is up thinks of an identity; `undefined` if it is not up. */
  verdict(observer: Identity, subject: Identity): Verdict | undefined {
    return this.#observers[observer.index] === undefined ? undefined : this.#read(observer.index, subject.index)
  }

  #read(observer: number, subject: number): Verdict {
    const opinion = this.#observers[observer]?.verdicts[subject]
    switch (opinion) {
      case Verdict.Alive:
      case Verdict.Suspect:
      case Verdict.Dead:
      case Verdict.Left:
        return opinion
      default:
        return Verdict.Unknown
    }
  }

  /** Whether what is thought of an identity can be wrong: not while it is frozen or leaves. */
  #isAsked({ node }: Identity): boolean {
    return node.condition !== "frozen" && node.condition !== "leaving"
  }

  /** Adds an opinion to the counts of mistakes, or takes it off by -1. */
  #count(subject: Identity, opinion: Verdict, sign: 1 | -1): void {
    if (!this.#isAsked(subject)) return
    const up = subject.node.condition === "up"
    if (isLive(opinion) !== up) this.membershipErrors += sign
    if (up ? opinion !== Verdict.Alive : isLive(opinion)) this.errors += sign
  }

  #started(node: AnyNode): void {
    let identity = this.#byId.get(node.id)
    if (identity === undefined) {
      identity = { index: this.identities.length, id: node.id, node, held: new Int32Array(5) }
      identity.held[Verdict.Unknown] = this.#up
      this.identities.push(identity)
      this.#byId.set(node.id, identity)
    }
    identity.node = node
    this.#addObserver(identity)
    const at = identity.index
    node.onViewChange((id, known, learned) => {
      const subject = this.#byId.get(id)
      if (subject !== undefined && subject.index !== at && subject.node !== node)
        this.#learned(node, at, subject, known, learned)
    })
    this.#recount()
  }

  #addObserver(identity: Identity): void {
    const { index, node } = identity
    const verdicts = new Uint8Array(Math.max(16, 2 * this.identities.length))
    this.#observers[index] = { identity, verdicts }
    this.#up++
    for (const subject of this.identities) {
      const opinion = subject === identity ? Verdict.Unknown : verdictOf[node.statusOf(subject.id)]
      verdicts[subject.index] = opinion
      if (subject !== identity) subject.held[opinion] = subject.held[opinion]! + 1
    }
  }

  #removeObserver(identity: Identity): void {
    if (this.#observers[identity.index] === undefined) return
    this.#up--
    for (const subject of this.identities) {
      if (subject === identity) continue
      const opinion = this.#read(identity.index, subject.index)
      subject.held[opinion] = subject.held[opinion]! - 1
    }
    this.#observers[identity.index] = undefined
  }

  #changed(node: AnyNode): void {
    const identity = this.#byId.get(node.id)
    if (identity?.node !== node) return
    if (node.condition === "up") this.#addObserver(identity)
    else this.#removeObserver(identity)
    this.#recount()
  }

  #ended(node: AnyNode): void {
    const identity = this.#byId.get(node.id)
    if (identity?.node !== node) return
    this.#removeObserver(identity)
    this.#recount()
  }

  #learned(observer: AnyNode, at: number, subject: Identity, known: KnownStatus, learned: ViewChange): void {
    const row = this.#observers[at]
    // Of a node that is not up, or is another life by now.
    if (row === undefined || row.identity.node !== observer) return
    const before = this.#read(at, subject.index)
    const after = verdictOf[known]
    if (before !== after) {
      if (subject.index >= row.verdicts.length) {
        const longer = new Uint8Array(2 * this.identities.length)
        longer.set(row.verdicts)
        row.verdicts = longer
      }
      row.verdicts[subject.index] = after
      subject.held[before] = subject.held[before]! - 1
      subject.held[after] = subject.held[after]! + 1
      this.#count(subject, before, -1)
      this.#count(subject, after, 1)
    }
    for (const listener of this.#listeners) listener({ observer, subject, before, after, learned })
  }

  /** Who is up changed, so another thing is right. */
  #recount(): void {
    this.errors = 0
    this.membershipErrors = 0
    for (const subject of this.identities) {
      if (!this.#isAsked(subject)) continue
      const { held } = subject
      const live = held[Verdict.Alive]! + held[Verdict.Suspect]!
      const observers = this.#up - (this.#observers[subject.index] === undefined ? 0 : 1)
      const up = subject.node.condition === "up"
      this.errors += up ? observers - held[Verdict.Alive]! : live
      this.membershipErrors += up ? observers - live : live
    }
  }
}
