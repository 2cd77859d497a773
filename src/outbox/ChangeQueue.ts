/**
 * The changes that wait to be passed on, least-sent first.
 *
 * @since 0.2.0
 */
import { extended, grownLength } from "../membership/ArrayGrowth.ts"

/** No slot, and the count of a slot that is not queued. */
const none = -1

/**
 * Changes of members, by slot.
 *
 * **Details**
 *
 * The queue holds slots and not claims. What is sent is the claim that the table holds
 * at that time, so a claim that wins over a queued one replaces it by itself. Every
 * operation takes constant time, except `forEach`.
 *
 * @category models
 * @since 0.2.0
 */
export class ChangeQueue {
  /** How often the change of each slot was sent, or `none` when none is queued. */
  #sent = new Int32Array(0)
  #next = new Int32Array(0)
  #previous = new Int32Array(0)
  /** The first and last slot of a linked list for each number of times sent. */
  readonly #heads: Array<number> = []
  readonly #tails: Array<number> = []
  #size = 0
  readonly #onFirst: () => void

  /** `onFirst` is called when a change is queued while none was. */
  constructor(onFirst: () => void = () => {}) {
    this.#onFirst = onFirst
  }

  /** How many changes are queued. */
  get size(): number {
    return this.#size
  }

  /** Whether a change of the slot is queued. */
  has(slot: number): boolean {
    return slot < this.#sent.length && this.#sent[slot] !== none
  }

  /** Queues a change of a slot. If one is queued already, its count starts again only with `renew`. */
  add(slot: number, renew: boolean): void {
    if (slot >= this.#sent.length) this.#reserve(slot)
    if (this.has(slot)) {
      if (!renew) return
      this.#unlink(slot)
    } else this.#size++
    this.#link(slot, 0)
    if (this.#size === 1) this.#onFirst()
  }

  /** Drops the change of a slot, if one is queued. */
  remove(slot: number): void {
    if (!this.has(slot)) return
    this.#unlink(slot)
    this.#sent[slot] = none
    this.#size--
  }

  /** Counts that the change of a slot was sent once more, or `times` more. At `limit` it leaves the queue. */
  countSent(slot: number, limit: number, times = 1): void {
    if (!this.has(slot)) return
    const sent = this.#sent[slot]! + times
    if (sent >= limit) return this.remove(slot)
    this.#unlink(slot)
    this.#link(slot, sent)
  }

  /** Calls `visit` for each queued slot, least-sent first, until it returns `false`. `visit` must not change the queue. */
  forEach(visit: (slot: number) => boolean): void {
    for (let sent = 0; sent < this.#heads.length; sent++) {
      for (let slot = this.#heads[sent]!; slot !== none; slot = this.#next[slot]!) if (!visit(slot)) return
    }
  }

  #link(slot: number, sent: number): void {
    while (this.#heads.length <= sent) {
      this.#heads.push(none)
      this.#tails.push(none)
    }
    const tail = this.#tails[sent]!
    this.#sent[slot] = sent
    this.#previous[slot] = tail
    this.#next[slot] = none
    if (tail === none) this.#heads[sent] = slot
    else this.#next[tail] = slot
    this.#tails[sent] = slot
  }

  #unlink(slot: number): void {
    const sent = this.#sent[slot]!
    const previous = this.#previous[slot]!
    const next = this.#next[slot]!
    if (previous === none) this.#heads[sent] = next
    else this.#next[previous] = next
    if (next === none) this.#tails[sent] = previous
    else this.#previous[next] = previous
  }

  #reserve(slot: number): void {
    const length = grownLength(slot)
    this.#sent = extended(new Int32Array(length).fill(none), this.#sent)
    this.#next = extended(new Int32Array(length), this.#next)
    this.#previous = extended(new Int32Array(length), this.#previous)
  }
}
