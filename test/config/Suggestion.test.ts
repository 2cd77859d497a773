import { describe, expect, it } from "@effect/vitest"
import { distance, nearest } from "../../src/config/Suggestion.ts"

describe("distance", () => {
  it("counts the letters to insert, delete or replace", () => {
    expect(distance("", "")).toBe(0)
    expect(distance("", "abc")).toBe(3)
    expect(distance("kitten", "sitting")).toBe(3)
    expect(distance("flaw", "lawn")).toBe(2)
  })
})

describe("nearest", () => {
  it("is the nearest of the names that are near", () => {
    const names = ["fanout", "max_sends", "interval_ms"].map((name) => [name, name] as const)
    expect(nearest("fanot", names)).toBe("fanout")
    expect(nearest("maxSends", names)).toBe("max_sends")
    expect(nearest("interval", names)).toBe("interval_ms")
    expect(nearest("colour", names)).toBeUndefined()
    expect(nearest("fanout".repeat(20), names)).toBeUndefined()
  })
})
