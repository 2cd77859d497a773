import { assert, describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Context, Effect, Exit, Fiber, Latch, Scheduler } from "effect"
import * as fc from "fast-check"
import { makeInRealTime } from "../../../src/simulation/time/RealTime.ts"
import { Timeline } from "../../../src/simulation/time/Timeline.ts"
import { VirtualClock } from "../../../src/simulation/time/VirtualClock.ts"

/** An effect that takes real time. */
const really = (ms: number) => Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, ms)))

type InRealTime = ReturnType<typeof makeInRealTime>

interface World {
  readonly timeline: Timeline
  readonly inRealTime: InRealTime
  /** Records an event with the virtual time in ms. */
  readonly note: (what: string) => Effect.Effect<void>
  readonly notes: Array<string>
}

/** Runs an effect in virtual time to its end. */
const simulate = <A, E>(scenario: (world: World) => Effect.Effect<A, E>): Promise<Exit.Exit<A, E>> => {
  const timeline = new Timeline()
  const notes: Array<string> = []
  const context = Context.empty().pipe(
    Context.add(Clock.Clock, new VirtualClock(timeline)),
    Context.add(Scheduler.Scheduler, timeline.tasks)
  )
  return new Promise((resolve) => {
    const fiber = Effect.runForkWith(context)(
      scenario({
        timeline,
        inRealTime: makeInRealTime(timeline),
        notes,
        note: (what) => Effect.sync(() => void notes.push(`${what} at ${timeline.millis}`))
      })
    )
    const run = (): void => {
      timeline.run(Infinity, () => fiber.pollUnsafe() !== undefined)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) resolve(exit)
    }
    timeline.onWork = () => void setImmediate(run)
    fiber.addObserver(() => timeline.onWork())
    run()
  })
}

const succeeded = async <A, E>(scenario: (world: World) => Effect.Effect<A, E>): Promise<A> => {
  const exit = await simulate(scenario)
  assert(Exit.isSuccess(exit), String(exit))
  return exit.value
}

describe("work in real time", () => {
  it("stops virtual time until it ends", async () => {
    const notes = await succeeded(({ inRealTime, note, notes, timeline }) =>
      Effect.gen(function* () {
        const ticks = yield* Effect.forkChild(
          Effect.forEach([10, 20, 30, 40], () => Effect.andThen(Effect.sleep(10), note("tick")))
        )
        yield* Effect.sleep(25)
        const events = timeline.events
        yield* inRealTime(really(20))
        yield* note("back")
        expect(timeline.events).toBe(events)
        yield* Fiber.join(ticks)
        return notes
      })
    )
    expect(notes).toEqual(["tick at 10", "tick at 20", "back at 25", "tick at 30", "tick at 40"])
  })

  it("runs one piece at a time, in the order of the requests", async () => {
    const notes = await succeeded(({ inRealTime, note, notes }) =>
      Effect.gen(function* () {
        const work = (name: string, ms: number) =>
          Effect.gen(function* () {
            yield* note(`${name} asks`)
            yield* inRealTime(Effect.andThen(note(`${name} begins`), Effect.andThen(really(ms), note(`${name} ends`))))
            yield* note(`${name} goes on`)
          })
        yield* Effect.all([work("first", 12), work("second", 1), work("third", 6)], { concurrency: "unbounded" })
        return notes
      })
    )
    expect(notes).toEqual(
      ["first asks", "first begins", "second asks", "third asks", "first ends", "first goes on"]
        .concat(["second begins", "second ends", "second goes on", "third begins", "third ends", "third goes on"])
        .map((what) => `${what} at 0`)
    )
  })

  it("gives one history, however long it takes", async () => {
    const history = (durations: ReadonlyArray<number>) =>
      succeeded(({ inRealTime, note, notes }) =>
        Effect.gen(function* () {
          const work = (name: number) =>
            Effect.gen(function* () {
              for (let round = 0; round < 3; round++) {
                yield* Effect.sleep(1 + (name % 2))
                const ms = durations[(3 * name + round) % durations.length]!
                // Including work that ends at once, or with the next microtask.
                yield* inRealTime(ms === 0 ? Effect.void : ms === 1 ? Effect.promise(async () => {}) : really(ms - 2))
                yield* note(`${name}.${round}`)
                yield* Effect.yieldNow
              }
            })
          yield* Effect.forEach([0, 1, 2, 3], work, { concurrency: "unbounded" })
          return notes.join()
        })
      )
    const usual = await history([0])
    expect(usual).toContain("3.2 at 6")
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(8), { minLength: 12, maxLength: 12 }), async (durations) => {
        expect(await history(durations)).toBe(usual)
      }),
      { numRuns: 10 }
    )
  })

  it("lets time continue when it fails, dies or is interrupted, and keeps its exit", async () => {
    const exits = await succeeded(({ inRealTime, timeline }) =>
      Effect.gen(function* () {
        const stuck = yield* Effect.forkChild(inRealTime(Effect.never))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(stuck)
        const exits = [
          yield* Effect.exit(inRealTime(Effect.andThen(really(1), Effect.fail("failed")))),
          yield* Effect.exit(inRealTime(Effect.andThen(really(1), Effect.die("died")))),
          yield* Effect.exit(inRealTime(Effect.andThen(really(1), Effect.interrupt))),
          yield* Effect.exit(inRealTime(Effect.as(really(1), "succeeded"))),
          yield* Fiber.await(stuck)
        ]
        yield* Effect.sleep(5)
        expect(timeline.millis).toBe(5)
        return exits
      })
    )
    expect(exits.slice(0, 2)).toEqual([Exit.fail("failed"), Exit.die("died")])
    expect(exits[3]).toEqual(Exit.succeed("succeeded"))
    for (const exit of [exits[2], exits[4]]) {
      expect(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
    }
  })

  it("leaves the queue when it is interrupted before its turn", async () => {
    const notes = await succeeded(({ inRealTime, note, notes }) =>
      Effect.gen(function* () {
        const opened = yield* Latch.make()
        const fork = (name: string, work: Effect.Effect<void>) =>
          Effect.forkChild(
            Effect.andThen(inRealTime(Effect.andThen(note(`${name} begins`), work)), note(`${name} is back`))
          )
        const first = yield* fork("first", opened.await)
        const second = yield* fork("second", really(1))
        const third = yield* fork("third", really(1))
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        yield* Fiber.interrupt(second)
        yield* note("interrupted")
        yield* opened.open
        yield* Fiber.joinAll([first, third])
        yield* Effect.sleep(3)
        yield* note("time goes on")
        return notes
      })
    )
    expect(notes).toEqual([
      "first begins at 0",
      "interrupted at 0",
      "first is back at 0",
      "third begins at 0",
      "third is back at 0",
      "time goes on at 3"
    ])
  })

  it("includes nested work in its turn, also concurrent work", async () => {
    const notes = await succeeded(({ inRealTime, note, notes }) =>
      Effect.gen(function* () {
        const other = yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, inRealTime(note("other"))))
        yield* inRealTime(
          Effect.gen(function* () {
            yield* Effect.all([inRealTime(really(3)), inRealTime(really(1))], { concurrency: "unbounded" })
            yield* note("both")
          })
        )
        yield* note("back")
        yield* Fiber.join(other)
        return notes
      })
    )
    expect(notes).toEqual(["both at 0", "back at 0", "other at 0"])
  })

  it("ends its turn for fibers that it left running", async () => {
    const notes = await succeeded(({ inRealTime, note, notes }) =>
      Effect.gen(function* () {
        const over = yield* Latch.make()
        const left = yield* inRealTime(
          Effect.forkDetach(
            Effect.gen(function* () {
              yield* over.await
              yield* inRealTime(Effect.andThen(really(5), note("left behind")))
            })
          )
        )
        const ticks = yield* Effect.forkChild(Effect.andThen(Effect.sleep(1), note("tick")))
        yield* over.open
        yield* Fiber.joinAll([left, ticks])
        return notes
      })
    )
    // Time was stopped for that one too.
    expect(notes).toEqual(["left behind at 0", "tick at 1"])
  })

  it("keeps two timelines separate", async () => {
    const other = new Timeline()
    const notes = await succeeded(({ inRealTime, note, notes }) =>
      Effect.gen(function* () {
        let begun = false
        yield* inRealTime(
          makeInRealTime(other)(
            Effect.sync(() => {
              begun = other.run(1, () => false) === "suspended"
            })
          )
        )
        expect(begun).toBe(true)
        yield* note("back")
        return notes
      })
    )
    expect(notes).toEqual(["back at 0"])
    expect(other.run(1, () => false)).toBe("idle")
  })
})
