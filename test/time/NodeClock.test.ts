import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as NodeClock from "../../src/time/NodeClock.ts"

const layer = NodeClock.layer({ pauseThreshold: "250 millis" })

/** What is logged, as text. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    lines.push(`${logLevel} ${String(message)}`)
  })
  return { lines, layer: Logger.layer([logger]) }
}

describe("NodeClock", () => {
  it.effect("tells the time of the clock that it was built with", () =>
    Effect.gen(function* () {
      const { now, watch } = yield* NodeClock.NodeClock
      const start = now()
      yield* TestClock.adjust("1500 micros")
      assert.closeTo(now() - start, 1.5, 1e-6)
      assert.strictEqual(watch.threshold, 250)
    }).pipe(Effect.provide(layer))
  )

  it.effect("draws the same numbers from the same seed, and its own seed has 32 bits", () =>
    Effect.gen(function* () {
      const build = Effect.scoped(Layer.build(Layer.fresh(layer))).pipe(
        Effect.map((context) => Layer.succeedContext(context)),
        Effect.flatMap((built) => Effect.provide(NodeClock.NodeClock, built)),
        Random.withSeed("one")
      )
      const [a, b] = [yield* build, yield* build]
      assert.strictEqual(a.seed, b.seed)
      assert.isTrue(Number.isInteger(a.seed) && a.seed >= 0 && a.seed < 2 ** 32)
      const draws = Array.from({ length: 5 }, () => a.random())
      assert.deepStrictEqual(
        draws,
        Array.from({ length: 5 }, () => b.random())
      )
      assert.isTrue(draws.every((drawn) => drawn >= 0 && drawn < 1))
    })
  )

  it.effect("does periodic work and watches deadlines until the scope closes", () =>
    Effect.gen(function* () {
      const { alarm, every, now } = yield* NodeClock.NodeClock
      const start = now()
      const did: Array<string> = []
      const scope = yield* Scope.make()
      yield* every("beat", { first: 100, period: () => 200, tick: (at) => did.push(`tick ${at - start}`) }).pipe(
        Scope.provide(scope)
      )
      let next = Infinity
      const { reset } = yield* alarm("deadlines", {
        next: () => next,
        fire: (at) => {
          did.push(`alarm ${at - start}`)
          next = Infinity
        }
      }).pipe(Scope.provide(scope))
      next = start + 150
      reset()
      yield* TestClock.adjust(350)
      assert.deepStrictEqual(did, ["tick 100", "alarm 150", "tick 300"])

      next = start + 400
      reset()
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(1000)
      // A reset after the end is harmless.
      reset()
      yield* TestClock.adjust(1000)
      assert.strictEqual(did.length, 3)
    }).pipe(Effect.provide(layer))
  )

  it.effect("names and logs a loop, periodic work or alarm that a defect ended, and nothing that was interrupted", () =>
    Effect.gen(function* () {
      const { lines, layer: logger } = logged()
      yield* Effect.gen(function* () {
        const { alarm, every, failedLoops, fork } = yield* NodeClock.NodeClock
        assert.strictEqual(failedLoops.size, 0)
        const fail = () => {
          throw new Error("injected")
        }
        yield* fork("loop", Effect.delay(Effect.die("injected"), 10))
        yield* every("ticks", { first: 20, period: () => 20, tick: fail })
        yield* Effect.map(alarm("alarm", { next: () => 30, fire: fail }), ({ reset }) => reset())
        const scope = yield* Scope.make()
        yield* fork("interrupted", Effect.never).pipe(Scope.provide(scope))
        yield* TestClock.adjust(15)
        assert.deepStrictEqual([...failedLoops], ["loop"])
        yield* Scope.close(scope, Exit.void)
        yield* TestClock.adjust(100)
        assert.deepStrictEqual([...failedLoops], ["loop", "ticks", "alarm"])
      }).pipe(Effect.provide(Layer.mergeAll(layer, logger)), Effect.scoped)
      assert.deepStrictEqual(
        lines,
        ["loop", "ticks", "alarm"].map(
          (name) => `Error a defect ended "${name}" of this node; the node has to be restarted`
        )
      )
    })
  )
})
