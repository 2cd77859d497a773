import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { PauseWatch } from "../../src/time/PauseWatch.ts"

const Threshold = 250

const watched = () => {
  const watch = new PauseWatch(Threshold)
  const noticed: Array<readonly [length: number, now: number]> = []
  watch.onPause((length, now) => noticed.push([length, now]))
  return { watch, noticed }
}

describe("PauseWatch", () => {
  it("takes lateness of the threshold or more for a pause", () => {
    const { noticed, watch } = watched()
    watch.fired(1000, 1000)
    watch.fired(2000, 2249.999)
    expect(watch.pauses).toBe(0)
    watch.fired(3000, 3250)
    expect(watch.pauses).toBe(1)
    expect(noticed).toEqual([[250, 3250]])
  })

  it("notices a pause before the very first timer", () => {
    const { noticed, watch } = watched()
    watch.fired(0, 400)
    expect(noticed).toEqual([[400, 400]])
  })

  it("counts a pause once, with the lateness of the earliest timer, however many timers are late", () => {
    const deadlines = fc.array(fc.integer({ min: 1000, max: 5000 }), { minLength: 1, maxLength: 20, size: "max" })
    fc.assert(
      fc.property(deadlines, fc.integer({ min: 5000, max: 9000 }), fc.nat(3), (deadlines, end, work) => {
        const { noticed, watch } = watched()
        watch.fired(900, 900)
        // Timers fire in the order of their deadlines, each after the work of the one before.
        const inOrder = deadlines.toSorted((a, b) => a - b)
        inOrder.forEach((deadline, i) => watch.fired(deadline, end + i * work))
        const length = end - inOrder[0]!
        expect(noticed).toEqual(length >= Threshold ? [[length, end]] : [])
        expect(watch.pauses).toBe(noticed.length)
        // The pause is over then: a timer that was due after it is on time.
        const after = end + deadlines.length * work
        watch.fired(after + 100, after + 100)
        expect(watch.pauses).toBe(noticed.length)
      })
    )
  })

  it("counts each of several pauses", () => {
    const { noticed, watch } = watched()
    watch.fired(1000, 1300)
    watch.fired(1100, 1300)
    watch.fired(1500, 2500)
    watch.fired(1900, 2501)
    watch.fired(2600, 2600)
    expect(noticed).toEqual([
      [300, 1300],
      [1000, 2500]
    ])
  })

  it("does not take a process that is busy but runs for a paused one", () => {
    const { noticed, watch } = watched()
    for (let i = 1; i <= 100; i++) watch.fired(i * 10, i * 200)
    expect(noticed).toEqual([])
  })

  it("takes a timer that fired a fraction of a millisecond early for one on time", () => {
    const { noticed, watch } = watched()
    watch.fired(1000, 999.4)
    watch.fired(1000, 1249.9)
    expect(noticed).toEqual([])
  })

  it("calls every listener", () => {
    const { noticed, watch } = watched()
    const others: Array<number> = []
    watch.onPause((length) => others.push(length))
    watch.fired(0, 500)
    expect(noticed).toEqual([[500, 500]])
    expect(others).toEqual([500])
  })
})
