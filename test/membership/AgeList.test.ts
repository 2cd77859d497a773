import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { AgeList } from "../../src/membership/AgeList.ts"

const Slots = 12

const lists = (count: number) => Array.from({ length: count }, () => new AgeList())

describe("AgeList", () => {
  it("is empty at first", () => {
    const [list] = lists(1)
    expect(list!.length).toBe(0)
    expect(list!.oldest).toBe(-1)
    expect(list!.oldestBegan).toBe(Infinity)
  })

  it("behaves like a queue in an array", () => {
    const operations = fc.array(
      fc.record({
        slot: fc.nat(Slots - 1),
        what: fc.constantFrom("remove", "renew", "add to 0", "add to 1"),
        later: fc.nat(3)
      }),
      { maxLength: 120 }
    )
    fc.assert(
      fc.property(operations, (operations) => {
        const both = lists(2)
        const models: ReadonlyArray<Array<readonly [slot: number, began: number]>> = [[], []]
        let now = 1000
        for (const { later, slot, what } of operations) {
          now += later
          const at = models.findIndex((model) => model.some(([held]) => held === slot))
          if (at === -1) {
            const to = what === "add to 1" ? 1 : 0
            if (!what.startsWith("add")) continue
            both[to]!.add(slot, now)
            models[to]!.push([slot, now])
          } else {
            const index = models[at]!.findIndex(([held]) => held === slot)
            models[at]!.splice(index, 1)
            if (what === "renew") {
              both[at]!.renew(slot, now)
              models[at]!.push([slot, now])
            } else both[at]!.remove(slot)
          }
          for (const i of [0, 1]) {
            expect(both[i]!.length).toBe(models[i]!.length)
            expect(both[i]!.oldest).toBe(models[i]![0]?.[0] ?? -1)
            expect(both[i]!.oldestBegan).toBe(models[i]![0]?.[1] ?? Infinity)
          }
        }
        // Taking the oldest slot again and again gives the whole queue in order.
        for (const i of [0, 1]) {
          const order: Array<number> = []
          while (both[i]!.length > 0) {
            order.push(both[i]!.oldest)
            both[i]!.remove(both[i]!.oldest)
          }
          expect(order).toEqual(models[i]!.map(([slot]) => slot))
          expect(both[i]!.oldest).toBe(-1)
        }
      }),
      { numRuns: 300 }
    )
  })

  it("renews the only, the first, a middle and the last slot", () => {
    const [list] = lists(1)
    list!.add(3, 1)
    list!.renew(3, 2)
    expect([list!.oldest, list!.oldestBegan, list!.length]).toEqual([3, 2, 1])
    list!.add(5, 3)
    list!.add(7, 4)
    list!.renew(5, 5)
    list!.renew(5, 6)
    list!.renew(3, 7)
    expect([list!.oldest, list!.oldestBegan, list!.length]).toEqual([7, 4, 3])
    list!.remove(7)
    list!.remove(3)
    expect([list!.oldest, list!.oldestBegan, list!.length]).toEqual([5, 6, 1])
  })
})
