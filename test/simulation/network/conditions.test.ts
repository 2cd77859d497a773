import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Conditions from "../../../src/simulation/network/Conditions.ts"
import * as Distribution from "../../../src/simulation/network/Distribution.ts"
import { withBitsFlipped } from "../../../src/simulation/network/BitFlips.ts"
import { generator } from "./HandAgenda.ts"

const seed = fc.integer()
const probability = fc.double({ min: 0, max: 1, noNaN: true })
const length = fc.double({ min: 0, max: 1e6, noNaN: true })

const distribution: fc.Arbitrary<Distribution.Distribution | number> = fc.oneof(
  length,
  fc.constant({ kind: "none" as const }),
  fc.record({ kind: fc.constant("uniform" as const), most: length }),
  fc.record({ kind: fc.constant("normal" as const), mean: length, deviation: length }),
  fc.record({ kind: fc.constant("exponential" as const), mean: length }),
  fc.record({
    kind: fc.constant("pareto" as const),
    scale: length,
    shape: fc.double({ min: 0, minExcluded: true, max: 100, noNaN: true })
  })
)

const conditions: fc.Arbitrary<Conditions.Conditions> = fc.record({
  latency: length,
  jitter: distribution,
  loss: probability,
  duplicate: probability,
  corrupt: probability,
  reorder: probability,
  reorderBy: length,
  cut: fc.boolean(),
  reject: probability,
  bandwidth: fc.oneof(fc.constant(Infinity), fc.double({ min: 1, max: 1e9, noNaN: true })),
  queue: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 1e6 })),
  mtu: fc.oneof(fc.constant(Infinity), fc.integer({ min: 28, max: 65_535 }))
})

describe("the check of conditions", () => {
  it("accepts neutral conditions, and any within the bounds", () => {
    expect(Conditions.problem(Conditions.neutral)).toBeUndefined()
    fc.assert(
      fc.property(conditions, (some) => {
        expect(Conditions.problem(some)).toBeUndefined()
      })
    )
  })

  const wrong: ReadonlyArray<readonly [Partial<Conditions.Conditions>, RegExp]> = [
    ...(["latency", "reorderBy"] as const).flatMap((field) =>
      [-1, Infinity, NaN].map(
        (value) => [{ [field]: value }, new RegExp(`^${field} is ${value}: .* milliseconds, at least 0$`)] as const
      )
    ),
    ...(["loss", "duplicate", "corrupt", "reorder", "reject"] as const).flatMap((field) =>
      [-0.1, 1.1, NaN].map(
        (value) => [{ [field]: value }, new RegExp(`^${field} is ${value}: .* between 0 and 1$`)] as const
      )
    ),
    ...(["bandwidth", "mtu"] as const).flatMap((field) =>
      [0, -1, NaN].map((value) => [{ [field]: value }, new RegExp(`^${field} is ${value}: .* above 0`)] as const)
    ),
    [{ queue: -1 }, /^queue is -1: .* at least 0/],
    [{ queue: NaN }, /^queue is NaN: .* at least 0/],
    [{ jitter: -1 }, /^jitter is -1: .* at least 0$/],
    [{ jitter: NaN }, /^jitter is NaN/],
    [{ jitter: Infinity }, /^jitter is Infinity/],
    [{ jitter: { kind: "uniform", most: -1 } }, /^jitter\.most is -1/],
    [{ jitter: { kind: "normal", mean: NaN, deviation: 1 } }, /^jitter\.mean is NaN/],
    [{ jitter: { kind: "normal", mean: 1, deviation: -1 } }, /^jitter\.deviation is -1/],
    [{ jitter: { kind: "exponential", mean: Infinity } }, /^jitter\.mean is Infinity/],
    [{ jitter: { kind: "pareto", scale: -1, shape: 1 } }, /^jitter\.scale is -1/],
    [{ jitter: { kind: "pareto", scale: 1, shape: 0 } }, /^jitter\.shape is 0: it must be above 0$/],
    [{ jitter: { kind: "pareto", scale: 1, shape: NaN } }, /^jitter\.shape is NaN/]
  ]

  it.each(wrong)("names the wrong field of %o and its bounds", (given, words) => {
    expect(Conditions.problem(given)).toMatch(words)
    expect(Conditions.problem({ ...Conditions.neutral, ...given })).toMatch(words)
  })
})

describe("a distribution", () => {
  const Draws = 20_000
  const sampled = (distribution: Distribution.Distribution | number) => {
    const random = generator(7)
    const drawn = Array.from({ length: Draws }, () => Distribution.draw(distribution, random)).sort((a, b) => a - b)
    return {
      least: drawn[0]!,
      median: drawn[Draws / 2]!,
      most: drawn[Draws - 1]!,
      mean: drawn.reduce((sum, ms) => sum + ms, 0) / Draws,
      /** The fraction of values above a limit. */
      above: (ms: number) => drawn.filter((other) => other > ms).length / Draws
    }
  }
  const near = (value: number, wanted: number, part = 0.03) => {
    expect(value).toBeGreaterThan(wanted * (1 - part))
    expect(value).toBeLessThan(wanted * (1 + part))
  }

  it("always gives a finite number of at least 0", () => {
    fc.assert(
      fc.property(distribution, seed, (distribution, seed) => {
        const random = generator(seed)
        for (let i = 0; i < 20; i++) {
          const ms = Distribution.draw(distribution, random)
          expect(ms).toBeGreaterThanOrEqual(0)
          expect(ms).toBeLessThan(Infinity)
        }
      })
    )
  })

  it("given as a number, and `uniform`, is uniform below it", () => {
    for (const distribution of [80, { kind: "uniform", most: 80 }] as const) {
      const { above, least, mean, most } = sampled(distribution)
      expect(least).toBeGreaterThanOrEqual(0)
      expect(most).toBeLessThan(80)
      near(mean, 40)
      near(above(60), 0.25, 0.05)
      near(most, 80, 0.01)
    }
  })

  it("`normal` has its mean and deviation, and no value below 0", () => {
    const { above, mean } = sampled({ kind: "normal", mean: 100, deviation: 20 })
    near(mean, 100)
    near(above(100), 0.5)
    near(above(120), 0.1587, 0.05)
    near(above(140), 0.0228, 0.2)
    const cropped = sampled({ kind: "normal", mean: 0, deviation: 20 })
    expect(cropped.least).toBe(0)
    near(cropped.above(0), 0.5)
  })

  it("`exponential` has its mean, and its tail decreases by e per mean", () => {
    const { above, mean, median } = sampled({ kind: "exponential", mean: 50 })
    near(mean, 50)
    near(median, 50 * Math.LN2, 0.05)
    near(above(50), Math.exp(-1), 0.05)
    near(above(150), Math.exp(-3), 0.1)
  })

  it("`pareto` is at least its scale, and has the mean and the tail of its shape", () => {
    const { above, least, mean, most } = sampled({ kind: "pareto", scale: 10, shape: 3 })
    expect(least).toBeGreaterThanOrEqual(10)
    near(mean, 15, 0.05)
    near(above(20), 1 / 8, 0.1)
    near(above(40), 1 / 64, 0.2)
    expect(most).toBeGreaterThan(100)
    expect(sampled({ kind: "pareto", scale: 10, shape: 0.01 }).most).toBe(Distribution.Longest)
    // The power is Infinity.
    expect(Distribution.draw({ kind: "pareto", scale: 0, shape: 1e-9 }, () => 0.5)).toBe(0)
  })

  it("`none`, and the number 0, draw no random number", () => {
    let drawn = 0
    for (const distribution of [0, { kind: "none" }] as const) {
      expect(Distribution.draw(distribution, () => ++drawn)).toBe(0)
    }
    expect(drawn).toBe(0)
  })
})

describe("flipped bits", () => {
  const bitsApart = (a: Uint8Array, b: Uint8Array) =>
    a.reduce((sum, byte, i) => sum + (byte ^ b[i]!).toString(2).replaceAll("0", "").length, 0)

  it("are one to three bits of a copy, anywhere in it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), seed, (payload, seed) => {
        const before = payload.slice()
        const flipped = withBitsFlipped(payload, generator(seed))
        expect(payload).toEqual(before)
        expect(flipped).toHaveLength(payload.length)
        const bits = bitsApart(payload, flipped)
        expect(bits).toBeGreaterThanOrEqual(1)
        expect(bits).toBeLessThanOrEqual(3)
      })
    )
    // The same seeds in every run, so that every place is among them in every run.
    const payload = new Uint8Array(1)
    const flipped = Array.from({ length: 1000 }, (_, seed) => withBitsFlipped(payload, generator(seed)))
    expect([...new Set(flipped.map((bytes) => bitsApart(payload, bytes)))].toSorted()).toEqual([1, 2, 3])
    const places = new Set(flipped.map(([byte]) => byte))
    for (let bit = 0; bit < 8; bit++) expect(places.has(1 << bit)).toBe(true)
  })

  it("are never flipped back", () => {
    // All three flips fall on the same bit.
    expect(withBitsFlipped(new Uint8Array(1), () => 0.99)).toEqual(new Uint8Array([0b1000_0011]))
  })
})
