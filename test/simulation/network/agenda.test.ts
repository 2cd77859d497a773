import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Agenda from "../../../src/simulation/network/Agenda.ts"
import * as VirtualNetwork from "../../../src/simulation/network/VirtualNetwork.ts"

/** An agenda, with the callbacks that ran and their times. */
const diary = Effect.gen(function* () {
  const agenda = yield* Agenda.fromClock
  const done: Array<readonly [number, string]> = []
  const ask = (ms: number, name: string, run: () => void = () => {}) =>
    agenda.at(ms, () => {
      done.push([agenda.now(), name])
      run()
    })
  return { agenda, ask, done }
})

describe("an agenda on Effect's clock", () => {
  it.effect("runs callbacks in the order of their times, and at one instant in the order of the requests", () =>
    Effect.gen(function* () {
      const { ask, done } = yield* diary
      ask(20, "d")
      ask(10, "b")
      ask(10, "c")
      ask(0.5, "a")
      yield* TestClock.adjust(0.25)
      assert.deepStrictEqual(done, [])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(done, [
        [0.5, "a"],
        [10, "b"],
        [10, "c"],
        [20, "d"]
      ])
    })
  )

  it.effect(
    "runs nothing on the stack of the caller, even for the present or the past, and does not advance time for it",
    () =>
      Effect.gen(function* () {
        const { ask, done } = yield* diary
        yield* TestClock.adjust(5)
        ask(5, "now")
        ask(3, "past")
        ask(9, "later")
        ask(5, "now too")
        assert.deepStrictEqual(done, [])
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(done, [
          [5, "now"],
          [5, "past"],
          [5, "now too"]
        ])
        yield* TestClock.adjust(4)
        assert.deepStrictEqual(done.slice(3), [[9, "later"]])
      })
  )

  it.effect("runs a callback that is requested by another one after that, at the same instant if due", () =>
    Effect.gen(function* () {
      const { agenda, ask, done } = yield* diary
      let inside = false
      ask(10, "first", () => {
        inside = true
        ask(agenda.now(), "third", () => ask(12, "fifth"))
        ask(11, "fourth")
        assert.deepStrictEqual(done.length, 1)
        inside = false
      })
      ask(10, "second", () => assert.isFalse(inside))
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(done, [
        [10, "first"],
        [10, "second"],
        [10, "third"],
        [11, "fourth"],
        [12, "fifth"]
      ])
    })
  )

  it.effect("wakes up for a time that is nearer than all before, repeatedly", () =>
    Effect.gen(function* () {
      const { ask, done } = yield* diary
      for (const ms of [50, 40, 30]) {
        ask(ms, "x")
        yield* TestClock.adjust(1)
      }
      yield* TestClock.adjust(100)
      ask(110, "y")
      ask(105, "y")
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(
        done.map(([ms]) => ms),
        [30, 40, 50, 105, 110]
      )
    })
  )

  it.effect("runs nothing after its scope has closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { ask, done } = yield* Scope.provide(diary, scope)
      ask(10, "x")
      yield* Scope.close(scope, Exit.void)
      ask(5, "y")
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(done, [])
    })
  )

  it.effect("serves a network without latency, and delivers nothing on the stack of the sender", () =>
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.make({ latency: 0 })
      const got: Array<number> = []
      network.observe({ dropped: ({ sentAt }) => got.push(sentAt) })
      network.host("a", ["10.0.0.1"])
      assert.isTrue(network.inject(new Uint8Array(1), "10.0.0.9:1", "10.0.0.1:1"))
      assert.deepStrictEqual(got, [])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(got, [0])
    })
  )
})
