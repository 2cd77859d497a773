import { describe, expect, it } from "@effect/vitest"
import { Hash, HashRing, PrimaryKey } from "effect"
import * as fc from "fast-check"
import * as RingSegments from "../../src/coordination/RingSegments.ts"

class Node implements PrimaryKey.PrimaryKey {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
  [PrimaryKey.symbol](): string {
    return this.name
  }
}

const ringOf = (names: ReadonlyArray<string>, weights: ReadonlyArray<number> = []) => {
  const ring = HashRing.make<Node>({ baseWeight: 5 })
  names.forEach((name, index) => HashRing.add(ring, new Node(name), { weight: weights[index] ?? 1 }))
  return ring
}

const rings = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 6 })
  .chain((names) => fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: names.length }).map((w) => ringOf(names, w)))

const nameAt = (segments: ReadonlyArray<RingSegments.Segment<Node>>, hash: number) =>
  segments.find(({ from, to }) => from <= hash && hash <= to)?.owner?.name

describe("segments", () => {
  it("cover every hash once, in ascending order, with different neighbours", () => {
    fc.assert(
      fc.property(rings, (ring) => {
        const segments = RingSegments.segments(ring)
        expect(segments[0]!.from).toBe(RingSegments.LowestHash)
        expect(segments.at(-1)!.to).toBe(RingSegments.HighestHash)
        segments.forEach(({ from, owner, to }, index) => {
          expect(to).toBeGreaterThanOrEqual(from)
          const next = segments[index + 1]
          if (next === undefined) return
          expect(next.from).toBe(to + 1)
          expect(next.owner).not.toBe(owner)
        })
      })
    )
  })

  it("name the owner that HashRing.get gives for a key", () => {
    fc.assert(
      fc.property(rings, fc.array(fc.string(), { maxLength: 50 }), (ring, keys) => {
        const segments = RingSegments.segments(ring)
        for (const key of keys) expect(nameAt(segments, Hash.string(key))).toBe(HashRing.get(ring, key)?.name)
      })
    )
  })

  it("name the owner at and around every point, also where points have one hash", () => {
    const ring = ringOf(["a", "b"])
    // Two points with one hash, as two keys whose hashes collide would make.
    ring.ring = [
      [-10, "a"],
      [10, "a"],
      [10, "b"],
      [21, "a"]
    ]
    const segments = RingSegments.segments(ring)
    expect(segments.map(({ from, owner, to }) => [from, to, owner?.name])).toEqual([
      [RingSegments.LowestHash, 10, "a"],
      [11, 15, "b"],
      [16, RingSegments.HighestHash, "a"]
    ])
  })

  it("are one segment without an owner for an empty ring", () => {
    expect(RingSegments.segments(ringOf([]))).toEqual([
      { from: RingSegments.LowestHash, to: RingSegments.HighestHash, owner: undefined }
    ])
  })
})

describe("moved", () => {
  const same = (a: Node | undefined, b: Node | undefined) => a?.name === b?.name

  it("has exactly the hashes whose owner differs", () => {
    fc.assert(
      fc.property(rings, rings, fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), (one, other, hashes) => {
        const before = RingSegments.segments(one)
        const after = RingSegments.segments(other)
        const moved = RingSegments.moved(before, after, same)
        const edges = [...before, ...after].flatMap(({ from, to }) => [from, to])
        for (const hash of [...hashes, ...edges]) {
          const move = moved.find(({ from, to }) => from <= hash && hash <= to)
          const was = nameAt(before, hash)
          const is = nameAt(after, hash)
          const found = move && [move.previousOwner?.name, move.owner?.name]
          expect(found).toEqual(was === is ? undefined : [was, is])
        }
      })
    )
  })

  it("moves keys to the newcomer only", () => {
    const before = ringOf(["a", "b", "c"])
    const after = ringOf(["a", "b", "c", "d"])
    const moved = RingSegments.moved(RingSegments.segments(before), RingSegments.segments(after), same)
    expect(moved.length).toBeGreaterThan(0)
    expect(new Set(moved.map(({ owner }) => owner?.name))).toEqual(new Set(["d"]))
  })
})

describe("nearest", () => {
  it("begins with the owner and has each node once", () => {
    fc.assert(
      fc.property(rings, fc.string(), fc.nat(8), (ring, key, count) => {
        const names = RingSegments.nearest(ring, Hash.string(key), count).map(({ name }) => name)
        expect(names).toHaveLength(Math.min(count, ring.nodes.size))
        expect(new Set(names).size).toBe(names.length)
        expect(names[0]).toBe(count === 0 ? undefined : HashRing.get(ring, key)?.name)
      })
    )
  })

  it("gives a key to the second node when the first one goes", () => {
    fc.assert(
      fc.property(rings, fc.string(), (ring, key) => {
        const [first, second] = RingSegments.nearest(ring, Hash.string(key), 2)
        fc.pre(first !== undefined && second !== undefined)
        HashRing.remove(ring, first)
        expect(HashRing.get(ring, key)?.name).toBe(second.name)
      })
    )
  })
})
