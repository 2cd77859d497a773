import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as MonotonicTime from "../../src/time/MonotonicTime.ts"
import { PauseWatch } from "../../src/time/PauseWatch.ts"
import * as Ticks from "../../src/time/Ticks.ts"

interface Setting {
  readonly first: number
  /** The period after each tick, given how many there were. */
  readonly period: (ticks: number) => number
  /** How much later than asked a sleep ends, in ms, given when it would end on time. */
  readonly late?: (end: number) => number
}

/** Runs ticks and notes when they came: by their own `now`, and by the clock. */
const ticking = Effect.fnUntraced(function* ({ first, late = () => 0, period }: Setting) {
  const clock = yield* Clock.Clock
  const pauses: Array<number> = []
  const watch = new PauseWatch(250)
  watch.onPause((length) => pauses.push(length))
  const now: Array<number> = []
  const read: Array<number> = []
  const sleep = (duration: Duration.Duration) => {
    const wait = Duration.toMillis(duration)
    return clock.sleep(Duration.millis(wait + late(MonotonicTime.millis(clock) + wait)))
  }
  const fiber = yield* Effect.forkScoped(
    Ticks.forever({ ...clock, sleep }, watch, {
      first,
      period: () => period(now.length),
      tick: (at) => {
        now.push(at)
        read.push(MonotonicTime.millis(clock))
      }
    }),
    { startImmediately: true }
  )
  return { now, read, pauses, fiber }
})

describe("Ticks", () => {
  it.effect("come once per period from the first on, without drift over a thousand of them", () =>
    Effect.gen(function* () {
      const { now, pauses, read } = yield* ticking({ first: 30, period: () => 0.7 })
      yield* TestClock.adjust(30 + 0.7 * 999 + 0.1)
      assert.strictEqual(now.length, 1000)
      for (const [i, at] of now.entries()) assert.closeTo(at, 30 + 0.7 * i, 1e-6)
      for (const [i, at] of read.entries()) assert.closeTo(at, 30 + 0.7 * i, 0.01)
      assert.deepStrictEqual(pauses, [])
    })
  )

  it.effect("ask for the period after each tick, so that it may change", () =>
    Effect.gen(function* () {
      const { now, read } = yield* ticking({ first: 5, period: (ticks) => 10 * ticks })
      yield* TestClock.adjust(105)
      assert.deepStrictEqual(now, [5, 15, 35, 65, 105])
      assert.deepStrictEqual(read, now)
    })
  )

  it.effect("come at once where the first is due at once", () =>
    Effect.gen(function* () {
      const { now } = yield* ticking({ first: 0, period: () => 50 })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(now, [0, 50, 100])
    })
  )

  it.effect("come once per period, and at their time, on a clock whose sleeps end 0.6 ms early", () =>
    Effect.gen(function* () {
      const { now, pauses, read } = yield* ticking({ first: 100, period: () => 100, late: () => -0.6 })
      yield* TestClock.adjust(10_050)
      assert.deepStrictEqual(
        now,
        Array.from({ length: 100 }, (_, i) => 100 * (i + 1))
      )
      for (const [i, at] of read.entries()) assert.closeTo(at, now[i]! - 0.6, 1e-3)
      assert.deepStrictEqual(pauses, [])
    })
  )

  it.effect("do not come early where a sleep ends more than 1 ms early: it goes on", () =>
    Effect.gen(function* () {
      let early = true
      const { now, read } = yield* ticking({
        first: 100,
        period: () => 100,
        late: () => {
          early = !early
          return early ? 0 : -40
        }
      })
      yield* TestClock.adjust(300)
      assert.deepStrictEqual(now, [100, 200, 300])
      assert.deepStrictEqual(read, now)
    })
  )

  it.effect("keep their places when one is late by less than a period", () =>
    Effect.gen(function* () {
      const { now, pauses } = yield* ticking({
        first: 100,
        period: () => 100,
        late: (end) => (end === 300 ? 90 : end === 500 ? 100 : 0)
      })
      yield* TestClock.adjust(700)
      // At exactly a whole period late the next is due at once, and nothing was missed.
      assert.deepStrictEqual(now, [100, 200, 390, 400, 600, 600, 700])
      assert.deepStrictEqual(pauses, [])
    })
  )

  it.effect("make up for nothing after a long pause, and tell its length", () =>
    Effect.gen(function* () {
      const { now, pauses } = yield* ticking({
        first: 100,
        period: () => 100,
        late: (end) => (end === 300 ? 1777 : 0)
      })
      yield* TestClock.adjust(2400)
      assert.deepStrictEqual(now, [100, 200, 2077, 2177, 2277, 2377])
      assert.deepStrictEqual(pauses, [1777])
    })
  )

  it.effect("measure lateness against the period that follows, not the one before", () =>
    Effect.gen(function* () {
      const { now } = yield* ticking({
        first: 100,
        period: (ticks) => (ticks % 2 === 1 ? 500 : 100),
        late: (end) => (end === 600 ? 300 : 0)
      })
      yield* TestClock.adjust(1600)
      // 300 ms late is more than the 100 ms that follow: the next is 100 ms from then.
      assert.deepStrictEqual(now, [100, 900, 1000, 1500, 1600])
    })
  )

  it.effect("end with their scope", () =>
    Effect.gen(function* () {
      const { fiber, now } = yield* ticking({ first: 100, period: () => 100 })
      yield* TestClock.adjust(250)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(now, [100, 200])
    })
  )
})
