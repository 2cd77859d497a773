import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ProbeRing } from "../../src/failure-detector/ProbeRing.ts"

/** A small generator with a seed (mulberry32). */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const seed = fc.integer()

const ringOf = (size: number, seed: number) => {
  const ring = new ProbeRing(generator(seed))
  for (let slot = 1; slot <= size; slot++) ring.add(slot)
  return ring
}

const draw = (ring: ProbeRing, count: number) => Array.from({ length: count }, () => ring.next())

describe("ProbeRing", () => {
  it("has nobody to probe while it is empty, before members are added and after they are removed", () => {
    const ring = new ProbeRing(generator(1))
    expect(draw(ring, 3)).toEqual([-1, -1, -1])
    ring.add(5)
    expect(draw(ring, 3)).toEqual([5, 5, 5])
    ring.remove(5)
    ring.remove(5)
    expect(ring.next()).toBe(-1)
  })

  it("draws those that are not to be avoided, each once before any again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 1, max: 19 }), seed, (size, allowed, seed) => {
        fc.pre(allowed < size)
        const ring = ringOf(size, seed)
        const isAvoided = (slot: number): boolean => slot > allowed
        const all = Array.from({ length: allowed }, (_, i) => i + 1)
        for (let wrap = 0; wrap < 4; wrap++) {
          const drawn = Array.from({ length: allowed }, () => ring.next(isAvoided))
          expect(drawn.toSorted((a, b) => a - b)).toEqual(all)
        }
        // The rest of the wrap has those that were avoided.
        const rest = draw(ring, size - allowed)
        expect(rest.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: size - allowed }, (_, i) => allowed + i + 1)
        )
      })
    )
  })

  it("draws each member once per wrap if all are to be avoided", () => {
    const ring = ringOf(7, 3)
    for (let wrap = 0; wrap < 3; wrap++) {
      const drawn = Array.from({ length: 7 }, () => ring.next(() => true))
      expect(drawn.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
    }
  })

  it("draws each member exactly once per wrap, and again within 2n - 1 probes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), seed, (size, seed) => {
        const ring = ringOf(size, seed)
        const drawn = draw(ring, 6 * size)
        const last = new Map<number, number>()
        for (let wrap = 0; wrap < 6; wrap++) {
          const members = drawn.slice(wrap * size, (wrap + 1) * size)
          expect(new Set(members).size).toBe(size)
        }
        for (const [at, slot] of drawn.entries()) {
          expect(at - (last.get(slot) ?? at)).toBeLessThanOrEqual(2 * size - 1)
          last.set(slot, at)
        }
      })
    )
  })

  it("reaches the bound of 2n - 1: a member can be first in one wrap and last in the next", () => {
    const gaps = Array.from({ length: 200 }, (_, seed) => {
      const drawn = draw(ringOf(4, seed), 8)
      return drawn.lastIndexOf(drawn[0]!)
    })
    expect(Math.max(...gaps)).toBe(7)
  })

  it("shuffles at each wrap, and every order is equally likely", () => {
    const counts = new Map<string, number>()
    const ring = ringOf(3, 42)
    const Wraps = 6000
    for (let wrap = 0; wrap < Wraps; wrap++) {
      const order = draw(ring, 3).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - Wraps / 6)).toBeLessThan(0.12 * (Wraps / 6))
  })

  it("inserts a newcomer at a random place of the wrap, and every place is equally likely", () => {
    const Size = 5
    const Runs = 6000
    // In the middle of a wrap, the newcomer is one of those that remain, or it is drawn in the next wrap.
    const waits = new Map<number, number>()
    for (let seed = 0; seed < Runs; seed++) {
      const ring = ringOf(Size, seed)
      draw(ring, 2)
      ring.add(99)
      const wait = draw(ring, 2 * Size + 2).indexOf(99)
      waits.set(wait, (waits.get(wait) ?? 0) + 1)
    }
    // Two of the 6 places are before the cursor. The 4 after it are equally likely; a wrap of 6 begins after the 3 others.
    const probability = (wait: number) => (wait < 4 ? 1 / 6 : 0) + (wait >= 3 && wait < 9 ? 2 / 6 / 6 : 0)
    for (let wait = 0; wait < 9; wait++) {
      expect(Math.abs((waits.get(wait) ?? 0) / Runs - probability(wait))).toBeLessThan(0.02)
    }
    expect([...waits.keys()].every((wait) => wait >= 0 && wait < 9)).toBe(true)
  })

  // Members 1 to 8 stay, 9 to 20 come and go.
  const Stayers = 8
  const step = fc.oneof(
    { arbitrary: fc.record({ what: fc.constant("next" as const), slot: fc.constant(0) }), weight: 5 },
    { arbitrary: fc.record({ what: fc.constant("add" as const), slot: fc.integer({ min: 9, max: 20 }) }), weight: 3 },
    { arbitrary: fc.record({ what: fc.constant("remove" as const), slot: fc.integer({ min: 9, max: 20 }) }), weight: 3 }
  )

  it("probes every member that stays in time, and no member that was removed, while others come and go", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), seed, (steps, seed) => {
        const ring = ringOf(Stayers, seed)
        const present = new Set(Array.from({ length: Stayers }, (_, i) => i + 1))
        // For each member that stays, since its last probe: probes of others, newcomers, and the number of members then.
        const since = new Map([...present].map((slot) => [slot, { probes: 0, added: 0, size: Stayers }]))
        for (const { slot, what } of steps) {
          const drawn = what === "next" ? ring.next() : 1
          if (what === "add") {
            if (!present.has(slot)) for (const wait of since.values()) wait.added++
            ring.add(slot)
            present.add(slot)
          } else if (what === "remove") {
            ring.remove(slot)
            present.delete(slot)
          } else {
            for (const wait of since.values()) wait.probes++
            const wait = since.get(drawn)
            if (wait !== undefined) since.set(drawn, { probes: 0, added: 0, size: ring.size })
          }
          expect([present.has(drawn), ring.size, ring.has(slot)]).toEqual([true, present.size, present.has(slot)])
          // After a probe of X, with n members, at most n - 1 others are probed before the wrap ends, and one more for each
          // newcomer. The next wrap has n members and the newcomers, and X may be its last. That makes 2n - 1 probes, and
          // two for each newcomer. A member that goes only makes it shorter.
          const starved = [...since.values()].filter(({ added, probes, size }) => probes > 2 * size - 1 + 2 * added)
          expect(starved).toEqual([])
        }
      }),
      { numRuns: 60 }
    )
  })

  it("draws no member twice in a wrap while others come and go", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), seed, (steps, seed) => {
        const ring = ringOf(Stayers, seed)
        const drawn = steps.flatMap(({ slot, what }) => {
          if (what === "next") return [ring.next()]
          if (what === "add") ring.add(slot)
          else ring.remove(slot)
          return []
        })
        // Each member that stays is drawn once in each wrap, so counts never differ by more than one.
        const counts = Array.from({ length: Stayers }, (_, i) => drawn.filter((slot) => slot === i + 1).length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
      { numRuns: 60 }
    )
  })
})
