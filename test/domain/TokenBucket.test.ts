/** Buckets of tokens. */
import { assert, describe, it } from "@effect/vitest"
import { refilled } from "../../src/domain/TokenBucket.ts"

describe("refilled", () => {
  it("tokens come back with time", () => {
    assert.strictEqual(refilled(2, 1000, 1500, 0.01, 10), 7)
    assert.strictEqual(refilled(0, 1000, 1001, 0.5, 10), 0.5)
  })

  it("a full bucket gets no more", () => assert.strictEqual(refilled(9, 1000, 9000, 0.01, 10), 10))

  it("nothing comes back without time, or when the clock was set back", () => {
    assert.strictEqual(refilled(3, 1000, 1000, 0.01, 10), 3)
    assert.strictEqual(refilled(3, 1000, 400, 0.01, 10), 3)
  })

  it("a level above the capacity stays until time passes", () => {
    assert.strictEqual(refilled(12, 1000, 1000, 0.01, 10), 12)
    assert.strictEqual(refilled(12, 1000, 1001, 0.01, 10), 10)
  })
})
