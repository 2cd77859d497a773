import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { countsOf, Lab } from "./Lab.ts"

describe("probing, to the millisecond", () => {
  it.effect("three nodes converge", () =>
    Effect.gen(function*() {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const b = yield* lab.start(2, { peers: [a.address] })
      const c = yield* lab.start(3, { peers: [a.address] })
      yield* TestClock.adjust(1000)
      for (const node of [a, b, c]) assert.strictEqual((yield* countsOf(node)).alive, 3)
    }))
})
