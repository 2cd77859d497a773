import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as Alarm from "../../src/time/Alarm.ts"
import { DeadlineQueue } from "../../src/time/DeadlineQueue.ts"
import * as MonotonicTime from "../../src/time/MonotonicTime.ts"
import { PauseWatch } from "../../src/time/PauseWatch.ts"

interface Setting {
  /** Called with each key that is due, before the next one is removed. */
  readonly onDue?: (key: number, now: number, queue: DeadlineQueue, reset: () => void) => void
  /** How much later than asked a sleep ends, in ms. */
  readonly late?: () => number
}

/** An alarm over a queue of deadlines. Records what is due when, and how many fibers sleep. */
const set = Effect.fnUntraced(function* ({ late = () => 0, onDue }: Setting = {}) {
  const clock = yield* Clock.Clock
  const queue = new DeadlineQueue()
  const watch = new PauseWatch(250)
  const fired: Array<readonly [key: number, now: number, read: number]> = []
  const sleeps = { now: 0, begun: 0, fires: 0 }
  const sleep = (duration: Duration.Duration) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        sleeps.begun++
        sleeps.now++
      }),
      () => clock.sleep(Duration.millis(Duration.toMillis(duration) + late())),
      () => Effect.sync(() => sleeps.now--)
    )
  const alarm: Alarm.Alarm = yield* Alarm.make({ ...clock, sleep }, watch, {
    next: () => queue.next,
    fire: (now) => {
      sleeps.fires++
      for (let key = queue.popDue(now); key >= 0; key = queue.popDue(now)) {
        fired.push([key, now, MonotonicTime.millis(clock)])
        onDue?.(key, now, queue, alarm.reset)
      }
    }
  })
  return { alarm, fired, queue, sleeps, watch }
})

describe("Alarm", () => {
  it.effect("does not sleep before the first deadline and after the last", () =>
    Effect.gen(function* () {
      const { alarm, fired, queue, sleeps } = yield* set()
      alarm.reset()
      yield* TestClock.adjust(100)
      assert.strictEqual(sleeps.begun, 0)
      queue.set(1, 150)
      alarm.reset()
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(fired, [[1, 150, 150]])
      assert.deepStrictEqual(sleeps, { now: 0, begun: 1, fires: 1 })
    })
  )

  it.effect("fires at a deadline that came nearer, also at one with a fraction of a millisecond", () =>
    Effect.gen(function* () {
      const { alarm, fired, queue, sleeps } = yield* set()
      queue.set(1, 500)
      alarm.reset()
      yield* TestClock.adjust(100)
      queue.set(2, 200.25)
      alarm.reset()
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(fired, [])
      assert.strictEqual(sleeps.now, 1)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(
        fired.map(([key, now]) => [key, now]),
        [
          [2, 200.25],
          [1, 500]
        ]
      )
      for (const [, now, read] of fired) assert.closeTo(read, now, 1e-3)
    })
  )

  it.effect("fires once for deadlines at the same time, and at once for one in the past", () =>
    Effect.gen(function* () {
      const { alarm, fired, queue, sleeps } = yield* set()
      yield* TestClock.adjust(100)
      for (const key of [3, 1, 2]) queue.set(key, 200)
      queue.set(9, 50)
      alarm.reset()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(fired, [[9, 100, 100]])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(fired.slice(1), [
        [1, 200, 200],
        [2, 200, 200],
        [3, 200, 200]
      ])
      assert.strictEqual(sleeps.fires, 2)
    })
  )

  it.effect("wakes up for nothing at most once if a deadline moves away or is dropped", () =>
    Effect.gen(function* () {
      const { alarm, fired, queue, sleeps } = yield* set()
      queue.set(1, 100)
      alarm.reset()
      for (let i = 1; i <= 9; i++) {
        yield* TestClock.adjust(10)
        queue.set(1, 100 + 50 * i)
        alarm.reset()
      }
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(fired, [[1, 550, 550]])
      assert.deepStrictEqual(sleeps, { now: 0, begun: 2, fires: 1 })
      queue.set(2, 2000)
      alarm.reset()
      yield* TestClock.adjust(0)
      queue.delete(2)
      yield* TestClock.adjust(2000)
      assert.deepStrictEqual(sleeps, { now: 0, begun: 3, fires: 1 })
    })
  )

  it.effect("waits for deadlines that are set while it fires, whether it is reset then or not", () =>
    Effect.gen(function* () {
      for (const resets of [true, false]) {
        const start = MonotonicTime.millis(yield* Clock.Clock)
        const { alarm, fired, queue, sleeps } = yield* set({
          onDue: (key, now, queue, reset) => {
            if (key < 4) queue.set(key + 1, now + 10 * key)
            if (resets) reset()
          }
        })
        queue.set(1, start + 100)
        alarm.reset()
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(
          fired.map(([key, now, read]) => [key, now - start, read - start]),
          [
            [1, 100, 100],
            [2, 110, 110],
            [3, 130, 130],
            [4, 160, 160]
          ]
        )
        assert.strictEqual(sleeps.now, 0)
      }
    })
  )

  it.effect("is on time on a clock whose sleeps end 0.6 ms early", () =>
    Effect.gen(function* () {
      const { alarm, fired, queue, sleeps } = yield* set({ late: () => -0.6 })
      queue.set(1, 100)
      queue.set(2, 200)
      alarm.reset()
      yield* TestClock.adjust(300)
      assert.deepStrictEqual(
        fired.map(([key, now]) => [key, now]),
        [
          [1, 100],
          [2, 200]
        ]
      )
      assert.strictEqual(sleeps.fires, 2)
    })
  )

  it.effect("reports its lateness to the watch, and waits for deadlines that a listener of the watch moves away", () =>
    Effect.gen(function* () {
      let late = 0
      const { alarm, fired, queue, watch } = yield* set({ late: () => late })
      watch.onPause((length) => queue.shift(length))
      late = 400
      queue.set(1, 100)
      queue.set(2, 130)
      alarm.reset()
      yield* TestClock.adjust(50)
      late = 0
      yield* TestClock.adjust(1000)
      assert.strictEqual(watch.pauses, 1)
      assert.deepStrictEqual(fired, [
        [1, 500, 500],
        [2, 530, 530]
      ])
    })
  )

  it.effect("ends with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { alarm, fired, queue, sleeps } = yield* set().pipe(Scope.provide(scope))
      queue.set(1, 100)
      alarm.reset()
      yield* TestClock.adjust(50)
      assert.strictEqual(sleeps.now, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(sleeps.now, 0)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(fired, [])
    })
  )

  it.effect("fires exactly at each remaining deadline, whatever is set, moved and dropped meanwhile", () =>
    Effect.gen(function* () {
      const step = fc.record({
        what: fc.constantFrom("set", "set", "set", "drop", "wait", "wait"),
        key: fc.nat(5),
        ms: fc.nat(40)
      })
      for (const steps of fc.sample(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), {
        numRuns: 60,
        seed: 7
      })) {
        const { alarm, fired, queue, sleeps } = yield* set()
        const clock = yield* Clock.Clock
        const model = new Map<number, number>()
        const expected: Array<readonly [key: number, now: number, read: number]> = []
        const pass = Effect.fnUntraced(function* (ms: number) {
          const until = MonotonicTime.millis(clock) + ms
          const due = [...model]
            .filter(([, at]) => at <= until)
            .toSorted(([keyA, a], [keyB, b]) => a - b || keyA - keyB)
          for (const [key, at] of due) {
            model.delete(key)
            expected.push([key, at, at])
          }
          yield* TestClock.adjust(ms)
          assert.deepStrictEqual(fired, expected)
          assert.isAtMost(sleeps.now, 1)
        })
        for (const { key, ms, what } of steps) {
          if (what === "wait") yield* pass(ms)
          else if (what === "drop") {
            queue.delete(key)
            model.delete(key)
          } else {
            // A deadline of this very moment is due at the next, when the sleeper has run.
            const at = MonotonicTime.millis(clock) + Math.max(1, ms)
            queue.set(key, at)
            model.set(key, at)
            alarm.reset()
          }
        }
        yield* pass(100)
        assert.strictEqual(model.size, 0)
        assert.strictEqual(sleeps.now, 0)
      }
    })
  )
})
