import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { accusedTimeout, jitterFraction, suspicionTimeout } from "../../src/failure-detector/SuspicionTiming.ts"

const word = fc.integer({ min: 0, max: 0xffff_ffff })
const words = fc.tuple(word, word, word, word)

describe("jitterFraction", () => {
  it("is at least 0 and below 1, and always the same for one pair", () => {
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

  it("is the number that it has always been, so that tests and operators can foretell it", () => {
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

  // The ids of a small cluster are what they are: 1, 2, 3, …, and the numbers must be spread all the same.
  const Ids = 100
  const Buckets = 10

  const spread = (fractions: ReadonlyArray<number>) => {
    const buckets = Array.from({ length: Buckets }, () => 0)
    for (const fraction of fractions) buckets[Math.floor(fraction * Buckets)]!++
    return buckets
  }
  const each = (fraction: (other: number) => number) => Array.from({ length: Ids }, (_, i) => fraction(i + 1))

  it("is spread evenly over all pairs of neighbouring ids", () => {
    const fractions = each((observer) => observer).flatMap((observer) =>
      each((suspect) => jitterFraction(0, observer, 0, suspect))
    )
    expect(new Set(fractions).size).toBeGreaterThan(fractions.length - 10)
    const expected = fractions.length / Buckets
    for (const count of spread(fractions)) expect(Math.abs(count - expected)).toBeLessThan(0.1 * expected)
  })

  it("is spread over the observers of one suspect, and over the suspects of one observer", () => {
    for (let id = 1; id <= Ids; id++) {
      const observers = spread(each((observer) => jitterFraction(0, observer, 0, id)))
      const suspects = spread(each((suspect) => jitterFraction(0, id, 0, suspect)))
      // Ten are to be expected in each; with a binomial spread of 3, none of a thousand counts is at 0 or beyond 25.
      for (const count of [...observers, ...suspects]) {
        expect(count).toBeGreaterThan(0)
        expect(count).toBeLessThanOrEqual(25)
      }
    }
  })
})

describe("suspicionTimeout", () => {
  const options = { timeout: 3000, multiplier: 0.5, jitter: 1000 }

  it("grows by multiplier times log2 of the members", () => {
    expect(suspicionTimeout(options, 1)).toBe(3000)
    expect(suspicionTimeout(options, 2)).toBe(4500)
    expect(suspicionTimeout(options, 4)).toBe(6000)
    expect(suspicionTimeout(options, 1024)).toBe(18_000)
  })

  it("is the plain timeout where the multiplier is 0, whatever the size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), (n) => {
        expect(suspicionTimeout({ ...options, multiplier: 0 }, n)).toBe(3000)
      })
    )
  })

  it("follows the formula, never falls as the cluster grows, and has no jitter in it", () => {
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

  it("is the plain timeout in a cluster of nobody", () => {
    expect(suspicionTimeout(options, 0)).toBe(3000)
  })
})

describe("accusedTimeout", () => {
  const range = { least: 2000, most: 8000 }

  it.each([
    [0, 3, 8000],
    [1, 3, 5000],
    [3, 3, 2000],
    [5, 3, 2000],
    [0, 0, 2000],
    [1, 1, 2000]
  ])("with %i of %i further accusers is %i ms", (further, needed, timeout) => {
    expect(accusedTimeout(range, further, needed)).toBeCloseTo(timeout, 6)
  })

  it("falls with every accuser and stays within the range", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(10_000), fc.integer({ min: 1, max: 8 }), (a, b, needed) => {
        const bounds = { least: Math.min(a, b), most: Math.max(a, b) }
        let previous = bounds.most
        for (let further = 0; further <= needed + 1; further++) {
          const timeout = accusedTimeout(bounds, further, needed)
          expect(timeout).toBeLessThanOrEqual(previous)
          expect(timeout).toBeGreaterThanOrEqual(bounds.least)
          previous = timeout
        }
      })
    )
  })
})
