/** What a virtual network runs on: a reading of the time, and things to do later. */
import { Clock, Effect, type Scope } from "effect"
import * as Alarm from "../../time/Alarm.ts"
import { DeadlineQueue } from "../../time/DeadlineQueue.ts"
import * as MonotonicTime from "../../time/MonotonicTime.ts"
import { PauseWatch } from "../../time/PauseWatch.ts"

export interface Agenda {
  /** The time in ms, with fractions, since an arbitrary origin. */
  readonly now: () => number
  /**
   * Calls `run` at that time, in ms, or later: in the order of time and, at one instant, in the order asked. A time that
   * is past is the present one. `run` is never called before `at` has returned.
   */
  readonly at: (ms: number, run: () => void) => void
}

/** An agenda on Effect's clock. It ends with the scope, and what is still to be done then is not. */
export const fromClock: Effect.Effect<Agenda, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = () => MonotonicTime.millis(clock)
  const deadlines = new DeadlineQueue()
  const tasks = new Map<number, () => void>()
  let asked = 0
  let nearest = Infinity
  const alarm = yield* Alarm.make(
    clock,
    // What runs the network is nobody's process, so its lateness says nothing.
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
    // An alarm that is due rings on the stack of whoever sets it.
    (ring) => Effect.andThen(Effect.yieldNow, ring)
  )
  return {
    now,
    at: (ms, run) => {
      const key = asked++
      const deadline = Math.max(ms, now())
      tasks.set(key, run)
      deadlines.set(key, deadline)
      if (deadline >= nearest) return
      nearest = deadline
      alarm.reset()
    }
  }
})
