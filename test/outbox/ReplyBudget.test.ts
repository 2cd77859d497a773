import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Overhead } from "../../src/crypto/SealedDatagram.ts"
import { AmplificationLimit, ReplyBudget } from "../../src/outbox/ReplyBudget.ts"
import { MaxMessage } from "../../src/wire/Header.ts"

const length = fc.integer({ min: 0, max: MaxMessage })

describe("ReplyBudget", () => {
  it("never gives an unproved address more than three times the bytes that it sent, seals included", () => {
    fc.assert(
      fc.property(length, fc.boolean(), fc.array(length, { maxLength: 20 }), (received, sealed, replies) => {
        const budget = new ReplyBudget()
        const overhead = sealed ? Overhead : 0
        budget.start(received, sealed, false)
        let sent = 0
        for (const reply of replies) {
          // Whoever replies keeps within the limit, or does not reply.
          if (reply > budget.limit) continue
          budget.spend(reply)
          sent += reply + overhead
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
