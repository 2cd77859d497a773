import { describe, expect, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as BearerToken from "../../src/admin/BearerToken.ts"

const matches = (expected: string, given: string) => BearerToken.matches(Redacted.make(expected), Redacted.make(given))

describe("the token", () => {
  it("matches only itself", () => {
    expect(matches("correct horse battery", "correct horse battery")).toBe(true)
    for (const wrong of [
      "",
      "c",
      "correct horse batter",
      "correct horse battery ",
      "Correct horse battery",
      "correct horse batterycorrect horse battery"
    ]) {
      expect([wrong, matches("correct horse battery", wrong)]).toEqual([wrong, false])
    }
    expect(matches("ä", "ä")).toBe(true)
    expect(matches("ä", "a")).toBe(false)
  })

  it("matches nothing if it is empty", () => {
    expect(matches("", "")).toBe(false)
    expect(matches("", "x")).toBe(false)
  })
})
