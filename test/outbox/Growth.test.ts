import { assert, describe, it } from "@effect/vitest"
import { decimalGrowth, logarithmicGrowth } from "../../src/outbox/Growth.ts"

describe("logarithmicGrowth", () => {
  it("is ceil(log2 n), at least 1", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 8, 9, 1000, 1024, 1025].map(logarithmicGrowth),
      [1, 1, 2, 2, 3, 3, 4, 10, 10, 11]
    )
  })
})

describe("decimalGrowth", () => {
  it("is ceil(log10(n + 1))", () => {
    assert.deepStrictEqual(
      [1, 2, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 99_999].map(decimalGrowth),
      [1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    )
  })
})
