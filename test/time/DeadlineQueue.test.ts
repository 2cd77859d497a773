import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { DeadlineQueue } from "../../src/time/DeadlineQueue.ts"

/** The key that the queue should return first: the one with the earliest deadline, and the lowest among equal ones. */
const earliest = (model: ReadonlyMap<number, number>): readonly [key: number, deadline: number] | undefined =>
  [...model].toSorted(([keyA, a], [keyB, b]) => a - b || keyA - keyB)[0]

// There are few keys and few deadlines, so keys are often set again and deadlines are often equal.
const operation = fc.oneof(
  { arbitrary: fc.record({ what: fc.constant("set" as const), key: fc.nat(15), at: fc.nat(10) }), weight: 4 },
  { arbitrary: fc.record({ what: fc.constant("delete" as const), key: fc.nat(15), at: fc.constant(0) }), weight: 2 },
  { arbitrary: fc.record({ what: fc.constant("pop" as const), key: fc.constant(0), at: fc.nat(12) }), weight: 3 },
  { arbitrary: fc.record({ what: fc.constant("shift" as const), key: fc.constant(0), at: fc.nat(5) }), weight: 1 }
)

describe("DeadlineQueue", () => {
  it("has no deadline and nothing due while empty", () => {
    const queue = new DeadlineQueue()
    expect(queue.next).toBe(Infinity)
    expect(queue.popDue(Infinity)).toBe(-1)
    expect(queue.delete(3)).toBe(false)
    queue.shift(5)
    expect(queue.size).toBe(0)
  })

  it("behaves like a sorted map when keys are set, moved, deleted, shifted and removed as they are due", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120, size: "max" }), (operations) => {
        const queue = new DeadlineQueue()
        const model = new Map<number, number>()
        for (const { at, key, what } of operations) {
          // What the queue returns, and what it should return.
          let answers: readonly [unknown, unknown] = [undefined, undefined]
          if (what === "set") {
            queue.set(key, at)
            model.set(key, at)
          } else if (what === "delete") {
            answers = [queue.delete(key), model.delete(key)]
          } else if (what === "shift") {
            queue.shift(at)
            for (const [other, deadline] of model) model.set(other, deadline + at)
          } else {
            const first = earliest(model)
            const due = first !== undefined && first[1] <= at ? first[0] : -1
            answers = [queue.popDue(at), due]
            model.delete(due)
          }
          const held = [answers[0], queue.size, queue.next, queue.has(key)]
          expect(held).toEqual([answers[1], model.size, earliest(model)?.[1] ?? Infinity, model.has(key)])
        }
      }),
      { numRuns: 100 }
    )
  })

  it("returns any set of deadlines in order, lower keys first among equal ones", () => {
    const deadlines = fc.array(fc.oneof(fc.nat(5), fc.double({ min: 0, max: 1e9, noNaN: true })), {
      maxLength: 300,
      size: "max"
    })
    fc.assert(
      fc.property(deadlines, (deadlines) => {
        const queue = new DeadlineQueue()
        deadlines.forEach((deadline, key) => queue.set(key, deadline))
        const out: Array<number> = []
        for (let key = queue.popDue(Infinity); key >= 0; key = queue.popDue(Infinity)) out.push(key)
        expect(out).toEqual(deadlines.map((_, key) => key).toSorted((a, b) => deadlines[a]! - deadlines[b]! || a - b))
      })
    )
  })

  it("keeps its order whichever keys are deleted", () => {
    const given = fc.array(fc.record({ deadline: fc.nat(1000), taken: fc.boolean() }), { maxLength: 60, size: "max" })
    fc.assert(
      fc.property(given, (given) => {
        const queue = new DeadlineQueue()
        given.forEach(({ deadline }, key) => queue.set(key, deadline))
        given.forEach(({ taken }, key) => taken && queue.delete(key))
        const out: Array<number> = []
        for (let key = queue.popDue(Infinity); key >= 0; key = queue.popDue(Infinity)) out.push(given[key]!.deadline)
        const left = given.filter(({ taken }) => !taken).map(({ deadline }) => deadline)
        expect(out).toEqual(left.toSorted((a, b) => a - b))
      }),
      { numRuns: 300 }
    )
  })

  it("returns a key at its deadline and not a moment earlier", () => {
    const queue = new DeadlineQueue()
    queue.set(7, 1000)
    expect(queue.popDue(999.999)).toBe(-1)
    expect(queue.popDue(1000)).toBe(7)
  })
})
