import { assert, describe, it } from "@effect/vitest"
import { MaxResponses, Responses } from "../../src/queries/Responses.ts"
import { MaxSeen, SeenQueries } from "../../src/queries/SeenQueries.ts"

const opened = () => {
  const sent: Array<string> = []
  const responses = new Responses<string>(
    (slot, sequence, response) => {
      if (response === "long") return false
      sent.push(`${slot} ${sequence} ${response}`)
      return true
    },
    500,
    0xffff_ffff
  )
  return { responses, taken: () => sent.splice(0) }
}

describe("responses", () => {
  it("are sent once more if no acknowledgement comes, and never again", () => {
    const { responses, taken } = opened()
    assert.isTrue(responses.add(1, true, "a", 5000, 0))
    assert.isTrue(responses.add(2, true, "b", 5000, 0))
    assert.deepStrictEqual(taken(), ["1 0 a", "2 1 b"])
    // Only its own member acknowledges it.
    responses.acknowledged(2, 0)
    responses.acknowledged(2, 1)
    assert.strictEqual(responses.next, 500)
    responses.due(499)
    assert.deepStrictEqual(taken(), [])
    responses.due(500)
    assert.deepStrictEqual(taken(), ["1 0 a"])
    responses.due(5000)
    assert.deepStrictEqual(taken(), [])
    assert.deepStrictEqual([responses.size, responses.resent, responses.next], [0, 1, Infinity])
  })

  it("wait for the proof of an address, until nobody waits for them", () => {
    const { responses, taken } = opened()
    responses.add(1, false, "a", 300, 0)
    responses.add(2, false, "b", 300, 0)
    assert.deepStrictEqual(taken(), [])
    responses.proved(2, 100)
    assert.deepStrictEqual(taken(), ["2 0 b"])
    responses.due(300)
    responses.proved(1, 300)
    assert.deepStrictEqual(taken(), [])
    assert.strictEqual(responses.size, 1)
    // After the deadline it is not sent again.
    responses.due(600)
    assert.deepStrictEqual([taken(), responses.size], [[], 0])
  })

  it("that do not fit, or are too many, are refused, and those to a forgotten slot are dropped", () => {
    const { responses, taken } = opened()
    assert.isFalse(responses.add(1, true, "long", 1000, 0))
    assert.strictEqual(responses.size, 0)
    for (let i = 0; i < MaxResponses; i++) assert.isTrue(responses.add(i % 2, i % 3 > 0, "a", 1000, 0))
    assert.isFalse(responses.add(1, true, "a", 1000, 0))
    taken()
    responses.forget(0)
    responses.forget(1)
    assert.strictEqual(responses.size, 0)
  })
})

describe("seen queries", () => {
  it("are known until their time has passed, and a bounded number of them", () => {
    const seen = new SeenQueries()
    assert.isTrue(seen.add(1n, 1n, 1000, 0))
    assert.isFalse(seen.add(1n, 1n, 1000, 60_000))
    assert.isTrue(seen.add(1n, 2n, 1000, 0))
    assert.isTrue(seen.add(2n, 1n, 1000, 62_000))
    assert.strictEqual(seen.size, 1)
    for (let i = 0; i < 2 * MaxSeen; i++) seen.add(3n, BigInt(i), 0, 62_000)
    assert.strictEqual(seen.size, MaxSeen)
  })
})
