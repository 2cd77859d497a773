/**
 * The verdict of every node that is up on every other, in a matrix, with the number of wrong verdicts.
 *
 * @since 0.2.0
 */
import type { NodeId } from "../../domain/NodeId.ts"
import type { KnownStatus, ViewChange } from "../NodeBase.ts"
import type { AnyNode } from "../SimNode.ts"
import type { Verbs } from "../Verbs.ts"

/**
 * The status of a member in the view of a node, as a number.
 *
 * @category constants
 * @since 0.2.0
 */
export const Verdict = { Unknown: 0, Alive: 1, Suspect: 2, Dead: 3, Left: 4 } as const
/**
 * The type of the constants in `Verdict`.
 *
 * @category models
 * @since 0.2.0
 */
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

const verdictOf: Readonly<Record<KnownStatus, Verdict>> = {
  unknown: Verdict.Unknown,
  alive: Verdict.Alive,
  suspect: Verdict.Suspect,
  dead: Verdict.Dead,
  left: Verdict.Left
}

/**
 * One id, with the node that has it or had it last.
 *
 * @category models
 * @since 0.2.0
 */
export interface Identity {
  /** Counts identities from 0, in the order in which they appeared. */
  readonly index: number
  readonly id: NodeId
  node: AnyNode
  /** The number of nodes that are up with each `Verdict` on it, without itself. */
  readonly held: Int32Array
}

interface Observer {
  readonly identity: Identity
  /** By the index of the identity. */
  verdicts: Uint8Array
}

/**
 * A change in the view of an observer.
 *
 * @category models
 * @since 0.2.0
 */
export interface VerdictChange {
  readonly observer: AnyNode
  readonly subject: Identity
  readonly before: Verdict
  readonly after: Verdict
  readonly change: ViewChange
}

const isLive = (verdict: Verdict): boolean => verdict === Verdict.Alive || verdict === Verdict.Suspect

/**
 * Follows a simulation from its beginning.
 *
 * **Details**
 *
 * Nodes that are frozen or leaving have no verdicts, and any verdict on them is right.
 *
 * @category models
 * @since 0.2.0
 */
export class MemberVerdicts {
  readonly identities: Array<Identity> = []
  /** The number of wrong verdicts: 0 when all nodes agree. */
  errors = 0
  /** The number of wrong verdicts, where Suspect counts as a member: 0 when all nodes have the same members. */
  membershipErrors = 0
  readonly #byId = new Map<NodeId, Identity>()
  /** By the index of the identity; only nodes that are up. */
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

  /** The number of nodes that are up. */
  get up(): number {
    return this.#up
  }

  onChange(listener: (change: VerdictChange) => void): void {
    this.#listeners.push(listener)
  }

  identity(id: NodeId): Identity | undefined {
    return this.#byId.get(id)
  }

  /** The verdict of an observer on a subject; `undefined` if the observer is not up. */
  verdict(observer: Identity, subject: Identity): Verdict | undefined {
    return this.#observers[observer.index] === undefined ? undefined : this.#read(observer.index, subject.index)
  }

  #read(observer: number, subject: number): Verdict {
    const verdict = this.#observers[observer]?.verdicts[subject]
    switch (verdict) {
      case Verdict.Alive:
      case Verdict.Suspect:
      case Verdict.Dead:
      case Verdict.Left:
        return verdict
      default:
        return Verdict.Unknown
    }
  }

  /** Whether a verdict on an identity can be wrong: not while it is frozen or leaving. */
  #isJudged({ node }: Identity): boolean {
    return node.condition !== "frozen" && node.condition !== "leaving"
  }

  /** Adds a verdict to the counts of wrong verdicts, or removes it with -1. */
  #count(subject: Identity, verdict: Verdict, sign: 1 | -1): void {
    if (!this.#isJudged(subject)) return
    const up = subject.node.condition === "up"
    if (isLive(verdict) !== up) this.membershipErrors += sign
    if (up ? verdict !== Verdict.Alive : isLive(verdict)) this.errors += sign
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
    node.onViewChange((id, status, change) => {
      const subject = this.#byId.get(id)
      if (subject !== undefined && subject.index !== at && subject.node !== node)
        this.#viewChanged(node, at, subject, status, change)
    })
    this.#recount()
  }

  #addObserver(identity: Identity): void {
    const { index, node } = identity
    const verdicts = new Uint8Array(Math.max(16, 2 * this.identities.length))
    this.#observers[index] = { identity, verdicts }
    this.#up++
    for (const subject of this.identities) {
      const verdict = subject === identity ? Verdict.Unknown : verdictOf[node.statusOf(subject.id)]
      verdicts[subject.index] = verdict
      if (subject !== identity) subject.held[verdict] = subject.held[verdict]! + 1
    }
  }

  #removeObserver(identity: Identity): void {
    if (this.#observers[identity.index] === undefined) return
    this.#up--
    for (const subject of this.identities) {
      if (subject === identity) continue
      const verdict = this.#read(identity.index, subject.index)
      subject.held[verdict] = subject.held[verdict]! - 1
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

  #viewChanged(observer: AnyNode, at: number, subject: Identity, status: KnownStatus, change: ViewChange): void {
    const row = this.#observers[at]
    // The observer is not up, or its identity has a new life.
    if (row === undefined || row.identity.node !== observer) return
    const before = this.#read(at, subject.index)
    const after = verdictOf[status]
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
    for (const listener of this.#listeners) listener({ observer, subject, before, after, change })
  }

  /** Counts all wrong verdicts again after the set of nodes that are up has changed. */
  #recount(): void {
    this.errors = 0
    this.membershipErrors = 0
    for (const subject of this.identities) {
      if (!this.#isJudged(subject)) continue
      const { held } = subject
      const live = held[Verdict.Alive]! + held[Verdict.Suspect]!
      const observers = this.#up - (this.#observers[subject.index] === undefined ? 0 : 1)
      const up = subject.node.condition === "up"
      this.errors += up ? observers - held[Verdict.Alive]! : live
      this.membershipErrors += up ? observers - live : live
    }
  }
}
