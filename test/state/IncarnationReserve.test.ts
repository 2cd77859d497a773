import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Block, IncarnationReserve } from "../../src/state/IncarnationReserve.ts"

/** A reserve whose limits are granted by the test. */
const make = (used: number) => {
  const asked: Array<number> = []
  const reserve = new IncarnationReserve(used, (used + Block) >>> 0, (limit) => {
    asked.push(limit)
    return false
  })
  return { asked, reserve }
}

describe("the reserve of incarnations", () => {
  it("gives those up to the limit, and asks for more when half of them are left", () => {
    const { asked, reserve } = make(100)
    for (let n = 101; n <= 100 + Block / 2; n++) assert.isTrue(reserve.take(n))
    assert.deepStrictEqual(asked, [])
    assert.isTrue(reserve.take(101 + Block / 2))
    assert.deepStrictEqual(asked, [101 + Block / 2 + Block])
    for (let n = 102 + Block / 2; n <= 100 + Block; n++) assert.isTrue(reserve.take(n))
    assert.isFalse(reserve.take(101 + Block))
    assert.strictEqual(reserve.used, 100 + Block)
    // What is asked for is asked for once.
    assert.strictEqual(asked.length, 1)
    reserve.grant(asked[0]!)
    assert.isTrue(reserve.take(101 + Block))
  })

  it("tells when a limit was granted, and takes only the one that it asked for", () => {
    const { asked, reserve } = make(0)
    let granted = 0
    reserve.onGranted(() => granted++)
    assert.isFalse(reserve.take(1_000_000))
    assert.deepStrictEqual(asked, [1_000_000 + Block])
    reserve.grant(500)
    assert.isFalse(reserve.take(1_000_000))
    assert.strictEqual(granted, 0)
    reserve.grant(1_000_000 + Block)
    assert.strictEqual(granted, 1)
    assert.isTrue(reserve.take(1_000_000))
    assert.strictEqual(reserve.used, 1_000_000)
  })

  it("goes on at once when a limit is granted at once", () => {
    const reserve = new IncarnationReserve(0, Block, () => true)
    reserve.onGranted(() => assert.fail("nobody waited"))
    assert.isTrue(reserve.take(0x8000_0001))
    assert.isTrue(reserve.take(0x8000_0002))
  })

  it("never gives an incarnation above a limit that was granted, also where numbers begin again", () => {
    const start = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0xffff_ffff, 0xffff_ffff - 70, 0x7fff_ffff))
    const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 0x8000_0000 })))
    fc.assert(
      fc.property(start, steps, fc.infiniteStream(fc.boolean()), (first, sizes, grants) => {
        const { asked, reserve } = make(first)
        let limit = (first + Block) >>> 0
        for (const size of sizes) {
          const next = (reserve.used + size) >>> 0
          const before = reserve.used
          let taken = reserve.take(next)
          // The limit that was asked for may be one for an earlier step.
          for (let grant = 0; grant < 2 && !taken && grants.next().value === true; grant++) {
            assert.strictEqual(reserve.used, before)
            limit = asked.pop() ?? assert.fail("nothing is asked for")
            reserve.grant(limit)
            taken = reserve.take(next)
            if (grant === 1) assert.isTrue(taken)
          }
          assert.strictEqual(reserve.used, taken ? next : before)
          if (taken) assert.isAtMost((limit - next) >>> 0, Block)
        }
      })
    )
  })
})
