import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { LocalHealth, MaxScore } from "../../src/failure-detector/LocalHealth.ts"

describe("LocalHealth", () => {
  it("begins well, and bears at most eight", () => {
    expect(new LocalHealth().score).toBe(0)
    expect(MaxScore).toBe(8)
  })

  it("is a count of bad and good news that stays within 0 and 8", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60, size: "max" }), (news) => {
        const health = new LocalHealth()
        let score = 0
        for (const good of news) {
          if (good) health.improve()
          else health.worsen()
          score = Math.min(8, Math.max(0, score + (good ? -1 : 1)))
          expect(health.score).toBe(score)
        }
      })
    )
  })
})
