import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Overhead } from "../../src/crypto/SealedDatagram.ts"
import { AmplificationLimit, ReplyBudget } from "../../src/outbox/ReplyBudget.ts"
import { MaxMessage } from "../../src/wire/Header.ts"

const length = fc.integer({ min: 0, max: MaxMessage })

describe("ReplyBudget", () => {
  it("never gives an unproved address more than three times the bytes that it sent, seals included", () => {
    const replies = fc.array(fc.tuple(length, fc.boolean()), { maxLength: 20 })
    fc.assert(
      fc.property(length, fc.boolean(), replies, (received, sealed, replies) => {
        const budget = new ReplyBudget()
        const overhead = sealed ? Overhead : 0
        budget.start(received, sealed, false)
        let sent = 0
        for (const [reply, isPing] of replies) {
          const bytes = reply + overhead
          // A PING is not sent when it does not fit, and a reply is built within the limit.
          if (isPing ? !budget.take(bytes) : reply > budget.limit) continue
          if (!isPing) budget.spend(reply)
          sent += bytes
        }
        assert.isAtMost(sent, 3 * (received + overhead))
        assert.isAtMost(budget.limit, MaxMessage)
      })
    )
  })

  it("can be used up to the last byte", () => {
    const budget = new ReplyBudget()
    budget.start(100, true, false)
    assert.strictEqual(budget.limit, 3 * (100 + Overhead) - Overhead)
    budget.spend(budget.limit)
    assert.isBelow(budget.limit, 1)
    assert.strictEqual(AmplificationLimit, 3)
  })

  it("does not limit a proved address, beyond the length of a message", () => {
    const budget = new ReplyBudget()
    budget.start(24, false, true)
    for (let i = 0; i < 100; i++) {
      assert.strictEqual(budget.limit, MaxMessage)
      budget.spend(MaxMessage)
    }
  })

  it("gives a PING that fits exactly, and none that does not", () => {
    const budget = new ReplyBudget()
    budget.start(24, false, false)
    assert.isFalse(budget.take(73))
    assert.strictEqual(budget.limit, 72)
    assert.isTrue(budget.take(72))
    assert.isFalse(budget.take(1))
  })

  it("starts again for each message", () => {
    const budget = new ReplyBudget()
    budget.start(24, true, true)
    budget.start(50, false, false)
    assert.strictEqual(budget.limit, 150)
    budget.spend(1000)
    assert.isBelow(budget.limit, 0)
    budget.start(40, false, false)
    assert.strictEqual(budget.limit, 120)
  })
})
