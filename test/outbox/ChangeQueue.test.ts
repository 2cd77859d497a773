import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ChangeQueue } from "../../src/outbox/ChangeQueue.ts"

/** The queue as a list of slots with times sent. Among equals, the one that reached its count first comes first. */
class Model {
  entries: Array<{ readonly slot: number; readonly sent: number }> = []

  add(slot: number, renew: boolean) {
    if (this.has(slot) && !renew) return
    this.remove(slot)
    this.entries.push({ slot, sent: 0 })
  }

  has(slot: number) {
    return this.entries.some((entry) => entry.slot === slot)
  }

  remove(slot: number) {
    this.entries = this.entries.filter((entry) => entry.slot !== slot)
  }

  countSent(slot: number, limit: number) {
    const entry = this.entries.find((entry) => entry.slot === slot)
    if (entry === undefined) return
    this.remove(slot)
    if (entry.sent + 1 < limit) this.entries.push({ slot, sent: entry.sent + 1 })
  }

  /** The sort is stable, so equals keep their order. */
  order() {
    return this.entries.toSorted((a, b) => a.sent - b.sent).map(({ slot }) => slot)
  }
}

const orderOf = (queue: ChangeQueue) => {
  const order: Array<number> = []
  queue.forEach((slot) => {
    order.push(slot)
    return true
  })
  return order
}

const slot = fc.nat(40)
const command = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), slot, renew: fc.boolean() }),
  fc.record({ kind: fc.constant("remove" as const), slot }),
  fc.record({ kind: fc.constant("countSent" as const), slot, limit: fc.integer({ min: 1, max: 6 }) })
)

describe("ChangeQueue", () => {
  it("lists slots by times sent, each until it was sent often enough", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const queue = new ChangeQueue()
        const model = new Model()
        for (const command of commands) {
          switch (command.kind) {
            case "add":
              queue.add(command.slot, command.renew)
              model.add(command.slot, command.renew)
              break
            case "remove":
              queue.remove(command.slot)
              model.remove(command.slot)
              break
            case "countSent":
              queue.countSent(command.slot, command.limit)
              model.countSent(command.slot, command.limit)
              break
          }
          assert.deepStrictEqual(orderOf(queue), model.order())
          assert.strictEqual(queue.size, model.entries.length)
          assert.strictEqual(queue.has(command.slot), model.has(command.slot))
        }
      }),
      { numRuns: 300 }
    )
  })

  it("ends a visit when the visitor returns false", () => {
    const queue = new ChangeQueue()
    for (const slot of [4, 2, 7]) queue.add(slot, true)
    const seen: Array<number> = []
    queue.forEach((slot) => {
      seen.push(slot)
      return slot !== 2
    })
    assert.deepStrictEqual(seen, [4, 2])
  })

  it("takes a slot far beyond the others", () => {
    const queue = new ChangeQueue()
    queue.add(1, true)
    queue.add(100_000, true)
    assert.isFalse(queue.has(99_999))
    assert.isFalse(queue.has(5_000_000))
    assert.deepStrictEqual(orderOf(queue), [1, 100_000])
  })

  it("counts several sends at once", () => {
    const queue = new ChangeQueue()
    for (const slot of [3, 4]) queue.add(slot, true)
    queue.countSent(3, 6, 5)
    assert.deepStrictEqual(orderOf(queue), [4, 3])
    queue.countSent(4, 6, 6)
    queue.countSent(3, 6)
    assert.strictEqual(queue.size, 0)
  })
})
