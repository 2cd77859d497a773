import { describe, expect, it } from "@effect/vitest"
import { Damping, DampingWindow } from "../../src/failure-detector/Damping.ts"

describe("Damping", () => {
  it("doubles for each refutation within the window", () => {
    const damping = new Damping()
    expect(damping.factor(1, 0)).toBe(1)
    damping.refuted(1, 0)
    expect(damping.factor(1, 0)).toBe(2)
    damping.refuted(1, 1000)
    expect(damping.factor(1, 1000)).toBe(4)
    expect(damping.factor(2, 1000)).toBe(1)
  })

  it("counts a refuted death as three refutations, within the bound", () => {
    const damping = new Damping()
    damping.refuted(1, 0, true)
    expect(damping.factor(1, 0)).toBe(8)
    for (let i = 0; i < 9; i++) damping.refuted(1, 0, true)
    expect(damping.factor(1, 0)).toBe(256)
  })

  it("forgets a refutation when the window is over", () => {
    const damping = new Damping()
    damping.refuted(1, 0)
    damping.refuted(1, 1000)
    expect(damping.factor(1, DampingWindow - 1)).toBe(4)
    expect(damping.factor(1, DampingWindow)).toBe(2)
    expect(damping.factor(1, DampingWindow + 1000)).toBe(1)
    expect(damping.size).toBe(0)
  })

  it("forgets a member whose slot is given to another", () => {
    const damping = new Damping()
    damping.refuted(1, 0)
    damping.forget(1)
    expect(damping.factor(1, 0)).toBe(1)
  })

  it("stays bounded and keeps those that refuted last", () => {
    const damping = new Damping()
    for (let slot = 0; slot < 5000; slot++) damping.refuted(slot, 0)
    for (let i = 0; i < 1000; i++) damping.refuted(4999, 0)
    expect(damping.size).toBe(1024)
    expect(damping.factor(0, 0)).toBe(1)
    expect(damping.factor(4999, 0)).toBe(256)
    expect(damping.factor(4998, 0)).toBe(2)
  })
})
