import { describe, expect, it } from "@effect/vitest"
import { Accusers, Evidence } from "../../src/failure-detector/Accusers.ts"

const { Refused, Replaced, Silent } = Evidence

describe("Accusers", () => {
  it("counts distinct accusers beyond the first, as far as they are needed", () => {
    const accusers = new Accusers(10, 3)
    expect(accusers.further).toBe(0)
    const seen = [1, 1, 2, 2, 3, 4, 5, 6].map((id) => {
      accusers.add(0, id, Silent, 0)
      return accusers.further
    })
    expect(seen).toEqual([0, 0, 1, 1, 2, 3, 3, 3])
  })

  it("passes on the first accuser and the further ones that are needed, each once", () => {
    const accusers = new Accusers(10, 3)
    expect([1, 1, 2, 3, 4, 5, 6, 4].map((id) => accusers.add(0, id, Silent, 0))).toEqual([
      true,
      false,
      true,
      true,
      true,
      false,
      false,
      false
    ])
  })

  it("needs evidence of two accusers where there are two that could find it, and of one where there is one", () => {
    for (const [n, needed] of [
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 2],
      [100, 2]
    ] as const) {
      const accusers = new Accusers(n, 3)
      accusers.add(0, 1, Refused, 5)
      expect(accusers.provedAt).toBe(needed === 1 ? 5 : Infinity)
      accusers.add(0, 2, Refused, 6)
      expect(accusers.provedAt).toBe(needed === 1 ? 5 : 6)
    }
  })

  it("tells accusers apart by both halves of their ids", () => {
    const accusers = new Accusers(10, 3)
    for (const [hi, lo] of [
      [0, 1],
      [1, 0],
      [1, 1]
    ] as const)
      accusers.add(hi, lo, Silent, 0)
    expect(accusers.size).toBe(3)
  })

  it("is proved from the second accuser with evidence on", () => {
    const accusers = new Accusers(10, 3)
    accusers.add(0, 1, Refused, 100)
    accusers.add(0, 1, Replaced, 150)
    accusers.add(0, 2, Silent, 200)
    expect(accusers.provedAt).toBe(Infinity)
    accusers.add(0, 3, Replaced, 300)
    expect(accusers.provedAt).toBe(300)
    accusers.add(0, 4, Refused, 400)
    expect(accusers.provedAt).toBe(300)
  })

  it("is proved by one accuser where only one other member is left to ask", () => {
    const accusers = new Accusers(3, 1)
    accusers.add(0, 1, Refused, 100)
    expect(accusers.provedAt).toBe(100)
  })

  it("takes evidence that a known accuser finds later, and passes it on", () => {
    const accusers = new Accusers(10, 3)
    accusers.add(0, 1, Silent, 0)
    accusers.add(0, 2, Refused, 0)
    expect(accusers.add(0, 1, Refused, 500)).toBe(true)
    expect(accusers.provedAt).toBe(500)
    expect(accusers.size).toBe(2)
  })

  it("stays bounded whatever is claimed, and keeps the first", () => {
    const accusers = new Accusers(1000, 3)
    for (let id = 0; id < 10_000; id++) accusers.add(0, id, Silent, 0)
    expect(accusers.size).toBe(16)
    expect(accusers.add(0, 20_000, Silent, 0)).toBe(false)
    expect(accusers.add(0, 15, Refused, 0)).toBe(true)
    expect(accusers.size).toBe(16)
  })

  it("takes evidence in place of silent accusers beyond those that count", () => {
    const accusers = new Accusers(1000, 3)
    for (let id = 0; id < 16; id++) accusers.add(0, id, Silent, 0)
    const found = Array.from({ length: 20 }, (_, i) => 100 + i).filter((id) => accusers.add(0, id, Refused, id))
    expect(found).toEqual(Array.from({ length: 12 }, (_, i) => 100 + i))
    expect(accusers.provedAt).toBe(101)
    expect([accusers.size, accusers.further]).toEqual([16, 3])
    // The first four are remembered: they can still add evidence of their own.
    expect([0, 1, 2, 3, 4].map((id) => accusers.add(0, id, Replaced, 0))).toEqual([true, true, true, true, false])
  })
})
