/** Runs the fibers of a whole simulation from one queue, so that an instant can be run until nothing is left to do. */
import type { Fiber, Scheduler } from "effect"

type Task = () => void

/** Tasks of one priority, first come first served. */
interface Bucket {
  readonly priority: number
  readonly tasks: Array<Task>
}

/** Tasks of one instant, beyond which fibers are taken to wake each other for ever. */
export const MaxTasksPerInstant = 20_000_000

/**
 * An Effect scheduler without timers of the platform. All its dispatchers are one
 * queue, so the order of tasks does not depend on which fiber they belong to, and
 * `drain` runs them, and what they schedule, to the last.
 */
export class TaskQueue implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  /** Called when a task comes while none was waiting and the queue is not being drained. */
  onWork: () => void = () => {}
  #buckets: Array<Bucket> = []
  #draining = false

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
    if (buckets.length === 0 && !this.#draining) this.onWork()
    let at = buckets.length
    while (at > 0 && buckets[at - 1]!.priority > priority) at--
    const bucket = buckets[at - 1]
    if (bucket?.priority === priority) bucket.tasks.push(task)
    else buckets.splice(at, 0, { priority, tasks: [task] })
  }

  flush(): void {
    this.drain()
  }

  /**
   * Runs all tasks, by batches of what is waiting, lower priority numbers first.
   * Returns `false` when it gave up since there was always one more.
   */
  drain(): boolean {
    const nested = this.#draining
    this.#draining = true
    let remaining = MaxTasksPerInstant
    while (this.#buckets.length > 0 && remaining > 0) {
      const buckets = this.#buckets
      this.#buckets = []
      for (const { tasks } of buckets) {
        for (const task of tasks) task()
        remaining -= tasks.length
      }
    }
    this.#draining = nested
    return this.#buckets.length === 0
  }
}
