import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Hash64 } from "../../src/domain/Hash64.ts"

const Mask = 0xffff_ffff_ffff_ffffn

/** The finaliser of splitmix64 as published, in 64-bit arithmetic. */
const finalise = (word: bigint): bigint => {
  let z = word & Mask
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & Mask
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & Mask
  return z ^ (z >> 31n)
}

const word = fc.bigInt({ min: 0n, max: Mask })
const add = (hash: Hash64, value: bigint) => hash.add(Number(value >> 32n), Number(value & 0xffff_ffffn))
const valueOf = ({ hi, lo }: Hash64) => (BigInt(hi) << 32n) | BigInt(lo)

describe("Hash64", () => {
  it("chains the finaliser of splitmix64 over the words", () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        const hash = new Hash64()
        for (const value of words) add(hash, value)
        expect(valueOf(hash)).toBe(words.reduce((state, value) => finalise(state ^ value), 0n))
      }),
      { numRuns: 1000 }
    )
  })

  it("starts anew after a reset", () => {
    const hash = add(new Hash64(), 7n)
    const first = valueOf(hash)
    expect(valueOf(add(hash.reset(), 7n))).toBe(first)
    expect(valueOf(add(hash, 7n))).not.toBe(first)
  })

  it("gives fractions that are spread evenly", () => {
    const hash = new Hash64()
    const buckets = Array.from({ length: 10 }, () => 0)
    for (let n = 0; n < 10_000; n++) buckets[Math.floor(10 * hash.reset().add(0, n).add(0, 1).fraction)]!++
    for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })
})
