import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { LocalHealth, MaxScore } from "../../src/failure-detector/LocalHealth.ts"

describe("LocalHealth", () => {
  it("begins at 0, and its worst score is 8", () => {
    expect(new LocalHealth().score).toBe(0)
    expect(MaxScore).toBe(8)
  })

  it("can worsen by more at once, up to the worst score that it was given", () => {
    const health = new LocalHealth(7)
    health.worsen(3)
    expect(health.score).toBe(3)
    health.worsen(3)
    health.worsen(3)
    expect(health.score).toBe(7)
  })

  it("goes up by one when it worsens and down by one when it improves, within 0 and 8", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60, size: "max" }), (improvements) => {
        const health = new LocalHealth()
        let score = 0
        for (const improves of improvements) {
          if (improves) health.improve()
          else health.worsen()
          score = Math.min(8, Math.max(0, score + (improves ? -1 : 1)))
          expect(health.score).toBe(score)
        }
      })
    )
  })
})
