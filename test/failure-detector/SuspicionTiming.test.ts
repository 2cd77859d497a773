import { describe, expect, it } from "@effect/vitest"
import { Duration } from "effect"
import * as fc from "fast-check"
import {
  accusedTimeout,
  jitterFraction,
  shortestSuspicion,
  suspicionRange,
  suspicionRules,
  suspicionTimeout
} from "../../src/failure-detector/SuspicionTiming.ts"

const word = fc.integer({ min: 0, max: 0xffff_ffff })
const words = fc.tuple(word, word, word, word)

describe("jitterFraction", () => {
  it("is at least 0 and below 1, and always the same for the same pair", () => {
    fc.assert(
      fc.property(words, (pair) => {
        const fraction = jitterFraction(...pair)
        expect(fraction).toBeGreaterThanOrEqual(0)
        expect(fraction).toBeLessThan(1)
        expect(jitterFraction(...pair)).toBe(fraction)
      }),
      { numRuns: 500 }
    )
  })

  it("never changes from one version to the next", () => {
    const [observer, suspect] = [1, 2]
    expect(jitterFraction(0, observer, 0, suspect)).toBe(0.9379322619643062)
    expect(jitterFraction(0, suspect, 0, observer)).toBe(0.4773207644466311)
  })

  it("differs with every bit of both ids", () => {
    fc.assert(
      fc.property(words, fc.nat(3), fc.nat(31), (pair, which, bit) => {
        const other: typeof pair = [...pair]
        other[which] = (pair[which]! ^ (1 << bit)) >>> 0
        expect(jitterFraction(...other)).not.toBe(jitterFraction(...pair))
      }),
      { numRuns: 500 }
    )
  })

  // The ids of a small cluster are often 1, 2, 3, …, and the jitter must be spread evenly for them too.
  const Ids = 100
  const Buckets = 10

  const spread = (fractions: ReadonlyArray<number>) => {
    const buckets = Array.from({ length: Buckets }, () => 0)
    for (const fraction of fractions) buckets[Math.floor(fraction * Buckets)]!++
    return buckets
  }
  const each = (fraction: (other: number) => number) => Array.from({ length: Ids }, (_, i) => fraction(i + 1))

  it("is spread evenly over all pairs of small ids", () => {
    const fractions = each((observer) => observer).flatMap((observer) =>
      each((suspect) => jitterFraction(0, observer, 0, suspect))
    )
    expect(new Set(fractions).size).toBeGreaterThan(fractions.length - 10)
    const expected = fractions.length / Buckets
    for (const count of spread(fractions)) expect(Math.abs(count - expected)).toBeLessThan(0.1 * expected)
  })

  it("is spread over the observers of one suspect and over the suspects of one observer", () => {
    for (let id = 1; id <= Ids; id++) {
      const observers = spread(each((observer) => jitterFraction(0, observer, 0, id)))
      const suspects = spread(each((suspect) => jitterFraction(0, id, 0, suspect)))
      // Ten are expected in each bucket, with a standard deviation of 3, so no count is 0 or above 25.
      for (const count of [...observers, ...suspects]) {
        expect(count).toBeGreaterThan(0)
        expect(count).toBeLessThanOrEqual(25)
      }
    }
  })
})

describe("suspicionTimeout", () => {
  it.each<[timeout: number, multiplier: number, n: number, result: number]>([
    [3000, 0.5, 1, 3000],
    [3000, 0.5, 2, 4500],
    [3000, 0.5, 4, 6000],
    [3000, 0.5, 1024, 18_000],
    [1000, 1, 8, 4000],
    [1000, 2.5, 16, 11_000],
    [2000, 0, 500, 2000],
    [3000, 0.5, 0, 3000]
  ])("of %i ms with multiplier %d among %i members is %i ms", (timeout, multiplier, n, result) => {
    expect(suspicionTimeout({ timeout, multiplier, jitter: 1000 }, n)).toBe(result)
  })

  it("follows the formula, never falls as the cluster grows, and does not include the jitter", () => {
    const given = fc.record({
      timeout: fc.integer({ min: 1, max: 100_000 }),
      multiplier: fc.double({ min: 0, max: 1000, noNaN: true }),
      jitter: fc.integer({ min: 0, max: 100_000 })
    })
    fc.assert(
      fc.property(given, fc.integer({ min: 1, max: 100_000 }), (given, n) => {
        const timeout = suspicionTimeout(given, n)
        const formula = given.timeout + (given.timeout * given.multiplier * Math.log(n)) / Math.log(2)
        expect(timeout / formula).toBeCloseTo(1, 9)
        expect(timeout).toBeLessThanOrEqual(suspicionTimeout(given, n + 1))
        expect(suspicionTimeout({ ...given, jitter: 0 }, n)).toBe(timeout)
      })
    )
  })
})

describe("the range of a suspicion", () => {
  const probes = {
    interval: Duration.seconds(1),
    suspectTimeout: Duration.seconds(3),
    suspectMultiplier: 0.5,
    suspectJitter: Duration.seconds(1),
    suspectMinFraction: 0.5,
    proofTimeout: Duration.millis(500)
  }
  const all = { accusations: true, level1: true, proof: true, rules: "own" } as const

  it("goes up to the timeout, and down to a part of it that does not grow with the cluster", () => {
    const rules = suspicionRules(probes, all)
    for (const [n, most] of [
      [2, 4500],
      [4, 6000],
      [1024, 18_000]
    ] as const) {
      expect(suspicionRange(rules, n, 1)).toMatchObject({ most, least: 1500 })
      expect(suspicionRange(rules, n, 2)).toMatchObject({ most, least: 3000 })
      expect(suspicionRange(rules, n, 256)).toMatchObject({ most, least: most })
    }
    expect(suspicionRange(rules, 1, 4)).toMatchObject({ most: 3000, least: 3000 })
  })

  it.each([{ accusations: false }, { level1: false }])("has no shorter times with %j", (off) => {
    const rules = suspicionRules(probes, { ...all, ...off })
    expect(suspicionRange(rules, 4, 1)).toMatchObject({ most: 6000, least: 6000 })
  })

  it.each([
    [{}, 500],
    [{ proof: false }, 1500],
    [{ accusations: false }, 500],
    [{ accusations: false, proof: false }, 3000],
    [{ level1: false }, 3000]
  ])("with %j is never shorter than %i ms", (off, shortest) => {
    expect(shortestSuspicion(probes, { ...all, ...off })).toBe(shortest)
  })
})

const timing = { timeout: 3000, multiplier: 0.5, jitter: 0, leastFraction: 0.5 }

describe("suspicionRange", () => {
  it.each([
    [2, 0],
    [3, 1],
    [4, 2],
    [5, 3],
    [1000, 3]
  ])("of %i members needs %i further accusers", (n, needed) => {
    expect(suspicionRange({ ...timing, memberlist: false }, n, 1).furtherNeeded).toBe(needed)
  })

  // hashicorp/memberlist: suspicionTimeout in util.go and its TestSuspicionTimeout, k in suspectNode of state.go, with
  // SuspicionMult 4, SuspicionMaxTimeoutMult 6 and ProbeInterval 1 s of DefaultLANConfig.
  it.each([
    [1, 4000, 0],
    [3, 4000, 0],
    [4, 4000, 2],
    [10, 4000, 2],
    [50, 6796, 2],
    [100, 8000, 2],
    [500, 10_796, 2],
    [1000, 12_000, 2]
  ])("by memberlist's rules of %i members is from %i ms on and needs %i further accusers", (n, least, needed) => {
    const range = suspicionRange({ ...timing, timeout: 1000, memberlist: true }, n, 4)
    expect(Math.round(range.least)).toBe(least)
    expect(range.most).toBeCloseTo(6 * range.least, 6)
    expect(range.furtherNeeded).toBe(needed)
  })

  it("by memberlist's rules falls with the logarithm of the accusers, as remainingSuspicionTime", () => {
    // The case of TestSuspicion_remainingSuspicionTime with k = 3, without time that has passed.
    const range = { least: 2000, most: 30_000, furtherNeeded: 3 }
    expect([0, 1, 2, 3, 4].map((further) => Math.round(accusedTimeout(range, further)))).toEqual([
      30_000, 16_000, 7811, 2000, 2000
    ])
  })
})

describe("accusedTimeout", () => {
  it.each([
    [0, 3, 8000],
    [1, 3, 5000],
    [3, 3, 2000],
    [5, 3, 2000],
    [0, 0, 2000],
    [1, 1, 2000]
  ])("with %i of %i further accusers is %i ms", (further, needed, timeout) => {
    expect(accusedTimeout({ least: 2000, most: 8000, furtherNeeded: needed }, further)).toBeCloseTo(timeout, 6)
  })

  it("falls with every accuser and stays within the range", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(10_000), fc.integer({ min: 1, max: 8 }), (a, b, needed) => {
        const bounds = { least: Math.min(a, b), most: Math.max(a, b), furtherNeeded: needed }
        let previous = bounds.most
        for (let further = 0; further <= needed + 1; further++) {
          const timeout = accusedTimeout(bounds, further)
          expect(timeout).toBeLessThanOrEqual(previous)
          expect(timeout).toBeGreaterThanOrEqual(bounds.least)
          previous = timeout
        }
      })
    )
  })
})
