import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { IdIndex, type Ids } from "../../src/membership/IdIndex.ts"

const seed = 0x5eed

/**
 * Ids that share every bit of the index's hash under `seed`, so that they collide at any capacity: the low word takes
 * back what the high word adds.
 */
const colliding = Array.from({ length: 12 }, (_, hi): readonly [number, number] => {
  const mixed = Math.imul(hi ^ seed, 0x85ebca6b)
  return [hi, (0x1234 - (mixed ^ (mixed >>> 15))) >>> 0]
})

const ids = [
  ...colliding,
  ...[0, 1, 2, 0x8000_0000, 0xffff_ffff].flatMap((hi) => [0, 1, 7, 0xffff_ffff].map((lo) => [hi, lo] as const)),
  ...Array.from({ length: 40 }, (_, i) => [i, Math.imul(i, 0x9e3779b1) >>> 0] as const)
].filter(([hi, lo], i, all) => all.findIndex(([h, l]) => h === hi && l === lo) === i)

/** Where the ids are that slots got in a test. */
class KnownIds implements Ids {
  readonly #ids = new Map<number, readonly [hi: number, lo: number]>()
  readonly idHi = (slot: number): number => this.#ids.get(slot)![0]
  readonly idLo = (slot: number): number => this.#ids.get(slot)![1]
  add(index: IdIndex, hi: number, lo: number, slot: number): void {
    this.#ids.set(slot, [hi, lo])
    index.add(hi, lo, slot)
  }
}

const key = (hi: number, lo: number) => `${hi} ${lo}`

describe("IdIndex", () => {
  it("finds what a map finds, with collisions, growth and removals", () => {
    const operations = fc.array(fc.record({ id: fc.nat(ids.length - 1), remove: fc.boolean() }), { maxLength: 300 })
    fc.assert(
      fc.property(operations, fc.constantFrom(4, 8, 64), (operations, capacity) => {
        const known = new KnownIds()
        const index = new IdIndex(known, seed, capacity)
        let slot = 0
        const model = new Map<string, number>()
        for (const { id, remove } of operations) {
          const [hi, lo] = ids[id]!
          if (remove) {
            index.remove(hi, lo)
            model.delete(key(hi, lo))
          } else if (!model.has(key(hi, lo))) {
            known.add(index, hi, lo, ++slot)
            model.set(key(hi, lo), slot)
          }
          expect(index.get(hi, lo)).toBe(model.get(key(hi, lo)) ?? -1)
        }
        expect(index.size).toBe(model.size)
        for (const [hi, lo] of ids) expect(index.get(hi, lo)).toBe(model.get(key(hi, lo)) ?? -1)
      }),
      { numRuns: 300 }
    )
  })

  it("still finds every colliding id after others were removed in any order", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...colliding.keys()], { minLength: colliding.length }),
        fc.shuffledSubarray([...colliding.keys()], { minLength: colliding.length }),
        (added, removed) => {
          const known = new KnownIds()
          const index = new IdIndex(known, seed, 32)
          for (const i of added) known.add(index, ...colliding[i]!, i)
          const left = new Set(added)
          for (const i of removed) {
            index.remove(...colliding[i]!)
            left.delete(i)
            for (const [j, [hi, lo]] of colliding.entries()) expect(index.get(hi, lo)).toBe(left.has(j) ? j : -1)
          }
          expect(index.size).toBe(0)
        }
      )
    )
  })

  it("grows to many ids and loses none", () => {
    const index = new IdIndex({ idHi: (slot) => slot & 3, idLo: (slot) => slot }, seed)
    for (let i = 0; i < 10_000; i++) index.add(i & 3, i, i)
    expect(index.size).toBe(10_000)
    for (let i = 0; i < 10_000; i++) expect(index.get(i & 3, i)).toBe(i)
    expect(index.get(4, 0)).toBe(-1)
    for (let i = 0; i < 10_000; i += 2) index.remove(i & 3, i)
    expect(index.size).toBe(5000)
    for (let i = 0; i < 10_000; i++) expect(index.get(i & 3, i)).toBe(i % 2 === 0 ? -1 : i)
  })

  it("does not grow when ids are added and removed again", () => {
    // If removed entries stayed, the table would become full, and the search for an absent id would never end.
    const index = new IdIndex({ idHi: () => 0, idLo: (slot) => slot }, seed, 4)
    for (let i = 0; i < 10_000; i++) {
      index.add(0, i, i)
      expect(index.get(0, i + 1)).toBe(-1)
      index.remove(0, i)
    }
    expect(index.size).toBe(0)
  })

  it("finds the id 0 only if it was added", () => {
    const index = new IdIndex({ idHi: () => 0, idLo: () => 0 }, seed)
    expect(index.get(0, 0)).toBe(-1)
    index.remove(0, 0)
    expect(index.size).toBe(0)
    index.add(0, 0, 3)
    expect(index.get(0, 0)).toBe(3)
    index.remove(0, 0)
    index.remove(0, 0)
    expect(index.get(0, 0)).toBe(-1)
    expect(index.size).toBe(0)
  })
})
