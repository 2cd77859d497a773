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
  it("has nobody to probe while it is empty, and is not upset by it", () => {
    const ring = new ProbeRing(generator(1))
    expect(draw(ring, 3)).toEqual([-1, -1, -1])
    ring.add(5)
    expect(draw(ring, 3)).toEqual([5, 5, 5])
    ring.remove(5)
    ring.remove(5)
    expect(ring.next()).toBe(-1)
  })

  it("gives each member exactly once per wrap, and at most 2n - 1 probes from one to the next of the same", () => {
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

  it("uses up the 2n - 1: a member may be first in one wrap and last in the next", () => {
    const gaps = Array.from({ length: 200 }, (_, seed) => {
      const drawn = draw(ringOf(4, seed), 8)
      return drawn.lastIndexOf(drawn[0]!)
    })
    expect(Math.max(...gaps)).toBe(7)
  })

  it("shuffles anew at each wrap, every order as likely as the others", () => {
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

  it("puts a newcomer at a random place of the wrap: all waits until its first probe are equally likely", () => {
    const Size = 5
    const Runs = 6000
    // In the middle of a wrap; the newcomer is among the others still to come, or has its turn in the next wrap.
    const waits = new Map<number, number>()
    for (let seed = 0; seed < Runs; seed++) {
      const ring = ringOf(Size, seed)
      draw(ring, 2)
      ring.add(99)
      const wait = draw(ring, 2 * Size + 2).indexOf(99)
      waits.set(wait, (waits.get(wait) ?? 0) + 1)
    }
    // 6 places: 2 are past their turn. Of the 4 ahead each is as likely; after the 3 others a wrap of 6 begins.
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

  it("starves nobody who stays, and gives nobody who went, whatever comes and goes meanwhile", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), seed, (steps, seed) => {
        const ring = ringOf(Stayers, seed)
        const present = new Set(Array.from({ length: Stayers }, (_, i) => i + 1))
        // For each stayer, since its last probe: probes of others, newcomers, and how many there were at the time.
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
          // After a probe of X, with n members, at most n - 1 others come before the wrap ends, and every newcomer may
          // put that off by one. The next wrap has n members and the newcomers, and X may be its last: 2n - 1 probes,
          // and two for each newcomer. Who goes only shortens that.
          const starved = [...since.values()].filter(({ added, probes, size }) => probes > 2 * size - 1 + 2 * added)
          expect(starved).toEqual([])
        }
      }),
      { numRuns: 60 }
    )
  })

  it("gives nobody twice in a wrap who was there for all of it, though others come and go", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), seed, (steps, seed) => {
        const ring = ringOf(Stayers, seed)
        const drawn = steps.flatMap(({ slot, what }) => {
          if (what === "next") return [ring.next()]
          if (what === "add") ring.add(slot)
          else ring.remove(slot)
          return []
        })
        // Each stayer has its turn once in each wrap: counts never differ by more than one.
        const counts = Array.from({ length: Stayers }, (_, i) => drawn.filter((slot) => slot === i + 1).length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
      { numRuns: 60 }
    )
  })
})
