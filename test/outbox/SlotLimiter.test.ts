import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { SlotLimiter } from "../../src/outbox/SlotLimiter.ts"

describe("SlotLimiter", () => {
  it("allows each slot at most once in an interval", () => {
    const step = fc.record({ slot: fc.nat(200), wait: fc.nat(30), forget: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 100 }), (steps, interval) => {
        const limiter = new SlotLimiter(interval)
        const allowedAt = new Map<number, number>()
        let now = -50
        for (const { forget, slot, wait } of steps) {
          now += wait
          if (forget) {
            limiter.forget(slot)
            allowedAt.delete(slot)
            continue
          }
          const expected = now - (allowedAt.get(slot) ?? -Infinity) >= interval
          assert.strictEqual(limiter.allows(slot, now), expected)
          if (expected) allowedAt.set(slot, now)
        }
      })
    )
  })

  it("is asked again after a refusal without a new wait", () => {
    const limiter = new SlotLimiter(1000)
    assert.deepStrictEqual(
      [0, 999, 1000, 1999, 2000].map((now) => limiter.allows(5, now)),
      [true, false, true, false, true]
    )
  })
})
