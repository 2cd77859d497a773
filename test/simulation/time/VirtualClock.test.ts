import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, type Fiber, Schedule, Scheduler } from "effect"
import * as fc from "fast-check"
import { NanosPerMilli, Timeline } from "../../../src/simulation/time/Timeline.ts"
import { Beginning, VirtualClock } from "../../../src/simulation/time/VirtualClock.ts"

const never = () => false

const nanos = (count: number): Duration.Duration => Duration.nanos(BigInt(count))

/** A clock on its own timeline, and fibers that sleep on it. */
const machine = (behind = 0) => {
  const timeline = new Timeline()
  const clock = new VirtualClock(timeline, behind)
  const context = Context.empty().pipe(
    Context.add(Clock.Clock, clock),
    Context.add(Scheduler.Scheduler, timeline.tasks)
  )
  const woken: Array<readonly [name: string, at: number]> = []
  const run = <A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> => Effect.runForkWith(context)(effect)
  return {
    timeline,
    clock,
    run,
    /** The wake-ups with their times, in ns of the timeline. */
    woken,
    sleep: (name: string, duration: Duration.Duration): Fiber.Fiber<void> =>
      run(Effect.map(clock.sleep(duration), () => void woken.push([name, timeline.now]))),
    /** Advances time. */
    runTo: (ns: number) => {
      let there = false
      timeline.at(ns, () => (there = true))
      expect(timeline.run(Infinity, () => there)).toBe("done")
    },
    runAll: () => expect(timeline.run(Infinity, never)).toBe("idle")
  }
}

/** Calls on a clock with sleepers. */
type Event =
  | { readonly what: "skew"; readonly rate: number }
  | { readonly what: "freeze" | "thaw" | "end" }
  | { readonly what: "interrupt"; readonly who: number }

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    arbitrary: fc.record({
      what: fc.constant("skew" as const),
      rate: fc.oneof(
        fc.constantFrom(1, 2, 3, 0.5, 1 / 3, 0.1, 1.05, 0.95),
        fc.double({ min: 0.1, max: 4, noNaN: true })
      )
    }),
    weight: 4
  },
  { arbitrary: fc.record({ what: fc.constantFrom("freeze" as const, "thaw" as const) }), weight: 4 },
  { arbitrary: fc.record({ what: fc.constant("interrupt" as const), who: fc.nat(100) }), weight: 2 },
  { arbitrary: fc.record({ what: fc.constant("end" as const) }), weight: 1 }
)

interface Script {
  readonly events: ReadonlyArray<{ readonly at: number; readonly event: Event }>
  readonly sleepers: ReadonlyArray<{ readonly at: number; readonly duration: number }>
}

const script: fc.Arbitrary<Script> = fc.record({
  // At most one per nanosecond, and few enough nanoseconds for the model.
  events: fc.uniqueArray(fc.record({ at: fc.nat(60), event }), { selector: ({ at }) => at, maxLength: 8 }),
  sleepers: fc.array(fc.record({ at: fc.nat(40), duration: fc.integer({ min: -2, max: 50 }) }), {
    minLength: 1,
    maxLength: 12,
    size: "max"
  })
})

const End = 2000

/** A model: when each sleeper should wake, nanosecond by nanosecond; `undefined` for never. */
const expectedWakes = ({ events, sleepers }: Script) => {
  let reading = 0
  let origin = 0
  let rate = 1
  let mode = "running"
  const deadlines = new Map<number, number>()
  const wakes: Array<number | undefined> = sleepers.map(() => undefined)
  /** The number of sleepers after each nanosecond. */
  const sleeping: Array<number> = []
  for (let now = 0; now <= End; now++) {
    const own = () => reading + Math.floor((now - origin) * rate)
    const event = events.find(({ at }) => at === now)?.event
    if (event?.what === "skew") {
      reading = own()
      origin = now
      ;({ rate } = event)
    } else if (event?.what === "interrupt") {
      deadlines.delete(event.who % sleepers.length)
    } else if (event?.what === "end") {
      mode = "ended"
      deadlines.clear()
    } else if (event !== undefined && mode !== "ended") {
      mode = event.what === "freeze" ? "frozen" : "running"
    }
    sleepers.forEach(({ at, duration }, name) => {
      if (at === now && mode !== "ended") deadlines.set(name, own() + duration)
    })
    for (const [name, deadline] of deadlines) {
      if (mode !== "running" || own() < deadline) continue
      wakes[name] = now
      deadlines.delete(name)
    }
    sleeping.push(deadlines.size)
  }
  return { wakes, sleeping }
}

describe("VirtualClock", () => {
  it("wakes each sleeper exactly at its deadline, in spite of skews, freezes, thaws and its end", () => {
    fc.assert(
      fc.property(script, (script) => {
        const { clock, sleep, timeline, woken } = machine()
        const fibers: Array<Fiber.Fiber<void> | undefined> = script.sleepers.map(() => undefined)
        for (const { at, event } of script.events) {
          timeline.at(at, () => {
            if (event.what === "skew") clock.skew(event.rate)
            else if (event.what === "interrupt") fibers[event.who % fibers.length]?.interruptUnsafe()
            else clock[event.what]()
          })
        }
        script.sleepers.forEach(({ at, duration }, name) => {
          timeline.at(at, () => (fibers[name] = sleep(String(name), nanos(duration))))
        })
        const sleeping: Array<number> = []
        for (let ns = 0; ns <= End; ns++) {
          let there = false
          // Added last, twice, so that everything at this instant has happened.
          timeline.at(ns, () => timeline.at(ns, () => timeline.at(ns, () => (there = true))))
          timeline.run(Infinity, () => there)
          sleeping.push(clock.sleeping)
        }
        const expected = expectedWakes(script)
        expect(script.sleepers.map((_, name) => woken.find(([who]) => who === String(name))?.[1])).toEqual(
          expected.wakes
        )
        expect(sleeping).toEqual(expected.sleeping)
        expect(timeline.pending).toBe(0)
        // No sleeper wakes twice.
        expect(woken.length).toBe(expected.wakes.filter((wake) => wake !== undefined).length)
      }),
      { numRuns: 150 }
    )
  })

  it("is exact to the nanosecond over days at any sequence of rates", () => {
    const day = 86_400_000 * NanosPerMilli
    /** When a sleeper wakes whose clock has these rates, one per day, and the clock's reading then and at `look`. */
    const sleepFor = (duration: number, rates: ReadonlyArray<number>, look: number) => {
      const { clock, run, runAll, runTo, timeline } = machine()
      const seen = { wokeAt: -1, wokeShowing: -1, looked: -1 }
      timeline.at(look, () => (seen.looked = clock.nanos))
      run(
        Effect.map(clock.sleep(nanos(duration)), () => {
          seen.wokeAt = timeline.now
          seen.wokeShowing = clock.nanos
        })
      )
      for (const rate of rates) {
        const before = clock.nanos
        clock.skew(rate)
        // The reading is continuous.
        expect(clock.nanos).toBe(before)
        expect(clock.rate).toBe(rate)
        if (seen.wokeAt < 0) runTo(timeline.now + day)
      }
      runAll()
      return seen
    }
    const check = (duration: number, rates: ReadonlyArray<number>): void => {
      const { wokeAt, wokeShowing } = sleepFor(duration, rates, Infinity)
      expect(wokeShowing).toBeGreaterThanOrEqual(duration)
      // A fast clock skips nanoseconds.
      expect(wokeShowing - duration).toBeLessThanOrEqual(2)
      expect(sleepFor(duration, rates, wokeAt - 1).looked).toBeLessThan(duration)
    }
    // Cases in which the quotient is rounded up beyond a whole number, and down to one.
    check(36_294_330_617_785, [0.5666689761023311])
    check(32_375_440_004_734, [1.567315660193704])
    const rates = fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { maxLength: 6 })
    fc.assert(
      fc.property(rates, fc.double({ min: 1e-9, max: 20, noNaN: true }), (rates, days) => {
        check(Math.round(days * day), rates)
      }),
      { numRuns: 200 }
    )
  })

  it("sets the wall clock, which neither the monotonic time nor a sleeper notices", () => {
    const { clock, runAll, runTo, sleep, woken } = machine(1000)
    sleep("a", Duration.seconds(5))
    runTo(2e9)
    clock.setWallClock(3_600_000)
    expect(clock.currentTimeMillisUnsafe()).toBe(Beginning + 3_601_000)
    expect(clock.monotonicTimeNanosUnsafe()).toBe(2_000_000_000n)
    clock.setWallClock(-7_200_000)
    expect(clock.currentTimeMillisUnsafe()).toBe(Beginning - 3_599_000)
    runAll()
    expect(woken).toEqual([["a", 5e9]])
  })

  it("shows the time of the timeline, and a wall clock that is behind by the given time", () => {
    for (const behind of [0, 5000, -250, 0.25, 1.5]) {
      const { clock, runTo } = machine(behind)
      runTo(1_500_000)
      expect(Effect.runSync(clock.monotonicTimeNanos)).toBe(1_500_000n)
      expect(clock.nanos).toBe(1_500_000)
      const nanos = BigInt(Beginning) * 1_000_000n + 1_500_000n - BigInt(behind * NanosPerMilli)
      expect(Effect.runSync(clock.currentTimeNanos)).toBe(nanos)
      expect(Effect.runSync(clock.currentTimeMillis)).toBe(Number(nanos / 1_000_000n))
    }
    expect(Duration.toMillis(Duration.millis(Beginning))).toBe(Date.parse("2026-01-01T00:00:00Z"))
  })

  it("applies the rate to its wall clock too", () => {
    const { clock, runTo } = machine(1000)
    clock.skew(2)
    runTo(3_000 * NanosPerMilli)
    expect(clock.currentTimeMillisUnsafe()).toBe(Beginning + 6000 - 1000)
    expect(clock.monotonicTimeNanosUnsafe()).toBe(6_000_000_000n)
  })

  it("refuses invalid rates", () => {
    const { clock } = machine()
    for (const rate of [0, -1, Number.NaN, Infinity]) expect(() => clock.skew(rate)).toThrow(RangeError)
    expect(clock.rate).toBe(1)
  })

  it("lets others run first after a sleep of 0, and never wakes after an infinite one", () => {
    const { clock, run, runAll, sleep, timeline, woken } = machine()
    sleep("endless", Duration.infinity)
    sleep("no time", Duration.zero)
    sleep("less than no time", Duration.millis(-50))
    run(Effect.map(Effect.yieldNow, () => void woken.push(["who yields", timeline.now])))
    expect(woken).toEqual([])
    runAll()
    expect(woken).toEqual([
      ["who yields", 0],
      ["no time", 0],
      ["less than no time", 0]
    ])
    expect([clock.sleeping, timeline.pending]).toEqual([0, 0])
  })

  it("sleeps for parts of a millisecond", () => {
    const { runAll, sleep, woken } = machine()
    sleep("1.5 µs", Duration.micros(1500n))
    sleep("0.25 ms", Duration.millis(0.25))
    sleep("3 ns", Duration.nanos(3n))
    runAll()
    expect(woken).toEqual([
      ["3 ns", 3],
      ["0.25 ms", 250_000],
      ["1.5 µs", 1_500_000]
    ])
  })

  it("wakes held sleepers in the order of their deadlines when it thaws", () => {
    const durations = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20, size: "max" })
    fc.assert(
      fc.property(durations, fc.integer({ min: 0, max: 40 }), fc.boolean(), (durations, thawAt, asksLast) => {
        const { clock, runAll, sleep, timeline, woken } = machine()
        const thaw = () => timeline.at(thawAt, () => clock.thaw())
        // At the instant of the thaw some due sleepers are held already and some are not.
        if (!asksLast) thaw()
        durations.forEach((duration, i) => sleep(String(i), nanos(duration)))
        if (asksLast) thaw()
        clock.freeze()
        runAll()
        const order = durations.map((_, i) => i).toSorted((a, b) => durations[a]! - durations[b]! || a - b)
        expect(woken).toEqual(order.map((i) => [String(i), Math.max(durations[i]!, thawAt)]))
        expect(clock.sleeping).toBe(0)
      })
    )
  })

  it("wakes held sleepers before others that are due at the instant of the thaw", () => {
    const { clock, runAll, sleep, timeline, woken } = machine()
    timeline.at(20, () => {
      clock.thaw()
      timeline.at(20, () => woken.push(["asked after the thaw", timeline.now]))
    })
    timeline.at(20, () => woken.push(["asked before", timeline.now]))
    sleep("held", nanos(10))
    clock.freeze()
    runAll()
    expect(woken).toEqual([
      ["held", 20],
      ["asked before", 20],
      ["asked after the thaw", 20]
    ])
  })

  it("holds sleepers again if it freezes at once after a thaw, and keeps their order through a skew", () => {
    const { clock, runAll, runTo, sleep, timeline, woken } = machine()
    sleep("third", nanos(30))
    sleep("second", nanos(20))
    sleep("first", nanos(10))
    clock.freeze()
    runTo(40)
    clock.thaw()
    clock.freeze()
    runTo(50)
    expect([woken, clock.sleeping]).toEqual([[], 3])
    clock.thaw()
    clock.skew(0.5)
    expect(timeline.pending).toBe(3)
    runAll()
    expect(woken).toEqual([
      ["first", 50],
      ["second", 50],
      ["third", 50]
    ])
    // Both are allowed.
    clock.thaw()
    clock.freeze()
    clock.freeze()
    clock.thaw()
    expect([clock.sleeping, timeline.pending]).toEqual([0, 0])
  })

  it("advances while it is frozen, for readings and for new sleeps", () => {
    const { clock, runAll, runTo, sleep, woken } = machine()
    clock.freeze()
    runTo(100)
    expect(clock.nanos).toBe(100)
    sleep("begun while frozen", nanos(10))
    runTo(105)
    clock.thaw()
    runAll()
    expect(woken).toEqual([["begun while frozen", 110]])
  })

  it("removes interrupted sleepers: asleep, held, or about to wake after a thaw", () => {
    const { clock, runTo, sleep, timeline, woken } = machine()
    const fibers = ["asleep", "held", "thawed", "stays"].map((name) =>
      sleep(name, nanos(name === "asleep" ? 1000 : 10))
    )
    expect([clock.sleeping, timeline.pending]).toEqual([4, 4])
    fibers[0]!.interruptUnsafe()
    expect([clock.sleeping, timeline.pending]).toEqual([3, 3])
    clock.freeze()
    runTo(20)
    expect([clock.sleeping, timeline.pending]).toEqual([3, 0])
    fibers[1]!.interruptUnsafe()
    expect([clock.sleeping, timeline.pending]).toEqual([2, 0])
    clock.thaw()
    expect([clock.sleeping, timeline.pending]).toEqual([2, 2])
    fibers[2]!.interruptUnsafe()
    expect([clock.sleeping, timeline.pending]).toEqual([1, 1])
    runTo(30)
    expect(woken).toEqual([["stays", 20]])
    expect([clock.sleeping, timeline.pending]).toEqual([0, 0])
    // A sleeper that has woken is not counted again.
    fibers[3]!.interruptUnsafe()
    expect(fibers.every((fiber) => fiber.pollUnsafe() !== undefined)).toBe(true)
    expect([clock.sleeping, timeline.pending]).toEqual([0, 0])
  })

  it("leaves nothing on the timeline when it ends, and keeps its count when its sleepers are interrupted then", () => {
    const { clock, runAll, runTo, sleep, timeline, woken } = machine()
    timeline.at(1000, () => woken.push(["somebody else's", timeline.now]))
    const fibers = [sleep("held", nanos(5)), sleep("asleep", nanos(50))]
    clock.freeze()
    runTo(10)
    clock.end()
    expect([clock.sleeping, timeline.pending]).toEqual([0, 1])
    clock.thaw()
    clock.skew(3)
    fibers.push(sleep("too late", nanos(5)))
    expect([clock.sleeping, timeline.pending]).toEqual([0, 1])
    for (const fiber of fibers) fiber.interruptUnsafe()
    expect([clock.sleeping, timeline.pending]).toEqual([0, 1])
    clock.end()
    runAll()
    expect(woken).toEqual([["somebody else's", 1000]])
    expect(fibers.every((fiber) => fiber.pollUnsafe() !== undefined)).toBe(true)
  })

  it("releases its sleepers and what they reference when it ends, held ones too", async () => {
    setFlagsFromString("--expose-gc")
    const collect: () => void = runInNewContext("gc")
    const { clock, run, runTo } = machine()
    const begin = (duration: number): WeakRef<object> => {
      const heavy = { bytes: new Uint8Array(1000) }
      run(Effect.map(clock.sleep(nanos(duration)), () => heavy.bytes.fill(1)))
      return new WeakRef(heavy)
    }
    clock.freeze()
    const sleepers = [...Array(50).keys()].map((i) => begin(i < 25 ? 5 : 1e9))
    runTo(10)
    await new Promise((resolve) => setTimeout(resolve, 1))
    collect()
    expect(sleepers.filter((ref) => ref.deref() !== undefined).length).toBe(50)
    await new Promise((resolve) => setTimeout(resolve, 1))
    clock.end()
    collect()
    expect(sleepers.filter((ref) => ref.deref() !== undefined).length).toBe(0)
  })

  it("serves sleeps, timeouts, delays, schedules and races", () => {
    const { clock, run, runAll } = machine()
    const fiber = run(
      Effect.gen(function* () {
        const times: Array<number> = []
        const note = Effect.sync(() => times.push(clock.nanos / NanosPerMilli))
        yield* Effect.sleep("30 days")
        yield* note
        yield* Effect.ignore(Effect.timeout(Effect.never, "1 second"))
        yield* note
        yield* Effect.delay(note, "250 millis")
        yield* Effect.repeat(note, { schedule: Schedule.spaced("10 millis"), times: 2 })
        yield* Effect.race(Effect.sleep("1 hour"), Effect.sleep("1 minute"))
        yield* note
        // The losers of the race no longer sleep.
        expect(clock.sleeping).toBe(0)
        const began = yield* Clock.currentTimeMillis
        const [took] = yield* Effect.timed(Effect.sleep("2 seconds"))
        return { times, began, took: Duration.toMillis(took) }
      })
    )
    runAll()
    const days = 30 * 86_400_000
    const began = days + 61_270
    expect(fiber.pollUnsafe()).toMatchObject({
      _tag: "Success",
      value: {
        times: [days, days + 1000, days + 1250, days + 1250, days + 1260, days + 1270, began],
        began: Beginning + began,
        took: 2000
      }
    })
  })

  it("wakes a fiber that sleeps in an uninterruptible region, which then ends", () => {
    const { clock, run, runAll, timeline } = machine()
    const fiber = run(Effect.uninterruptible(Effect.sleep("1 second")))
    fiber.interruptUnsafe()
    expect([fiber.pollUnsafe(), clock.sleeping]).toEqual([undefined, 1])
    runAll()
    expect([timeline.millis, clock.sleeping]).toEqual([1000, 0])
    expect(fiber.pollUnsafe()).toBeDefined()
  })
})
