import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { BurstLength, BurstPause, MaxTransfers, PacedSends } from "../../src/anti-entropy/PacedSends.ts"

const messages = (count: number, mark = 0): ReadonlyArray<Uint8Array> =>
  Array.from({ length: count }, (_, i) => Uint8Array.of(mark, i >> 8, i & 255))

/** Paced sends, with what was sent: slot and message. */
const make = () => {
  const sent: Array<readonly [slot: number, message: Uint8Array]> = []
  return { sent, paced: new PacedSends((slot, message) => sent.push([slot, message])) }
}

/** How many messages go out when, from `now` on. */
const bursts = ({ paced, sent }: ReturnType<typeof make>): ReadonlyArray<readonly [at: number, count: number]> => {
  const result: Array<readonly [number, number]> = []
  while (paced.next !== Infinity) {
    const at = paced.next
    const before = sent.length
    paced.due(at - 1)
    assert.lengthOf(sent, before)
    paced.due(at)
    result.push([at, sent.length - before])
  }
  return result
}

describe("PacedSends", () => {
  it("sends up to eight messages at once, and is done", () => {
    const { paced, sent } = make()
    paced.start(3, messages(BurstLength), 100)
    assert.lengthOf(sent, 8)
    assert.deepStrictEqual([paced.size, paced.next], [0, Infinity])
    paced.start(3, [], 100)
    assert.deepStrictEqual([paced.size, sent.length], [0, 8])
  })

  it("sends more in bursts of eight, 20 ms apart", () => {
    const made = make()
    made.paced.start(3, messages(20), 100)
    assert.lengthOf(made.sent, 8)
    assert.deepStrictEqual(bursts(made), [
      [120, 8],
      [140, 4]
    ])
    assert.deepStrictEqual([made.paced.size, BurstLength, BurstPause], [0, 8, 20])
  })

  it("counts the pause from when a burst went out, however late", () => {
    const { paced, sent } = make()
    paced.start(3, messages(30), 0)
    paced.due(500)
    assert.deepStrictEqual([sent.length, paced.next], [16, 520])
  })

  it("sends every message once and in order, to each member at its own pace", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(60), fc.nat(100)), { maxLength: MaxTransfers }), (starts) => {
        const made = make()
        let now = 0
        starts.forEach(([count, wait], slot) => {
          made.paced.start(slot, messages(count, slot), now)
          now += wait
          made.paced.due(now)
        })
        bursts(made)
        starts.forEach(([count], slot) => {
          const got = made.sent.filter(([to]) => to === slot).map(([, message]) => message)
          assert.deepStrictEqual(got, messages(count, slot))
        })
      })
    )
  })

  it("refuses a transfer while 16 are in progress, but not a short answer", () => {
    const { paced, sent } = make()
    for (let slot = 0; slot < MaxTransfers; slot++) paced.start(slot, messages(9), 0)
    assert.deepStrictEqual([paced.size, paced.refused], [16, 0])
    const before = sent.length
    paced.start(50, messages(9), 0)
    assert.deepStrictEqual([paced.size, paced.refused, sent.length], [16, 1, before])
    paced.start(50, messages(8), 0)
    assert.deepStrictEqual([paced.refused, sent.length], [1, before + 8])
    paced.due(20)
    paced.start(50, messages(9), 20)
    assert.deepStrictEqual([paced.size, paced.refused], [1, 1])
  })

  it("ends the transfers to a slot that is cancelled, and no other", () => {
    const made = make()
    made.paced.start(1, messages(20), 0)
    made.paced.start(2, messages(20), 0)
    made.paced.cancel(1)
    assert.deepStrictEqual(bursts(made), [
      [20, 8],
      [40, 4]
    ])
    assert.isTrue(made.sent.slice(16).every(([slot]) => slot === 2))
  })
})
