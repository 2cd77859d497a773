import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as MonotonicTime from "../../src/time/MonotonicTime.ts"
import { PauseWatch } from "../../src/time/PauseWatch.ts"
import * as Ticks from "../../src/time/Ticks.ts"

interface Setting {
  readonly first: number
  /** The period after each tick, given the number of ticks so far. */
  readonly period: (ticks: number) => number
  /** How much later than asked a sleep ends, in ms, given the time at which it should end. */
  readonly late?: (end: number) => number
}

/** Runs ticks and records when they come: the time that they report, and the time of the clock. */
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
  it.effect("come once per period after the first, and a thousand of them do not drift", () =>
    Effect.gen(function* () {
      const { now, pauses, read } = yield* ticking({ first: 30, period: () => 0.7 })
      yield* TestClock.adjust(30 + 0.7 * 999 + 0.1)
      assert.strictEqual(now.length, 1000)
      for (const [i, at] of now.entries()) assert.closeTo(at, 30 + 0.7 * i, 1e-6)
      for (const [i, at] of read.entries()) assert.closeTo(at, 30 + 0.7 * i, 0.01)
      assert.deepStrictEqual(pauses, [])
    })
  )

  it.effect("ask for the period after each tick, so the period can change", () =>
    Effect.gen(function* () {
      const { now, read } = yield* ticking({ first: 5, period: (ticks) => 10 * ticks })
      yield* TestClock.adjust(105)
      assert.deepStrictEqual(now, [5, 15, 35, 65, 105])
      assert.deepStrictEqual(read, now)
    })
  )

  it.effect("begin at once if the first is due at once", () =>
    Effect.gen(function* () {
      const { now } = yield* ticking({ first: 0, period: () => 50 })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(now, [0, 50, 100])
    })
  )

  it.effect(
    "come once per period on a clock whose sleeps end 0.6 ms early, and report the time at which they were due",
    () =>
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

  it.effect("do not come early if a sleep ends more than 1 ms early: the sleep is continued", () =>
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

  it.effect("keep their places if one of them is late by less than a period", () =>
    Effect.gen(function* () {
      const { now, pauses } = yield* ticking({
        first: 100,
        period: () => 100,
        late: (end) => (end === 300 ? 90 : end === 500 ? 100 : 0)
      })
      yield* TestClock.adjust(700)
      // After exactly a whole period the next tick is due at once: none was missed.
      assert.deepStrictEqual(now, [100, 200, 390, 400, 600, 600, 700])
      assert.deepStrictEqual(pauses, [])
    })
  )

  it.effect("are not made up for after a long pause, whose length is reported", () =>
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

  it.effect("compare their lateness with the period that follows, not with the one before", () =>
    Effect.gen(function* () {
      const { now } = yield* ticking({
        first: 100,
        period: (ticks) => (ticks % 2 === 1 ? 500 : 100),
        late: (end) => (end === 600 ? 300 : 0)
      })
      yield* TestClock.adjust(1600)
      // 300 ms late is more than the 100 ms that follow, so the next tick comes 100 ms later.
      assert.deepStrictEqual(now, [100, 900, 1000, 1500, 1600])
    })
  )

  it.effect("end when their fiber is interrupted", () =>
    Effect.gen(function* () {
      const { fiber, now } = yield* ticking({ first: 100, period: () => 100 })
      yield* TestClock.adjust(250)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(now, [100, 200])
    })
  )

  it.effect("are a stream that buffers nothing: a slow consumer gets later ticks, not more of them", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const origin = MonotonicTime.millis(clock)
      const watch = new PauseWatch(Infinity)
      const ticks = Ticks.stream(clock, watch, { first: 100, period: () => 100 })
      const fiber = yield* Stream.runCollect(
        Stream.mapEffect(Stream.take(ticks, 3), (now) => Effect.as(Effect.sleep(250), now))
      ).pipe(Effect.forkScoped({ startImmediately: true }))
      yield* TestClock.adjust(10_000)
      // The others were due at 200 and 450, while the consumer was busy. They come when it asks for them.
      assert.deepStrictEqual(
        (yield* Fiber.join(fiber)).map((now) => now - origin),
        [100, 350, 600]
      )
    })
  )

  it.effect("of one stream start anew for each consumer", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const origin = MonotonicTime.millis(clock)
      const ticks = Stream.take(Ticks.stream(clock, new PauseWatch(Infinity), { first: 5, period: () => 10 }), 2)
      const collected = Effect.forkScoped(Stream.runCollect(ticks), { startImmediately: true })
      const first = yield* collected
      yield* TestClock.adjust(7)
      const second = yield* collected
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(
        [...(yield* Fiber.join(first)), ...(yield* Fiber.join(second))].map((now) => now - origin),
        [5, 15, 12, 22]
      )
    })
  )
})
