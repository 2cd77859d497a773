/**
 * Virtual time: a queue of events, and the loop that runs them. All work of an instant is done, fibers included, before
 * time advances.
 */
import { TaskQueue } from "./TaskQueue.ts"

/**
 * Nanoseconds in a millisecond. Time is a whole number of nanoseconds, which a double holds exactly for 100 days.
 *
 * @category constants
 * @since 0.2.0
 */
export const NanosPerMilli = 1e6

/**
 * An event at an instant.
 *
 * @category models
 * @since 0.2.0
 */
export interface TimelineEntry {
  /** The instant, in ns. Only the timeline changes it. */
  at: number
  /** Breaks ties: at one instant, events happen in the order in which they were added. */
  sequence: number
  /** Whether it is still to happen: it has neither happened nor been cancelled. Only the timeline changes it. */
  pending: boolean
  /** The key for `Timeline.remap` and `Timeline.drop`. */
  readonly owner: object | undefined
  readonly fire: () => void
}

/** Cancelled entries are removed from the heap when there are more than this many and more than half of all are. */
const SweepFrom = 1024

/** After so many tasks and events at one instant, fibers are considered stuck. The start of a node takes fewer than 10. */
const MaxStepsPerInstant = 1_000_000

/**
 * Why `Timeline.run` stopped.
 *
 * @category models
 * @since 0.2.0
 */
export type StopReason =
  /** No event is left. */
  | "idle"
  /** It has run as many events as it was asked to. */
  | "spent"
  /** `done` returned `true`. */
  | "done"
  /** Work in real time has to end first. */
  | "suspended"
  /** Fibers wake each other at one instant without end. */
  | "stuck"

/**
 * A queue of events, and the loop that runs them in virtual time.
 *
 * @category models
 * @since 0.2.0
 */
export class Timeline {
  /** The queue of the fibers' tasks. */
  readonly tasks = new TaskQueue()
  /** Events that have happened: wake-ups of fibers, and arrivals of datagrams. */
  events = 0
  /**
   * Called when there is work again while the timeline does not run. It is called on the stack of the code that added the
   * work and may add more, so it must not call `run`.
   */
  onWork: () => void = () => {}
  readonly #maxSteps: number
  /** The count of tasks and events when the present instant began. */
  #stepsBefore = 0
  #suspensions = 0
  #running = false
  #now = 0
  #sequence = 0
  #cancelled = 0
  #heap: Array<TimelineEntry> = []

  /** Nanoseconds since the beginning. */
  get now(): number {
    return this.#now
  }

  /** Milliseconds since the beginning. */
  get millis(): number {
    return this.#now / NanosPerMilli
  }

  /** `maxSteps`: the tasks and events of one instant after which `run` stops as stuck. */
  constructor(maxSteps = MaxStepsPerInstant) {
    this.#maxSteps = maxSteps
    // Tasks are work even while time is suspended: the end of one piece of work in real time may start the next.
    this.tasks.onWork = () => {
      if (!this.#running) this.onWork()
    }
  }

  /** The number of pending entries. */
  get pending(): number {
    return this.#heap.length - this.#cancelled
  }

  /**
   * Calls `fire` at `ns`, or at the present instant if that is past; never before this method has returned, and never at
   * all if `ns` is Infinity.
   */
  at(ns: number, fire: () => void, owner?: object): TimelineEntry {
    const entry = { at: ns, sequence: 0, pending: true, owner, fire }
    this.add(entry)
    return entry
  }

  /** Adds an entry that the caller has made, and sets its `sequence`. */
  add(entry: TimelineEntry): void {
    if (!(entry.at > this.#now)) entry.at = this.#now
    entry.sequence = this.#sequence++
    this.putBack(entry)
  }

  /**
   * Adds an entry again that came due before it could happen. It happens at the present instant, before entries that are
   * due now. Entries that were put back keep the order of their own times.
   */
  putBack(entry: TimelineEntry): void {
    entry.pending = true
    this.#heap.push(entry)
    this.#rise(this.#heap.length - 1)
    this.#work()
  }

  /** Stops time until `resume` is called as often, while work in real time is waited for. */
  suspend(): void {
    this.#suspensions++
  }

  resume(): void {
    this.#suspensions--
    this.#work()
  }

  #work(): void {
    if (!this.#running && this.#suspensions === 0) this.onWork()
  }

  /** Cancels an entry. Returns `false` if it is not pending: it has happened, or was cancelled or dropped before. */
  cancel(entry: TimelineEntry): boolean {
    if (!entry.pending) return false
    entry.pending = false
    this.#cancelled++
    if (this.#cancelled > SweepFrom && 2 * this.#cancelled > this.#heap.length) this.#sweep()
    return true
  }

  /** Cancels all entries of an owner. */
  drop(owner: object): void {
    for (const entry of this.#heap) if (entry.owner === owner) entry.pending = false
    this.#sweep()
  }

  /**
   * Moves all entries of an owner to the instants that `when` returns, in ns. Entries at equal instants keep their order.
   * An entry that is moved to the past happens at the present instant, as one that is put back.
   */
  remap(owner: object, when: (entry: TimelineEntry) => number): void {
    for (const entry of this.#heap) if (entry.owner === owner) entry.at = when(entry)
    this.#heapify()
  }

  /** Runs at most `events` entries, and the fibers after each of them until all wait, or stops when `done` is true. */
  run(events: number, done: () => boolean): StopReason {
    this.#running = true
    try {
      return this.#run(events, done)
    } finally {
      this.#running = false
    }
  }

  #run(events: number, done: () => boolean): StopReason {
    for (let remaining = events; ; remaining--) {
      if (!this.tasks.drain(this.#stepsBefore + this.#maxSteps - this.#steps)) return "stuck"
      if (done()) return "done"
      if (this.#suspensions > 0) return "suspended"
      if (remaining <= 0) return "spent"
      const entry = this.#first()
      if (entry === undefined) return "idle"
      if (entry.at > this.#now) {
        this.#now = entry.at
        this.#stepsBefore = this.#steps
      } else if (this.#steps - this.#stepsBefore >= this.#maxSteps) {
        return "stuck"
      }
      this.#removeFirst()
      entry.pending = false
      this.events++
      entry.fire()
    }
  }

  /** Tasks and events so far. */
  get #steps(): number {
    return this.tasks.ran + this.events
  }

  /** The next pending entry; `undefined` if there is none, or if it is at Infinity. */
  #first(): TimelineEntry | undefined {
    const heap = this.#heap
    while (heap.length > 0) {
      const first = heap[0]!
      if (first.pending) return first.at === Infinity ? undefined : first
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
    this.#heap = this.#heap.filter(({ pending }) => pending)
    this.#cancelled = 0
    this.#heapify()
  }

  #heapify(): void {
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  #rise(from: number): void {
    const heap = this.#heap
    const entry = heap[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!precedes(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #sink(from: number): void {
    const heap = this.#heap
    const entry = heap[from]!
    let at = from
    while (true) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child++
      if (!precedes(heap[child]!, entry)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = entry
  }
}

const precedes = (a: TimelineEntry, b: TimelineEntry): boolean =>
  a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
