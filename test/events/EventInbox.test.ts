import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { EventInbox, MaxHeld, OrderWait } from "../../src/events/EventInbox.ts"
import { MonotonicBits, Window } from "../../src/events/MonotonicBits.ts"

const opened = (maxOrigins?: number) => {
  const inbox = new EventInbox<string>(maxOrigins)
  const delivered: Array<string> = []
  return {
    inbox,
    delivered,
    receive: (number: number, incarnation = 0, now = 0, origin = 1n) =>
      inbox.receive(origin, incarnation, number, now, () => `${incarnation}.${number}`),
    release: (now: number) => {
      inbox.release(now, (event) => delivered.push(event))
      return delivered.splice(0)
    }
  }
}

describe("an inbox", () => {
  it("delivers in the order of the origin, and waits a second for what is missing", () => {
    const { inbox, receive, release } = opened()
    assert.isTrue(receive(2))
    assert.deepStrictEqual(release(0), [])
    assert.isTrue(receive(1, 0, 10))
    assert.deepStrictEqual(release(10), ["0.1", "0.2"])
    receive(5, 0, 20)
    receive(4, 0, 30)
    assert.deepStrictEqual(release(30), [])
    assert.strictEqual(inbox.next, 20 + OrderWait)
    assert.deepStrictEqual(release(inbox.next), ["0.4", "0.5"])
    assert.strictEqual(inbox.next, Infinity)
    // Too late for its turn, and delivered all the same.
    receive(3, 0, 2000)
    assert.deepStrictEqual(release(2000), ["0.3"])
    assert.strictEqual(inbox.held, 0)
  })

  it("delivers each once, whatever comes how often", () => {
    const numbers = fc.array(fc.record({ number: fc.integer({ min: 1, max: 40 }), incarnation: fc.nat(2) }))
    fc.assert(
      fc.property(numbers, (list) => {
        const { receive, release } = opened()
        const delivered: Array<string> = []
        for (const { incarnation, number } of [...list, ...list]) {
          receive(number, incarnation)
          delivered.push(...release(0))
        }
        delivered.push(...release(OrderWait))
        const expected = new Set(list.map(({ incarnation, number }) => `${incarnation}.${number}`))
        assert.deepStrictEqual(delivered.toSorted(), [...expected].toSorted())
      })
    )
  })

  it("counts on after a higher incarnation of the same run, and from 1 after a restart", () => {
    const { receive, release } = opened()
    for (const number of [1, 2, 3]) receive(number)
    release(0)
    receive(4, 1)
    receive(1, 2)
    assert.deepStrictEqual(release(0), ["1.4", "2.1"])
    assert.isFalse(receive(3))
  })

  it("forgets what is old, and takes it for seen", () => {
    const { inbox, receive } = opened(2)
    for (const incarnation of [1, 2, 3, 4, 5]) receive(1, incarnation)
    assert.isFalse(receive(9, 1), "of a forgotten incarnation")
    receive(1, 0, 0, 2n)
    receive(1, 0, 0, 3n)
    assert.strictEqual(inbox.size, 2)
    assert.strictEqual(inbox.duplicates, 1)
  })

  it("delivers at once when too many wait", () => {
    const { inbox, receive, release } = opened()
    for (let number = 2; number <= MaxHeld / 2 + 2; number++)
      for (const origin of [1n, 2n]) receive(number, 0, 0, origin)
    assert.isAbove(inbox.held, MaxHeld)
    assert.lengthOf(release(0), 2 * (MaxHeld / 2 + 1))
  })
})

describe("a window of numbers", () => {
  it("knows what it saw as a set does, as far down as it reaches", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3 * Window), { maxLength: 200 }), (numbers) => {
        const bits = new MonotonicBits()
        const seen = new Set<number>()
        let highest = -1
        for (const number of numbers) {
          const isNew = !seen.has(number) && number > highest - Window
          assert.strictEqual(bits.add(number), isNew)
          seen.add(number)
          highest = Math.max(highest, number)
        }
      })
    )
  })
})
