/** Runs the fibers of a whole simulation from one queue, so that an instant can be run until nothing is left to do. */
import type { Fiber, Scheduler } from "effect"

type Task = () => void

/** Tasks of one priority, first come first served. */
interface Bucket {
  readonly priority: number
  readonly tasks: Array<Task>
}

/**
 * An Effect scheduler without timers of the platform. All its dispatchers are one
 * queue, so the order of tasks does not depend on which fiber they belong to, and
 * `drain` runs them, and what they schedule, to the last.
 */
export class TaskQueue implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  /**
   * Called when a task came while none was waiting and the queue is not being drained. It is on the stack of whoever
   * scheduled the task, so it is no place to drain the queue.
   */
  onWork: () => void = () => {}
  #buckets: Array<Bucket> = []
  #draining = false
  #ran = 0

  /** How many tasks ran so far. */
  get ran(): number {
    return this.#ran
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  get isEmpty(): boolean {
    return this.#buckets.length === 0
  }

  scheduleTask(task: Task, priority: number): void {
    const buckets = this.#buckets
    const first = buckets.length === 0 && !this.#draining
    let at = buckets.length
    while (at > 0 && buckets[at - 1]!.priority > priority) at--
    const bucket = buckets[at - 1]
    if (bucket?.priority === priority) bucket.tasks.push(task)
    else buckets.splice(at, 0, { priority, tasks: [task] })
    if (first) this.onWork()
  }

  flush(): void {
    this.drain()
  }

  /**
   * Runs all tasks, by batches of what is waiting, lower priority numbers first.
   * Returns `false` when it gave up since after `most` of them there was still one.
   */
  drain(most = Infinity): boolean {
    const nested = this.#draining
    const last = this.#ran + most
    this.#draining = true
    try {
      while (this.#buckets.length > 0 && this.#ran < last) this.#runBatch()
    } finally {
      this.#draining = nested
    }
    return this.#buckets.length === 0
  }

  #runBatch(): void {
    const buckets = this.#buckets
    this.#buckets = []
    for (const { tasks } of buckets) {
      this.#ran += tasks.length
      for (const task of tasks) task()
    }
  }
}
