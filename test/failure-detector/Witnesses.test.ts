import { describe, expect, it } from "@effect/vitest"
import { Hash64 } from "../../src/domain/Hash64.ts"
import { isWitness } from "../../src/failure-detector/Witnesses.ts"

const hash = new Hash64()

/** How many of the nodes 1 to `n` are witnesses of an accusation of node 0. */
const witnessesOf = (incarnation: number, witnesses: number, n: number): ReadonlyArray<number> =>
  Array.from({ length: n - 2 }, (_, i) => i + 1).filter((own) =>
    isWitness(
      { ownIdHi: 0, ownIdLo: own, suspectIdHi: 0, suspectIdLo: 0, suspectIncarnation: incarnation },
      witnesses,
      n,
      hash
    )
  )

describe("isWitness", () => {
  it("makes every member a witness where there are no more than wanted", () => {
    expect(witnessesOf(0, 6, 8)).toHaveLength(6)
    expect(witnessesOf(0, 6, 4)).toHaveLength(2)
  })

  it("makes nobody a witness when none are wanted", () => {
    expect(witnessesOf(0, 0, 3)).toHaveLength(0)
  })

  it.each([20, 100, 2000])("makes about as many of %i members witnesses as are wanted", (n) => {
    const counts = Array.from({ length: 200 }, (_, incarnation) => witnessesOf(incarnation, 6, n).length)
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
    expect(mean).toBeGreaterThan(5.3)
    expect(mean).toBeLessThan(6.7)
    expect(Math.max(...counts)).toBeLessThan(20)
  })

  it("chooses other witnesses for another incarnation", () => {
    expect(witnessesOf(1, 6, 2000)).not.toEqual(witnessesOf(2, 6, 2000))
  })
})
