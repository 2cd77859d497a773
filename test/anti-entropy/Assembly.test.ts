import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Assemblies, Lifetime, MaxChunks } from "../../src/anti-entropy/Assembly.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { MemberTable } from "../../src/membership/MemberTable.ts"

/** The most snapshots in progress, by default. */
const MaxAssemblies = 64

const id = (n: number) => NodeId.fromWords(0, n)

interface Chunk {
  readonly sender: number
  readonly version: number
  readonly index: number
  readonly total: number
  readonly wait: number
}

const chunk: fc.Arbitrary<Chunk> = fc.record({
  sender: fc.nat(3),
  version: fc.nat(3),
  index: fc.nat(4),
  total: fc.nat(4),
  wait: fc.oneof(fc.nat(50), fc.constantFrom(Lifetime - 1, Lifetime))
})

describe("snapshots that are arriving", () => {
  it("are complete when every chunk of the newest version has arrived, whatever else arrives in between", () => {
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 120 }), (chunks) => {
        const assemblies = new Assemblies(new MemberTable(1), MaxAssemblies)
        const model = new Map<number, { version: number; total: number; startedAt: number; got: Set<number> }>()
        let inconsistent = 0
        let now = 0
        for (const { index, sender, total, version, wait } of chunks) {
          now += wait
          const assembly = assemblies.chunk(id(sender), version, index, total, now)
          const expected = (() => {
            if (total === 0 || index >= total) {
              inconsistent++
              return undefined
            }
            const known = model.get(sender)
            const current = known !== undefined && now - known.startedAt < Lifetime ? known : undefined
            if (current !== undefined && version < current.version) return undefined
            const of =
              current !== undefined && version === current.version
                ? current
                : { version, total, startedAt: now, got: new Set<number>() }
            if (of.total !== total) {
              inconsistent++
              return undefined
            }
            model.set(sender, of)
            if (of.got.has(index)) return undefined
            of.got.add(index)
            return of
          })()
          assert.strictEqual(assembly !== undefined, expected !== undefined)
          assert.strictEqual(assemblies.inconsistent, inconsistent)
          if (assembly === undefined || expected === undefined) continue
          assert.deepStrictEqual([assembly.version, assembly.total], [expected.version, expected.total])
          assert.strictEqual(assembly.complete, expected.got.size === expected.total)
          if (assembly.complete) {
            assemblies.finish(id(sender))
            model.delete(sender)
          }
        }
      }),
      { numRuns: 400 }
    )
  })

  it("accept their chunks in any order and more than once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }).chain((total) =>
          fc.tuple(
            fc.constant(total),
            fc.shuffledSubarray(
              Array.from({ length: 2 * total }, (_, i) => i % total),
              { minLength: 2 * total }
            )
          )
        ),
        ([total, order]) => {
          const assemblies = new Assemblies(new MemberTable(1), MaxAssemblies)
          const seen = new Set<number>()
          for (const index of order) {
            const assembly = assemblies.chunk(id(1), 1, index, total, 0)
            assert.strictEqual(assembly === undefined, seen.has(index))
            seen.add(index)
            if (assembly !== undefined) assert.strictEqual(assembly.complete, seen.size === total)
            if (seen.size === total) break
          }
          assert.strictEqual(seen.size, total)
        }
      )
    )
  })

  it("have at most 2048 chunks", () => {
    const assemblies = new Assemblies(new MemberTable(1), MaxAssemblies)
    assert.isDefined(assemblies.chunk(id(1), 1, MaxChunks - 1, MaxChunks, 0))
    assert.isUndefined(assemblies.chunk(id(2), 1, 0, MaxChunks + 1, 0))
    assert.isUndefined(assemblies.chunk(id(2), 1, 65_534, 65_535, 0))
    assert.deepStrictEqual([assemblies.size, assemblies.inconsistent, MaxChunks], [1, 2, 2048])
  })

  it("are at most 64 at once, and the one that got no chunk for longest is dropped", () => {
    const assemblies = new Assemblies(new MemberTable(1), MaxAssemblies)
    for (let n = 0; n < MaxAssemblies; n++) assemblies.chunk(id(n), 1, 0, 3, n)
    assemblies.chunk(id(0), 1, 1, 3, 100)
    assert.strictEqual(assemblies.size, 64)
    assemblies.chunk(id(1000), 1, 0, 3, 101)
    assert.strictEqual(assemblies.size, 64)
    // The first got another chunk; the second must start again.
    assert.isTrue(assemblies.chunk(id(0), 1, 2, 3, 102)!.complete)
    assert.isFalse(assemblies.chunk(id(1), 1, 1, 3, 103)!.complete)
    assert.isFalse(assemblies.chunk(id(1), 1, 2, 3, 104)!.complete)
    assert.isTrue(assemblies.chunk(id(1), 1, 0, 3, 105)!.complete)
  })

  it("have 10 s from their first chunk", () => {
    const assemblies = new Assemblies(new MemberTable(1), MaxAssemblies)
    assemblies.chunk(id(1), 1, 0, 2, 0)
    assert.isTrue(assemblies.chunk(id(1), 1, 1, 2, Lifetime - 1)!.complete)
    assemblies.finish(id(1))
    assemblies.chunk(id(1), 2, 0, 2, 0)
    assert.isFalse(assemblies.chunk(id(1), 2, 1, 2, Lifetime)!.complete)
    assert.strictEqual(Lifetime, 10_000)
  })
})
