import { assert, describe, it } from "@effect/vitest"
import { logarithmicGrowth } from "../../src/outbox/Growth.ts"

describe("logarithmicGrowth", () => {
  it("is ceil(log2 n), at least 1", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 8, 9, 1000, 1024, 1025].map(logarithmicGrowth),
      [1, 1, 2, 2, 3, 3, 4, 10, 10, 11]
    )
  })
})
