import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Suspicions } from "../../src/failure-detector/Suspicions.ts"

/** Ends what is due up to a time, at each deadline as an alarm does, and records it. */
const run = (suspicions: Suspicions, until: number) => {
  const expired: Array<readonly [slot: number, timeout: number, now: number]> = []
  while (suspicions.next < Infinity && suspicions.next <= until) {
    suspicions.due(suspicions.next, (slot, timeout, now) => expired.push([slot, timeout, now]))
  }
  return expired
}

describe("Suspicions", () => {
  it("expire after their timeouts", () => {
    const suspicions = new Suspicions()
    expect([suspicions.size, suspicions.next]).toEqual([0, Infinity])
    suspicions.start({ slot: 3, incarnation: 0, timeout: 5000 }, 100)
    suspicions.start({ slot: 4, incarnation: 9, timeout: 3000.5 }, 200)
    expect([suspicions.size, suspicions.next]).toEqual([2, 3200.5])
    expect(run(suspicions, 5099)).toEqual([[4, 3000.5, 3200.5]])
    expect(run(suspicions, 5100)).toEqual([[3, 5000, 5100]])
    expect([suspicions.size, suspicions.next]).toEqual([0, Infinity])
  })

  it("are not restarted by a repeated claim, whatever its timeout", () => {
    const suspicions = new Suspicions()
    suspicions.start({ slot: 3, incarnation: 4, timeout: 5000 }, 0)
    suspicions.start({ slot: 3, incarnation: 4, timeout: 9000 }, 2000)
    suspicions.start({ slot: 3, incarnation: 4, timeout: 10 }, 2000)
    expect(run(suspicions, Infinity)).toEqual([[3, 5000, 5000]])
  })

  it("begin anew for another incarnation, with its timeout", () => {
    const suspicions = new Suspicions()
    suspicions.start({ slot: 3, incarnation: 4, timeout: 5000 }, 0)
    suspicions.start({ slot: 3, incarnation: 5, timeout: 6000 }, 2000)
    expect(suspicions.size).toBe(1)
    expect(run(suspicions, Infinity)).toEqual([[3, 6000, 8000]])
  })

  it("do not expire once they are cleared, and can begin again", () => {
    const suspicions = new Suspicions()
    suspicions.start({ slot: 3, incarnation: 4, timeout: 5000 }, 0)
    suspicions.clear(3)
    suspicions.clear(3)
    expect([suspicions.size, run(suspicions, Infinity)]).toEqual([0, []])
    suspicions.start({ slot: 3, incarnation: 4, timeout: 5000 }, 6000)
    expect(run(suspicions, Infinity)).toEqual([[3, 5000, 11_000]])
  })

  it("last longer by each pause, and their timeout stays what it was", () => {
    const suspicions = new Suspicions()
    suspicions.start({ slot: 3, incarnation: 4, timeout: 5000 }, 0)
    suspicions.shift(700)
    suspicions.shift(50)
    suspicions.start({ slot: 5, incarnation: 4, timeout: 5000 }, 800)
    expect(run(suspicions, Infinity)).toEqual([
      [3, 5000, 5750],
      [5, 5000, 5800]
    ])
  })

  it("can be cleared and started while others expire", () => {
    const suspicions = new Suspicions()
    for (const slot of [1, 2, 3]) suspicions.start({ slot, incarnation: 0, timeout: 100 }, 0)
    const expired: Array<number> = []
    suspicions.due(100, (slot, _, now) => {
      expired.push(slot)
      suspicions.clear(slot)
      if (slot === 1) suspicions.clear(2)
      if (slot === 3) suspicions.start({ slot: 9, incarnation: 0, timeout: 100 }, now)
    })
    expect(expired).toEqual([1, 3])
    expect([suspicions.size, suspicions.next]).toEqual([1, 200])
  })

  it("end once each, at the time that a table of deadlines says, whatever happens", () => {
    const step = fc.record({
      what: fc.constantFrom("start", "start", "start", "clear", "shift", "wait", "wait"),
      slot: fc.nat(4),
      incarnation: fc.nat(2),
      ms: fc.nat(300)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const suspicions = new Suspicions()
        const model = new Map<number, { incarnation: number; timeout: number; at: number }>()
        let now = 0
        for (const { incarnation, ms, slot, what } of steps) {
          if (what === "start") {
            suspicions.start({ slot, incarnation, timeout: ms + 1 }, now)
            if (model.get(slot)?.incarnation !== incarnation) {
              model.set(slot, { incarnation, timeout: ms + 1, at: now + ms + 1 })
            }
          } else if (what === "clear") {
            suspicions.clear(slot)
            model.delete(slot)
          } else if (what === "shift") {
            suspicions.shift(ms)
            for (const held of model.values()) held.at += ms
          } else now += ms
          const due = [...model]
            .filter(([, { at }]) => at <= now)
            .toSorted(([slotA, a], [slotB, b]) => a.at - b.at || slotA - slotB)
          for (const [slot] of due) model.delete(slot)
          expect(run(suspicions, now)).toEqual(due.map(([slot, { at, timeout }]) => [slot, timeout, at]))
          expect(suspicions.size).toBe(model.size)
        }
      })
    )
  })
})
