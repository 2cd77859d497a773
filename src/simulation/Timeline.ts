/**
 * Virtual time: what happens when, and the loop that makes it happen. Everything of
 * an instant is done, fibers included, before time moves on.
 */
import { TaskQueue } from "./TaskQueue.ts"

/** Nanoseconds in a millisecond. Time is counted in whole nanoseconds, exact for a hundred days. */
export const NanosPerMilli = 1e6

/** Something that happens at an instant. */
export interface Due {
  /** When, in ns. Changed by the timeline only. */
  at: number
  /** Breaks ties: at one instant, what was asked for first comes first. */
  sequence: number
  /** Whose it is, to be found again by `Timeline.remap` and `Timeline.drop`. */
  readonly owner: object | undefined
  /** Taken back: its time passes without a trace. */
  cancelled: boolean
  readonly fire: () => void
}

/** Cancelled entries are swept out when they are this many and more than half of all. */
const SweepFrom = 1024

/** Why `Timeline.run` returned. */
export type Pause =
  /** Nothing is left to do, now or ever. */
  | "idle"
  /** `events` are done. */
  | "spent"
  /** `done` said so. */
  | "done"
  /** Something outside of virtual time must end first. */
  | "outside"
  /** Fibers wake each other at one instant for ever. */
  | "stuck"

export class Timeline {
  /** Runs the fibers. */
  readonly tasks = new TaskQueue()
  /** What happened so far: wake-ups and deliveries. */
  events = 0
  /** Called when, while nothing runs, there is something to do again. */
  onWork: () => void = () => {}
  #outside = 0
  #running = false
  #now = 0
  #sequence = 0
  #cancelled = 0
  #heap: Array<Due> = []

  /** Nanoseconds since the beginning. */
  get now(): number {
    return this.#now
  }

  /** Milliseconds since the beginning. */
  get millis(): number {
    return this.#now / NanosPerMilli
  }

  constructor() {
    this.tasks.onWork = () => this.#work()
  }

  /** How much is ahead. */
  get pending(): number {
    return this.#heap.length - this.#cancelled
  }

  /** Has `fire` called at `ns`, or at the present instant if that is over; never before this returns. */
  at(ns: number, fire: () => void, owner?: object): Due {
    const due = { at: ns, sequence: 0, owner, cancelled: false, fire }
    this.add(due)
    return due
  }

  /** The same for an entry that the caller made; its `sequence` is given here. */
  add(due: Due): void {
    if (due.at < this.#now) due.at = this.#now
    due.sequence = this.#sequence++
    this.#heap.push(due)
    this.#rise(this.#heap.length - 1)
    this.#work()
  }

  /** Stops time until `endOutside`, while something is waited for that does not happen in virtual time. */
  beginOutside(): void {
    this.#outside++
  }

  endOutside(): void {
    this.#outside--
    this.#work()
  }

  #work(): void {
    if (!this.#running && this.#outside === 0) this.onWork()
  }

  /** Takes an entry back that has not happened. */
  cancel(due: Due): void {
    if (due.cancelled) return
    due.cancelled = true
    this.#cancelled++
    if (this.#cancelled > SweepFrom && 2 * this.#cancelled > this.#heap.length) this.#keep((other) => !other.cancelled)
  }

  /** Forgets all entries of an owner. */
  drop(owner: object): void {
    this.#keep((due) => due.owner !== owner && !due.cancelled)
  }

  /** Moves all entries of an owner to where `when` says, in ns. Their order among equals stays. */
  remap(owner: object, when: (due: Due) => number): void {
    for (const due of this.#heap) {
      if (due.owner === owner) due.at = Math.max(this.#now, when(due))
    }
    this.#heapify()
  }

  /**
   * Runs on, one entry after the other, each until all fibers wait, for at most
   * `events` entries or until `done`.
   */
  run(events: number, done: () => boolean): Pause {
    this.#running = true
    const pause = this.#run(events, done)
    this.#running = false
    return pause
  }

  #run(events: number, done: () => boolean): Pause {
    for (let remaining = events; ; remaining--) {
      if (!this.tasks.drain()) return "stuck"
      if (done()) return "done"
      if (this.#outside > 0) return "outside"
      if (remaining <= 0) return "spent"
      const due = this.#pop()
      if (due === undefined) return "idle"
      this.#now = due.at
      this.events++
      due.fire()
    }
  }

  #pop(): Due | undefined {
    const heap = this.#heap
    while (heap.length > 0) {
      const first = heap[0]!
      const last = heap.pop()!
      if (heap.length > 0) {
        heap[0] = last
        this.#sink(0)
      }
      if (!first.cancelled) return first
      this.#cancelled--
    }
    return undefined
  }

  #keep(keeps: (due: Due) => boolean): void {
    this.#heap = this.#heap.filter(keeps)
    this.#cancelled = 0
    this.#heapify()
  }

  #heapify(): void {
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  #rise(from: number): void {
    const heap = this.#heap
    const due = heap[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!precedes(due, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  #sink(from: number): void {
    const heap = this.#heap
    const due = heap[from]!
    let at = from
    while (true) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child++
      if (!precedes(heap[child]!, due)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = due
  }
}

const precedes = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
