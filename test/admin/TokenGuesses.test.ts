import { describe, expect, it } from "vitest"
import { Burst, LogEvery, MaxSources, PerSecond, TokenGuesses } from "../../src/admin/TokenGuesses.ts"

describe("wrong tokens", () => {
  it("may be tried some at once, and then one a second, by each source", () => {
    const guesses = new TokenGuesses()
    const tried = (source: string, now: number) => {
      let count = 0
      while (!guesses.isBlocked(source, now)) {
        guesses.failed(source, now)
        count++
      }
      return count
    }
    expect(tried("a", 0)).toBe(Burst)
    expect(tried("b", 0)).toBe(Burst)
    expect(tried("a", 5000)).toBe(5 * PerSecond)
    expect(tried("a", 5999)).toBe(0)
    expect(tried("a", 1e9)).toBe(Burst)
  })

  it("are remembered of a bounded number of sources", () => {
    const guesses = new TokenGuesses()
    for (let n = 0; n < Burst; n++) guesses.failed("a", 0)
    expect(guesses.isBlocked("a", 0)).toBe(true)
    for (let n = 0; n < MaxSources; n++) guesses.failed(`${n}`, 0)
    expect(guesses.isBlocked("a", 0)).toBe(false)
  })

  it("are logged at once, and then counted in a line a minute", () => {
    const guesses = new TokenGuesses()
    expect(guesses.failed("a", 0)).toBe("a wrong token over HTTP, the last one from a")
    for (let n = 0; n < 50; n++) expect(guesses.failed("a", 1 + n)).toBeUndefined()
    expect(guesses.refused("b", LogEvery - 1)).toBeUndefined()
    expect(guesses.refused("b", LogEvery)).toBe("52 wrong tokens over HTTP, the last one from b")
  })
})
