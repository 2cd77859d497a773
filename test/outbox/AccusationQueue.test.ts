import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { AccusationQueue } from "../../src/outbox/AccusationQueue.ts"
import type { Accusation } from "../../src/wire/sections/Accusation.ts"

const accusation = (target: number, accuser: number, evidence = 0, incarnation = 0): Accusation => ({
  targetHi: 0,
  targetLo: target,
  incarnation,
  accuserHi: 0,
  accuserLo: accuser,
  evidence
})

/** Takes up to `room` accusations, and returns them as `"target by accuser"`. */
const take = (queue: AccusationQueue, room: number, limit = 100): ReadonlyArray<string> => {
  const taken: Array<string> = []
  queue.take(limit, ({ accuserLo, targetLo }) => {
    if (taken.length >= room) return false
    taken.push(`${targetLo} by ${accuserLo}`)
    return true
  })
  return taken
}

describe("AccusationQueue", () => {
  it("hands out least-sent accusations first", () => {
    const queue = new AccusationQueue()
    queue.add(1, accusation(1, 10))
    queue.add(1, accusation(1, 11))
    queue.add(2, accusation(2, 10))
    expect(take(queue, 2)).toEqual(["1 by 10", "1 by 11"])
    expect(take(queue, 2)).toEqual(["2 by 10", "1 by 10"])
    queue.add(3, accusation(3, 10))
    expect(take(queue, 2)).toEqual(["3 by 10", "1 by 11"])
  })

  it("sends each accusation as often as the limit says", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
        (count, limit, room) => {
          const queue = new AccusationQueue()
          for (let slot = 0; slot < count; slot++) queue.add(slot, accusation(slot, 99))
          const sent: Array<string> = []
          for (let i = 0; i < 200 && queue.size > 0; i++) sent.push(...take(queue, room, limit))
          expect(queue.size).toBe(0)
          for (let slot = 0; slot < count; slot++) {
            expect(sent.filter((text) => text === `${slot} by 99`)).toHaveLength(limit)
          }
        }
      )
    )
  })

  it("keeps the newest evidence of an accuser, and sends it anew", () => {
    const queue = new AccusationQueue()
    queue.add(1, accusation(1, 10))
    take(queue, 1)
    queue.add(1, accusation(1, 10, 1))
    expect(queue.size).toBe(1)
    const found: Array<number> = []
    queue.take(100, ({ evidence }) => found.push(evidence) > 0)
    expect(found).toEqual([1])
  })

  it("drops all accusations of a member", () => {
    const queue = new AccusationQueue()
    queue.add(1, accusation(1, 10))
    queue.add(2, accusation(2, 10))
    queue.add(1, accusation(1, 11))
    queue.remove(1)
    expect(take(queue, 9)).toEqual(["2 by 10"])
  })

  it("is bounded, and keeps what was sent least", () => {
    const queue = new AccusationQueue()
    queue.add(0, accusation(0, 10))
    take(queue, 1)
    for (let slot = 1; slot <= 300; slot++) queue.add(slot, accusation(slot, 10))
    expect(queue.size).toBe(256)
    expect(take(queue, 300)).not.toContain("0 by 10")
  })
})
