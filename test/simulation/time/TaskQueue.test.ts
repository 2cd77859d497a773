import { afterEach, assert, beforeEach, describe, expect, it, vi } from "@effect/vitest"
import {
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberHandle,
  FiberMap,
  FiberSet,
  Latch,
  PubSub,
  Queue,
  Scheduler,
  Semaphore,
  Stream
} from "effect"
import * as fc from "fast-check"
import { TaskQueue } from "../../../src/simulation/time/TaskQueue.ts"

/** A task that schedules others when it runs, and may drain the queue itself. */
interface Plan {
  readonly name: number
  readonly priority: number
  readonly drains: boolean
  readonly schedules: ReadonlyArray<Plan>
}

const plans = fc
  .array(
    fc.record({
      priority: fc.integer({ min: -2, max: 3 }),
      drains: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      // The earlier task that schedules it; 0 for none.
      by: fc.nat(1000)
    }),
    { maxLength: 60, size: "max" }
  )
  .map((rows): ReadonlyArray<Plan> => {
    const first: Array<Plan> = []
    const lists = [first]
    rows.forEach(({ by, drains, priority }, name) => {
      const schedules: Array<Plan> = []
      lists[by % lists.length]!.push({ name, priority, drains, schedules })
      lists.push(schedules)
    })
    return first
  })

/** The order of a reference implementation with a sorted list: by batch, by priority, in the order of scheduling. */
const expectedOrder = (plans: ReadonlyArray<Plan>): ReadonlyArray<number> => {
  const order: Array<number> = []
  let waiting: Array<Plan> = [...plans]
  const drain = (): void => {
    while (waiting.length > 0) {
      const batch = waiting.toSorted((a, b) => a.priority - b.priority)
      waiting = []
      for (const { drains, name, schedules } of batch) {
        order.push(name)
        waiting.push(...schedules)
        if (drains) drain()
      }
    }
  }
  drain()
  return order
}

const scheduleAll = (queue: TaskQueue, plans: ReadonlyArray<Plan>, order: Array<number>): void => {
  for (const { drains, name, priority, schedules } of plans) {
    queue.scheduleTask(() => {
      order.push(name)
      scheduleAll(queue, schedules, order)
      if (drains) queue.drain()
    }, priority)
  }
}

describe("TaskQueue", () => {
  it("runs tasks like a list sorted by priority, batch by batch, whatever they schedule and drain", () => {
    fc.assert(
      fc.property(plans, (plans) => {
        const queue = new TaskQueue()
        const order: Array<number> = []
        scheduleAll(queue, plans, order)
        expect(queue.drain()).toBe(true)
        expect(order).toEqual(expectedOrder(plans))
        expect([queue.ran, queue.isEmpty]).toEqual([order.length, true])
      }),
      { numRuns: 300 }
    )
  })

  it("runs tasks that a batch schedules after the batch, even with a lower priority number", () => {
    const queue = new TaskQueue()
    const order: Array<string> = []
    const task =
      (name: string, then: () => void = () => {}) =>
      () => {
        order.push(name)
        then()
      }
    queue.scheduleTask(
      task("first", () => queue.scheduleTask(task("urgent, but later"), -1)),
      0
    )
    queue.scheduleTask(task("last"), 10)
    queue.scheduleTask(task("second"), 0)
    queue.flush()
    expect(order).toEqual(["first", "second", "last", "urgent, but later"])
  })

  it("has one order for all dispatchers", () => {
    const queue = new TaskQueue()
    const order: Array<number> = []
    const dispatchers = [queue.makeDispatcher(), queue.makeDispatcher(), queue.makeDispatcher()]
    for (let i = 0; i < 9; i++) dispatchers[(i * 2) % 3]!.scheduleTask(() => order.push(i), 0)
    dispatchers[1]!.flush()
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it("stops after a number of tasks, and keeps the rest", () => {
    const queue = new TaskQueue()
    const runs = { endless: 0, other: 0, last: 0 }
    let stop = false
    const endless = (): void => {
      runs.endless++
      if (!stop) queue.scheduleTask(endless, 0)
    }
    queue.scheduleTask(endless, 0)
    queue.scheduleTask(() => runs.other++, 1)
    expect(queue.drain(1000)).toBe(false)
    expect(runs).toEqual({ endless: 999, other: 1, last: 0 })
    expect(queue.ran).toBe(1000)
    queue.scheduleTask(() => runs.last++, 1)
    // Exactly as many as allowed.
    expect(queue.drain(0)).toBe(false)
    expect(queue.drain(-5)).toBe(false)
    expect(runs.endless).toBe(999)
    stop = true
    expect(queue.drain(10)).toBe(true)
    expect(runs).toEqual({ endless: 1000, other: 1, last: 1 })
  })

  it("does not count the last task as left", () => {
    const queue = new TaskQueue()
    expect(queue.drain(0)).toBe(true)
    let left = 100
    const task = (): void => {
      if (--left > 0) queue.scheduleTask(task, 0)
    }
    queue.scheduleTask(task, 0)
    expect(queue.drain(100)).toBe(true)
    expect(left).toBe(0)
  })

  it("reports work once: when a task comes while the queue is empty and not being drained", () => {
    const queue = new TaskQueue()
    const told: Array<boolean> = []
    queue.onWork = () => told.push(queue.isEmpty)
    const nothing = () => {}
    queue.scheduleTask(nothing, 0)
    // The callback finds the task in the queue.
    expect(told).toEqual([false])
    queue.scheduleTask(nothing, 0)
    queue.scheduleTask(nothing, -1)
    expect(told.length).toBe(1)
    queue.scheduleTask(() => {
      queue.scheduleTask(nothing, 0)
      queue.drain()
      // The nested drain has ended, the outer one has not.
      queue.scheduleTask(nothing, 0)
    }, 0)
    queue.drain()
    expect(told.length).toBe(1)
    queue.scheduleTask(nothing, 0)
    expect(told.length).toBe(2)
  })

  it("works on after a task that throws", () => {
    const queue = new TaskQueue()
    let told = 0
    queue.onWork = () => told++
    queue.scheduleTask(() => {
      throw new Error("on purpose")
    }, 0)
    expect(() => queue.drain()).toThrow("on purpose")
    let ran = false
    queue.scheduleTask(() => (ran = true), 0)
    expect(told).toBe(2)
    expect(queue.drain()).toBe(true)
    expect(ran).toBe(true)
  })
})

describe("fibers on a TaskQueue", () => {
  // Anything that uses a timer of the platform would run in another order.
  const platform = ["setTimeout", "setImmediate", "setInterval", "queueMicrotask"] as const
  beforeEach(() => {
    for (const name of platform) {
      vi.spyOn(globalThis, name).mockImplementation(() => {
        throw new Error(`${name} was called`)
      })
    }
    vi.spyOn(Promise, "resolve").mockImplementation(() => {
      throw new Error("Promise.resolve was called")
    })
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** The exit of an effect when the queue is empty, without a turn of the event loop. */
  const drained = <A, E>(effect: Effect.Effect<A, E>): A => {
    const queue = new TaskQueue()
    const fiber = Effect.runForkWith(Context.make(Scheduler.Scheduler, queue))(effect)
    expect(queue.drain()).toBe(true)
    const exit = fiber.pollUnsafe()
    assert(exit !== undefined, "it waits for something that is not on the queue")
    assert(Exit.isSuccess(exit), String(exit))
    return exit.value
  }

  it("alternate when they yield, by priority", () => {
    const order = drained(
      Effect.gen(function* () {
        const order: Array<string> = []
        const turns = (name: string, priority: number) =>
          Effect.gen(function* () {
            for (let i = 1; i <= 3; i++) {
              order.push(`${name}${i}`)
              yield* Effect.yieldNowWith(priority)
            }
          })
        yield* Effect.all([turns("c", 2), turns("a", 0), turns("b", 1)], { concurrency: "unbounded" })
        return order
      })
    )
    expect(order).toEqual(["c1", "a1", "b1", "a2", "b2", "c2", "a3", "b3", "c3"])
  })

  it("start in the order in which they were forked: children, daemons and immediate ones", () => {
    const order = drained(
      Effect.gen(function* () {
        const order: Array<string> = []
        const note = (name: string) => Effect.sync(() => order.push(name))
        const fibers = [
          yield* Effect.forkChild(note("child")),
          yield* Effect.forkDetach(note("daemon")),
          yield* Effect.forkChild(note("immediate"), { startImmediately: true }),
          yield* Effect.forkChild(note("last"))
        ]
        order.push("parent")
        yield* Fiber.awaitAll(fibers)
        return order
      })
    )
    expect(order).toEqual(["immediate", "parent", "child", "daemon", "last"])
  })

  it("are forced to yield if they never do", () => {
    const order = drained(
      Effect.gen(function* () {
        const order: Array<string> = []
        const long = Effect.gen(function* () {
          for (let i = 0; i < 3 * 2048; i++) yield* Effect.sync(() => i)
          order.push("long")
        })
        const short = Effect.sync(() => order.push("short"))
        yield* Effect.all([long, short], { concurrency: "unbounded" })
        return order
      })
    )
    expect(order).toEqual(["short", "long"])
  })

  it("pass control by latches, deferreds, queues and pubsubs", () => {
    const got = drained(
      Effect.gen(function* () {
        const got: Array<unknown> = []
        const latch = yield* Latch.make()
        const deferred = yield* Deferred.make<string>()
        const queue = yield* Queue.bounded<number>(2)
        const pubsub = yield* PubSub.bounded<number>(1)
        const waiting = yield* Effect.forkChild(
          Effect.all(
            [
              Effect.as(latch.await, "latch"),
              Deferred.await(deferred),
              Effect.replicateEffect(Queue.take(queue), 6),
              Effect.scoped(
                Effect.flatMap(PubSub.subscribe(pubsub), (subscription) =>
                  Effect.replicateEffect(PubSub.take(subscription), 4)
                )
              )
            ],
            { concurrency: "unbounded" }
          )
        )
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        // Their capacity is smaller, so the offering fiber waits for the taking one.
        yield* Effect.forEach([1, 2, 3, 4, 5, 6], (n) => Queue.offer(queue, n))
        yield* Effect.forEach([7, 8, 9, 10], (n) => PubSub.publish(pubsub, n))
        yield* latch.open
        yield* Deferred.succeed(deferred, "deferred")
        got.push(...(yield* Fiber.join(waiting)))
        return got
      })
    )
    expect(got).toEqual(["latch", "deferred", [1, 2, 3, 4, 5, 6], [7, 8, 9, 10]])
  })

  it("get permits of semaphores in the order of the requests", () => {
    const { most, order } = drained(
      Effect.gen(function* () {
        const order: Array<number> = []
        let inside = 0
        let most = 0
        const semaphore = yield* Semaphore.make(2)
        const work = (n: number) =>
          semaphore.withPermits(1)(
            Effect.gen(function* () {
              order.push(n)
              most = Math.max(most, ++inside)
              // Later ones are faster.
              for (let i = n; i < 5; i++) yield* Effect.yieldNow
              inside--
            })
          )
        yield* Effect.forEach([1, 2, 3, 4, 5], work, { concurrency: "unbounded", discard: true })
        return { order, most }
      })
    )
    expect(order).toEqual([1, 2, 3, 4, 5])
    expect(most).toBe(2)
  })

  it("map concurrently, race, stream, and close scopes", () => {
    const ended: Array<string> = []
    const got = drained(
      Effect.gen(function* () {
        const slowly = (n: number) => Effect.as(Effect.replicateEffect(Effect.yieldNow, 10 - n, { discard: true }), n)
        const mapped = yield* Effect.forEach([1, 2, 3, 4, 5, 6], slowly, { concurrency: 3 })
        const won = yield* Effect.raceAll([slowly(2), slowly(7), Effect.never])
        const streamed = yield* Stream.fromArray([1, 2, 3, 4]).pipe(
          Stream.mapEffect(slowly, { concurrency: 2 }),
          Stream.buffer({ capacity: 1 }),
          Stream.merge(Stream.fromEffectRepeat(Effect.as(Effect.yieldNow, 0)).pipe(Stream.take(2))),
          Stream.runCollect
        )
        yield* Effect.scoped(
          Effect.gen(function* () {
            const forever = (name: string) =>
              Effect.ensuring(
                Effect.never,
                Effect.sync(() => ended.push(name))
              )
            const handle = yield* FiberHandle.make()
            yield* FiberHandle.run(handle, forever("replaced"))
            yield* Effect.yieldNow
            yield* FiberHandle.run(handle, forever("handle"))
            const set = yield* FiberSet.make()
            yield* FiberSet.run(set, forever("set"))
            const map = yield* FiberMap.make<string>()
            yield* FiberMap.run(map, "one", forever("map"))
            yield* Effect.forkScoped(forever("scope"))
            yield* Effect.yieldNow
          })
        )
        return { mapped, won, streamed: streamed.toSorted((a, b) => a - b) }
      })
    )
    expect(got).toEqual({ mapped: [1, 2, 3, 4, 5, 6], won: 7, streamed: [0, 0, 1, 2, 3, 4] })
    expect(ended).toEqual(["replaced", "scope", "map", "set", "handle"])
  })

  it("end at once when they are interrupted while they wait for their next turn", () => {
    const queue = new TaskQueue()
    const fiber = Effect.runForkWith(Context.make(Scheduler.Scheduler, queue))(Effect.forever(Effect.yieldNow))
    expect(queue.drain(100)).toBe(false)
    fiber.interruptUnsafe()
    expect(queue.drain(100)).toBe(true)
    const exit = fiber.pollUnsafe()
    expect(exit !== undefined && Exit.hasInterrupts(exit)).toBe(true)
  })
})
