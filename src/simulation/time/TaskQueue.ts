/** One task queue for all fibers of a simulation, so that all work of an instant can be run to its end. */
import type { Fiber, Scheduler } from "effect"

type Task = () => void

/** Tasks of one priority, in the order in which they were scheduled. */
interface Bucket {
  readonly priority: number
  readonly tasks: Array<Task>
}

/**
 * An Effect scheduler that uses no timers of the platform. All its dispatchers share one queue, so the order of tasks does
 * not depend on their fibers. `drain` runs all tasks and the tasks that these schedule.
 */
export class TaskQueue implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  /**
   * Called when a task is scheduled while the queue is empty and not being drained. It is called on the stack of the code
   * that schedules the task, so it must not drain the queue.
   */
  onWork: () => void = () => {}
  #buckets: Array<Bucket> = []
  #draining = false
  #ran = 0

  /** The number of tasks that have run. */
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
   * Runs all tasks in batches of those that wait, lower priority numbers first. Returns `false` if tasks are left after
   * `most` of them.
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
