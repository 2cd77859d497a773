import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { bucketBits, bucketHashes, bucketOf, Digest, type DigestMember } from "../../src/membership/Digest.ts"

const word = fc.integer({ min: 0, max: 0xffff_ffff })
const member: fc.Arbitrary<DigestMember> = fc.record({
  idHi: word,
  idLo: word,
  incarnation: word,
  status: fc.integer({ min: 0, max: 1 }),
  tagVersion: word
})
const members = fc.uniqueArray(member, { maxLength: 60, selector: ({ idHi, idLo }) => idHi * 2 ** 32 + idLo })

const digestOf = (all: ReadonlyArray<DigestMember>): Digest => {
  const digest = new Digest()
  for (const one of all) digest.add(one)
  return digest
}

describe("Digest", () => {
  it("does not depend on the order in which members come", () => {
    fc.assert(
      fc.property(members, (all) => {
        const { count, hi, lo } = digestOf(all.toReversed())
        expect(digestOf(all).equals(count, hi, lo)).toBe(true)
      })
    )
  })

  it("is as before when a member was added and removed", () => {
    fc.assert(
      fc.property(members, member, (all, extra) => {
        const digest = digestOf(all)
        digest.add(extra)
        digest.remove(extra)
        const { count, hi, lo } = digestOf(all)
        expect(digest.equals(count, hi, lo)).toBe(true)
      })
    )
  })

  it.each(["idHi", "idLo", "incarnation", "tagVersion"] as const)("changes with every bit of %s", (field) => {
    fc.assert(
      fc.property(member, fc.nat(31), (one, bit) => {
        const other = { ...one, [field]: (one[field] ^ (1 << bit)) >>> 0 }
        const { count, hi, lo } = digestOf([other])
        expect(digestOf([one]).equals(count, hi, lo)).toBe(false)
      })
    )
  })

  it("changes with the status, and keeps it apart from the incarnation", () => {
    const one = { idHi: 1, idLo: 2, incarnation: 0x4000_0000, status: 0, tagVersion: 0 }
    const { count, hi, lo } = digestOf([one])
    expect(digestOf([{ ...one, status: 1 }]).equals(count, hi, lo)).toBe(false)
    expect(digestOf([{ ...one, incarnation: 0 }]).equals(count, hi, lo)).toBe(false)
  })
})

describe("buckets", () => {
  it.each([
    [1, 0],
    [4, 0],
    [5, 1],
    [8, 1],
    [100, 5],
    [1000, 8],
    [4096, 8],
    [100_000, 8]
  ])("of %i members have %i bits", (count, bits) => {
    expect(bucketBits(count)).toBe(bits)
  })

  it("differ exactly where a member of theirs differs", () => {
    fc.assert(
      fc.property(members, member, fc.integer({ min: 0, max: 8 }), (all, extra, bits) => {
        const before = bucketHashes(all, bits)
        const after = bucketHashes([...all, extra], bits)
        const differing = [...before.keys()].filter((i) => before[i] !== after[i])
        expect(differing).toEqual([bucketOf(extra.idHi, extra.idLo, bits)])
      })
    )
  })

  it("are filled evenly by ids that follow each other", () => {
    const counts = Array.from({ length: 16 }, () => 0)
    for (let id = 0; id < 1600; id++) counts[bucketOf(0, id, 4)]!++
    for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(40)
  })
})
