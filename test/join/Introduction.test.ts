import { assert, describe, expect, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import { Introduction, MaxRequests, RequestInterval } from "../../src/join/Introduction.ts"
import type { ReplyPath } from "../../src/outbox/Received.ts"

const pathTo = (n: number): ReplyPath => ({
  datagram: { address: NetAddress.inetAddressFromStringUnsafe(`10.0.0.${n}:7946`), payload: new Uint8Array(0) },
  sealed: false
})

/** When requests are sent until `end`, in ms. */
const requests = (introduction: Introduction, end: number): ReadonlyArray<number> => {
  const times: Array<number> = []
  while (introduction.next <= end) {
    const at = introduction.next
    assert.isUndefined(introduction.takeDue(at - 1))
    assert.isDefined(introduction.takeDue(at))
    times.push(at)
  }
  return times
}

describe("Introduction", () => {
  it("asks nobody before a peer answers", () => {
    const introduction = new Introduction()
    assert.strictEqual(introduction.next, Infinity)
    assert.isUndefined(introduction.takeDue(1e9))
    assert.isTrue(introduction.isOpen)
  })

  it("asks the first peer that answers, three times, one second apart", () => {
    const introduction = new Introduction()
    const first = pathTo(1)
    introduction.peerAnswered(first, 100)
    introduction.peerAnswered(pathTo(2), 150)
    assert.isFalse(introduction.isOpen)
    assert.strictEqual(introduction.takeDue(100), first)
    assert.deepStrictEqual(requests(introduction, 1e9), [1100, 2100])
    assert.deepStrictEqual([MaxRequests, RequestInterval], [3, 1000])
    // The peer had no table, and no other peer is asked.
    introduction.peerAnswered(pathTo(2), 5000)
    assert.strictEqual(introduction.next, Infinity)
  })

  it("ends when a table arrives, also before it was asked for", () => {
    const asked = new Introduction()
    asked.peerAnswered(pathTo(1), 0)
    asked.takeDue(0)
    asked.tableArrived(3, 10)
    assert.deepStrictEqual([asked.next, asked.isOpen], [Infinity, false])
    const notAsked = new Introduction()
    notAsked.tableArrived(3, 0)
    notAsked.peerAnswered(pathTo(1), 0)
    assert.strictEqual(notAsked.next, Infinity)
  })

  it("starts again with the next answer after a restart", () => {
    const introduction = new Introduction()
    introduction.peerAnswered(pathTo(1), 0)
    introduction.takeDue(0)
    introduction.tableArrived(3, 100)
    introduction.restart()
    // A table of a member that was known before.
    introduction.tableArrived(3, 100)
    assert.isTrue(introduction.isOpen)
    const next = pathTo(2)
    introduction.peerAnswered(next, 500)
    assert.strictEqual(introduction.takeDue(500), next)
    assert.deepStrictEqual(requests(introduction, 1600), [1500])
    introduction.tableArrived(3, 100)
    assert.deepStrictEqual([introduction.next, introduction.isOpen], [Infinity, false])
  })

  it("knows the parts of the table that was asked for, for a while", () => {
    const introduction = new Introduction()
    introduction.peerAnswered(pathTo(1), 0)
    introduction.takeDue(0)
    expect([
      introduction.tableArrived(3, 100),
      introduction.tableArrived(4, 120),
      introduction.tableArrived(3, 5099),
      introduction.tableArrived(3, 5100)
    ]).toEqual([true, false, true, false])
    // What a member sends unasked is news.
    expect(new Introduction().tableArrived(3, 0)).toBe(false)
  })

  it("ends when the node knows enough members without a table, but not after a restart", () => {
    const introduction = new Introduction()
    introduction.peerAnswered(pathTo(1), 0)
    introduction.takeDue(0)
    introduction.end()
    assert.deepStrictEqual([introduction.next, introduction.isOpen], [Infinity, false])
    introduction.restart()
    introduction.end()
    assert.isTrue(introduction.isOpen)
  })
})
