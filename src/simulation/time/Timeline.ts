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
  /** Whether it is still to happen: it is neither over nor taken back. Changed by the timeline only. */
  ahead: boolean
  /** Whose it is, to be found again by `Timeline.remap` and `Timeline.drop`. */
  readonly owner: object | undefined
  readonly fire: () => void
}

/** Cancelled entries are swept out when they are this many and more than half of all. */
const SweepFrom = 1024

/**
 * Tasks and events of one instant, beyond which fibers are taken to wake each other for ever. A node takes less than
 * ten to start.
 */
const Patience = 1_000_000

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
  /**
   * Called when, while nothing runs, there is something to do again. It is on the stack of whoever brought that, who may
   * have more to do at this instant, so it is no place to call `run`.
   */
  onWork: () => void = () => {}
  readonly #patience: number
  /** How many tasks and events there had been when the present instant began. */
  #stepsBefore = 0
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

  /** `patience`: tasks and events of one instant, beyond which it is taken to have no end. */
  constructor(patience = Patience) {
    this.#patience = patience
    // Whoever has a turn outside and ends it may wake the next, so tasks are work even while time stands still.
    this.tasks.onWork = () => {
      if (!this.#running) this.onWork()
    }
  }

  /** How much is ahead. */
  get pending(): number {
    return this.#heap.length - this.#cancelled
  }

  /**
   * Has `fire` called at `ns`, or at the present instant if that is over; never before this returns, and never at all if
   * it is Infinity.
   */
  at(ns: number, fire: () => void, owner?: object): Due {
    const due = { at: ns, sequence: 0, ahead: true, owner, fire }
    this.add(due)
    return due
  }

  /** The same for an entry that the caller made; its `sequence` is given here. */
  add(due: Due): void {
    if (!(due.at > this.#now)) due.at = this.#now
    due.sequence = this.#sequence++
    this.putBack(due)
  }

  /**
   * Puts back an entry whose time came too early for it. It happens at the present instant: before what is due now, and
   * in the order of its own time among others that were put back.
   */
  putBack(due: Due): void {
    due.ahead = true
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

  /** Takes an entry back. `false` if it is not ahead any more: it happened, or was taken back or dropped before. */
  cancel(due: Due): boolean {
    if (!due.ahead) return false
    due.ahead = false
    this.#cancelled++
    if (this.#cancelled > SweepFrom && 2 * this.#cancelled > this.#heap.length) this.#sweep()
    return true
  }

  /** Takes all entries of an owner back. */
  drop(owner: object): void {
    for (const due of this.#heap) if (due.owner === owner) due.ahead = false
    this.#sweep()
  }

  /**
   * Moves all entries of an owner to where `when` says, in ns. Their order among equals stays. What is past by then
   * happens at the present instant, as if put back.
   */
  remap(owner: object, when: (due: Due) => number): void {
    for (const due of this.#heap) if (due.owner === owner) due.at = when(due)
    this.#heapify()
  }

  /**
   * Runs on, one entry after the other, each until all fibers wait, for at most
   * `events` entries or until `done`.
   */
  run(events: number, done: () => boolean): Pause {
    this.#running = true
    try {
      return this.#run(events, done)
    } finally {
      this.#running = false
    }
  }

  #run(events: number, done: () => boolean): Pause {
    for (let remaining = events; ; remaining--) {
      if (!this.tasks.drain(this.#stepsBefore + this.#patience - this.#steps)) return "stuck"
      if (done()) return "done"
      if (this.#outside > 0) return "outside"
      if (remaining <= 0) return "spent"
      const due = this.#first()
      if (due === undefined) return "idle"
      if (due.at > this.#now) {
        this.#now = due.at
        this.#stepsBefore = this.#steps
      } else if (this.#steps - this.#stepsBefore >= this.#patience) {
        return "stuck"
      }
      this.#removeFirst()
      due.ahead = false
      this.events++
      due.fire()
    }
  }

  /** Tasks and events so far. */
  get #steps(): number {
    return this.tasks.ran + this.events
  }

  /** What happens next. */
  #first(): Due | undefined {
    const heap = this.#heap
    while (heap.length > 0) {
      const first = heap[0]!
      if (first.ahead) return first.at === Infinity ? undefined : first
      this.#cancelled--
      this.#removeFirst()
    }
    return undefined
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    heap[0] = last
    this.#sink(0)
  }

  #sweep(): void {
    this.#heap = this.#heap.filter(({ ahead }) => ahead)
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
