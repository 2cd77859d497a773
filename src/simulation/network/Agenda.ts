/** What a virtual network runs on: the time, and callbacks at later times. */
import { Clock, Effect, type Scope } from "effect"
import * as Alarm from "../../time/Alarm.ts"
import { DeadlineQueue } from "../../time/DeadlineQueue.ts"
import * as MonotonicTime from "../../time/MonotonicTime.ts"
import { PauseWatch } from "../../time/PauseWatch.ts"

/**
 * The time, and callbacks at later times.
 *
 * @category models
 * @since 0.2.0
 */
export interface Agenda {
  /** The time in ms, with fractions, since an arbitrary origin. */
  readonly now: () => number
  /**
   * Calls `run` at that time, in ms, or later. Calls happen in the order of their times and, for equal times, in the
   * order of the requests. A time in the past counts as the present. `run` is never called before `at` has returned.
   */
  readonly at: (ms: number, run: () => void) => void
}

/**
 * An agenda on Effect's clock. When the scope closes, pending callbacks are discarded.
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromClock: Effect.Effect<Agenda, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = () => MonotonicTime.millis(clock)
  const deadlines = new DeadlineQueue()
  const tasks = new Map<number, () => void>()
  let requests = 0
  let nearest = Infinity
  const alarm = yield* Alarm.make(
    clock,
    // The network belongs to no process, so a late timer is not a pause of any node.
    new PauseWatch(Infinity),
    {
      next: () => deadlines.next,
      fire: (now) => {
        for (let key = deadlines.popDue(now); key >= 0; key = deadlines.popDue(now)) {
          const run = tasks.get(key)
          tasks.delete(key)
          run?.()
        }
        nearest = deadlines.next
      }
    },
    // Without the yield, an alarm that is already due would fire on the stack of the code that sets it.
    (fire) => Effect.andThen(Effect.yieldNow, fire)
  )
  return {
    now,
    at: (ms, run) => {
      const key = requests++
      const deadline = Math.max(ms, now())
      tasks.set(key, run)
      deadlines.set(key, deadline)
      if (deadline >= nearest) return
      nearest = deadline
      alarm.reset()
    }
  }
})
