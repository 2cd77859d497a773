import { describe, expect, it } from "vitest"
import { Burst, LineBudget, PerSecond } from "../../src/cli/LineBudget.ts"

describe("the bound on lines about changes", () => {
  it("lets a burst through, and then some a second", () => {
    const budget = new LineBudget(0)
    const taken = (now: number) => Array.from({ length: 2 * Burst }, () => budget.take("joined", 1, now))
    const count = (some: ReadonlyArray<boolean>) => some.filter(Boolean).length
    expect(count(taken(0))).toBe(Burst)
    expect(count(taken(1000))).toBe(PerSecond)
    expect(count(taken(1050))).toBe(0)
    expect(count(taken(3050))).toBe(2 * PerSecond)
    expect(count(taken(1e9))).toBe(Burst)
  })

  it("summarises once what has no line", () => {
    const budget = new LineBudget(0)
    for (let n = 0; n < Burst; n++) budget.take("joined", 1, 0)
    expect(budget.summary()).toBeUndefined()
    budget.take("suspect", 1, 0)
    budget.take("joined", 1, 0)
    budget.take("suspect", 1, 0)
    budget.take("missing", 40, 0)
    expect(budget.summary()).toBe("43 more changes without a line each: 2 suspect, 1 joined, 40 missing")
    expect(budget.summary()).toBeUndefined()
  })
})
