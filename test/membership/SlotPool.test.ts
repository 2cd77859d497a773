import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { SlotPool } from "../../src/membership/SlotPool.ts"

const Slots = 60

const positions = () => {
  const positions = new Int32Array(Slots)
  return {
    position: (slot: number) => positions[slot]!,
    setPosition: (slot: number, position: number) => {
      positions[slot] = position
    }
  }
}

const contents = (pool: SlotPool) => Array.from({ length: pool.length }, (_, i) => pool.at(i))

/** A small seeded generator (mulberry32), so that a distribution is judged by the same numbers in every run. */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const fill = (count: number) => {
  const pool = new SlotPool(positions())
  for (let slot = 0; slot < count; slot++) pool.add(slot)
  return pool
}

describe("SlotPool", () => {
  it("holds what a set holds, with draws in between, also when pools share their positions", () => {
    const operations = fc.array(
      fc.record({
        slot: fc.nat(Slots - 1),
        to: fc.constantFrom(-1, 0, 1),
        draws: fc.array(fc.nat(999), { maxLength: 3 })
      }),
      { maxLength: 150 }
    )
    fc.assert(
      fc.property(operations, (operations) => {
        const shared = positions()
        const pools = [new SlotPool(shared), new SlotPool(shared)]
        const models = [new Set<number>(), new Set<number>()]
        for (const { draws, slot, to } of operations) {
          // A slot is in at most one pool.
          for (const from of [0, 1]) if (models[from]!.delete(slot)) pools[from]!.remove(slot)
          if (to !== -1) {
            pools[to]!.add(slot)
            models[to]!.add(slot)
          }
          for (const pool of pools) {
            for (const [i, draw] of draws.entries()) if (i < pool.length) pool.draw(i, () => draw / 1000)
          }
          for (const i of [0, 1]) {
            expect(pools[i]!.length).toBe(models[i]!.size)
            expect(new Set(contents(pools[i]!))).toEqual(models[i])
          }
        }
      }),
      { numRuns: 200 }
    )
  })

  it("draws every slot of the pool without repetition", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Slots }), fc.integer(), (count, seed) => {
        const random = generator(seed)
        const pool = fill(count)
        for (let round = 0; round < 2; round++) {
          const drawn = Array.from({ length: count }, (_, i) => pool.draw(i, random))
          expect(drawn.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
        }
      })
    )
  })

  it("draws the first and the last slot at the ends of the random range", () => {
    const pool = fill(5)
    expect(pool.draw(0, () => 1 - 2 ** -53)).toBe(4)
    expect(pool.draw(1, () => 0)).toBe(1)
  })

  // With k cells chi-square has a mean of k - 1 and a variance of 2 (k - 1). Six standard deviations above the mean is no
  // chance, and the numbers are the same in every run.
  const chiSquare = (counts: ReadonlyArray<number>, total: number) =>
    counts.reduce((sum, n) => sum + (n - total / counts.length) ** 2 / (total / counts.length), 0)
  const bound = (cells: number) => cells - 1 + 6 * Math.sqrt(2 * (cells - 1))

  it("draws each slot equally often, also in the order that earlier draws left", () => {
    const random = generator(7)
    const pool = fill(10)
    const draws = 20_000
    const counts = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < draws; i++) counts[pool.draw(0, random)]!++
    expect(chiSquare(counts, draws)).toBeLessThan(bound(10))
  })

  it("draws each ordered triple equally often", () => {
    const random = generator(11)
    const draws = 24_000
    const counts = new Map<string, number>()
    for (let i = 0; i < draws; i++) {
      const pool = fill(4)
      const triple = [0, 1, 2].map((index) => pool.draw(index, random)).join(" ")
      counts.set(triple, (counts.get(triple) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    expect(chiSquare([...counts.values()], draws)).toBeLessThan(bound(24))
  })
})
