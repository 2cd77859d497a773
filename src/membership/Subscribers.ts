/** The subscribers of one node's changes. */
import { type Cause, type Effect, Queue } from "effect"
import type { MemberChange } from "../domain/Change.ts"
import type { PublishedChange } from "./ChangeFeed.ts"

/** A queue for one subscriber. It drops its oldest change when it is full, and ends with the node. */
export type ChangeQueue = Queue.Queue<PublishedChange, Cause.Done>

/** Makes a queue for `capacity` changes. */
export const makeQueue = (capacity: number): Effect.Effect<ChangeQueue> =>
  Queue.sliding<PublishedChange, Cause.Done>(capacity)

/**
 * Numbers changes and hands each to every subscriber.
 *
 * Each subscriber has a queue of its own, so a slow one delays nobody else and costs a bounded amount of memory.
 */
export class Subscribers {
  /** The number of the newest change, 0 before the first. */
  sequence = 0
  /** The number of the newest change of a member. */
  memberSequence = 0
  readonly #queues = new Set<ChangeQueue>()
  readonly #listeners: Array<(change: PublishedChange) => void> = []
  #ended = false

  /** Adds a queue. From now on it gets every change, the first with the number `sequence + 1`. */
  add(queue: ChangeQueue): void {
    this.#queues.add(queue)
    if (this.#ended) Queue.endUnsafe(queue)
  }

  /** Calls `listener` at every change from now on, at once. */
  listen(listener: (change: PublishedChange) => void): void {
    this.#listeners.push(listener)
  }

  remove(queue: ChangeQueue): void {
    this.#queues.delete(queue)
  }

  /** Publishes a change of a member. The change is built only if there is a subscriber. */
  publishMember(build: (sequence: number) => MemberChange): void {
    this.memberSequence = this.sequence + 1
    this.publish(build)
  }

  /** Publishes a change. The change is built only if there is a subscriber. */
  publish(build: (sequence: number) => PublishedChange): void {
    this.sequence++
    if (this.#queues.size === 0 && this.#listeners.length === 0) return
    const change = build(this.sequence)
    for (const listener of this.#listeners) listener(change)
    for (const queue of this.#queues) Queue.offerUnsafe(queue, change)
  }

  /** How many changes wait for the subscriber that lags most. */
  get backlog(): number {
    let most = 0
    for (const queue of this.#queues) most = Math.max(most, Queue.sizeUnsafe(queue))
    return most
  }

  /** Ends every queue, after the changes that wait in it. */
  end(): void {
    this.#ended = true
    for (const queue of this.#queues) Queue.endUnsafe(queue)
  }
}
