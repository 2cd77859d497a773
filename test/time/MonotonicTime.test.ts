import { describe, expect, it } from "@effect/vitest"
import { nextDeadline } from "../../src/time/MonotonicTime.ts"

describe("nextDeadline", () => {
  it.each<[what: string, deadline: number, now: number, period: number, next: number]>([
    ["on time", 1000, 1000, 100, 1100],
    ["late by less than a period: it keeps its place", 1000, 1099, 100, 1100],
    ["late by exactly a period: the next is due at once", 1000, 1100, 100, 1100],
    ["late by more than a period: the next is a period away", 1000, 1101, 100, 1201],
    ["late by several periods: none is made up for", 1000, 5000, 100, 5100],
    ["lateness is compared with the period that follows", 1000, 1300, 500, 1500],
    ["fractions of a millisecond", 0.25, 0.5, 0.5, 0.75]
  ])("%s", (_, deadline, now, period, next) => {
    expect(nextDeadline(deadline, now, period)).toBe(next)
  })
})
