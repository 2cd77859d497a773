import { assert, describe, expect, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import {
  AskFirst,
  AskInterval,
  AskLast,
  Introduction,
  MaxRequests,
  MostWait,
  RequestInterval
} from "../../src/join/Introduction.ts"
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
    const introduction = new Introduction(() => 0.5)
    assert.strictEqual(introduction.next, Infinity)
    assert.isUndefined(introduction.takeDue(1e9))
    assert.isTrue(introduction.isOpen)
  })

  it("asks the first peer that answers, three times, one second apart", () => {
    const introduction = new Introduction(() => 0.5)
    const first = pathTo(1)
    introduction.peerAnswered(first, 7, 100)
    introduction.peerAnswered(pathTo(2), 7, 150)
    assert.isFalse(introduction.isOpen)
    assert.deepStrictEqual(introduction.takeDue(100), { _tag: "Peer", path: first, slot: 7 })
    assert.deepStrictEqual(requests(introduction, 1e9), [1100, 2100])
    assert.deepStrictEqual([MaxRequests, RequestInterval], [3, 1000])
    // The peer had no table, and no other peer is asked.
    introduction.peerAnswered(pathTo(2), 7, 5000)
    assert.strictEqual(introduction.next, Infinity)
  })

  it("ends when a table arrives, also before it was asked for", () => {
    const asked = new Introduction(() => 0.5)
    asked.peerAnswered(pathTo(1), 7, 0)
    asked.takeDue(0)
    asked.tableArrived(3, 10)
    assert.deepStrictEqual([asked.next, asked.isOpen], [Infinity, false])
    const notAsked = new Introduction(() => 0.5)
    notAsked.tableArrived(3, 0)
    notAsked.peerAnswered(pathTo(1), 7, 0)
    assert.strictEqual(notAsked.next, Infinity)
  })

  it("starts again with the next answer after a restart", () => {
    const introduction = new Introduction(() => 0.5)
    introduction.peerAnswered(pathTo(1), 7, 0)
    introduction.takeDue(0)
    introduction.tableArrived(3, 100)
    introduction.restart(true)
    // A table of a member that was known before.
    introduction.tableArrived(3, 100)
    assert.isTrue(introduction.isOpen)
    const next = pathTo(2)
    introduction.peerAnswered(next, 7, 500)
    assert.deepStrictEqual(introduction.takeDue(500), { _tag: "Peer", path: next, slot: 7 })
    assert.deepStrictEqual(requests(introduction, 1600), [1500])
    introduction.tableArrived(3, 100)
    assert.deepStrictEqual([introduction.next, introduction.isOpen], [Infinity, false])
  })

  it("knows the parts of the table that was asked for, for a while", () => {
    const introduction = new Introduction(() => 0.5)
    introduction.peerAnswered(pathTo(1), 7, 0)
    introduction.takeDue(0)
    expect([
      introduction.tableArrived(3, 100),
      introduction.tableArrived(4, 120),
      introduction.tableArrived(3, 5099),
      introduction.tableArrived(3, 5100)
    ]).toEqual([true, false, true, false])
    // What a member sends unasked is news.
    expect(new Introduction(() => 0.5).tableArrived(3, 0)).toBe(false)
  })

  it("ends when the node knows enough members without a table, but not after a restart", () => {
    const introduction = new Introduction(() => 0.5)
    introduction.peerAnswered(pathTo(1), 7, 0)
    introduction.takeDue(0)
    introduction.end()
    assert.deepStrictEqual([introduction.next, introduction.isOpen], [Infinity, false])
    introduction.restart(true)
    introduction.end()
    assert.isTrue(introduction.isOpen)
  })

  /** One that asked a peer of slot 7 at 100 ms, and was sent on to the members of some slots at 110 ms. */
  const sentOn = (helpers: ReadonlyArray<number>, random: () => number) => {
    const introduction = new Introduction(random)
    introduction.peerAnswered(pathTo(1), 7, 100)
    introduction.takeDue(100)
    expect(introduction.sentOn(helpers, 110)).toBe(110 + MostWait)
    return introduction
  }

  it("asks the members that a peer names, one after the other, until one sends the table", () => {
    const introduction = sentOn([3, 4, 5], () => 0)
    expect(introduction.next).toBe(110 + AskFirst)
    expect(introduction.takeDue(260)).toEqual({ _tag: "Member", slot: 3 })
    expect([introduction.isAsked(3, 300), introduction.isAskedMember(3, 300)]).toEqual([true, true])
    expect(introduction.isAsked(7, 300)).toBe(false)
    expect(introduction.next).toBe(260 + AskInterval)
    expect(introduction.takeDue(760)).toEqual({ _tag: "Member", slot: 4 })
    expect(introduction.isAskedMember(3, 760)).toBe(false)
    expect(introduction.tableArrived(4, 800)).toBe(true)
    expect([introduction.next, introduction.isAsked(4, 800)]).toEqual([Infinity, false])
    // The other parts of the table.
    expect(introduction.tableArrived(4, 900)).toBe(true)
  })

  it("spreads the requests of a crowd over a tenth of a second, and over all that were named", () => {
    const introduction = sentOn([3, 4, 5], () => 0.999)
    expect(introduction.next).toBeCloseTo(110 + AskLast, 0)
    expect(introduction.takeDue(360)).toEqual({ _tag: "Member", slot: 5 })
  })

  it("may be sent on again, and gives up when nobody has sent the table for three seconds", () => {
    const introduction = sentOn([3], () => 0)
    introduction.takeDue(260)
    expect(introduction.sentOn([8, 9], 1000)).toBe(110 + MostWait)
    expect(introduction.takeDue(1150)).toEqual({ _tag: "Member", slot: 8 })
    expect(introduction.takeDue(1650)).toEqual({ _tag: "Member", slot: 9 })
    // Nobody else was named.
    expect(introduction.takeDue(2150)).toBeUndefined()
    expect(introduction.next).toBe(110 + MostWait)
    // That members are known without the table does not end the wait.
    introduction.end()
    expect(introduction.next).toBe(110 + MostWait)
    expect(introduction.takeDue(110 + MostWait)).toBeUndefined()
    expect([introduction.next, introduction.isOpen]).toEqual([Infinity, false])
    expect(introduction.sentOn([3], 3200)).toBeUndefined()
  })

  it("takes as an answer only what comes within a second, and names somebody", () => {
    const introduction = new Introduction(() => 0)
    introduction.peerAnswered(pathTo(1), 7, 100)
    introduction.takeDue(100)
    expect([1099, 1100].map((now) => introduction.isAsked(7, now))).toEqual([true, false])
    expect(introduction.isAsked(-1, 100)).toBe(false)
    expect(introduction.sentOn([], 110)).toBeUndefined()
    expect(introduction.next).toBe(1100)
  })

  it("is sent on after a restart of a node that knows nobody", () => {
    const introduction = new Introduction(() => 0)
    introduction.tableArrived(3, 0)
    introduction.restart(false)
    introduction.peerAnswered(pathTo(1), 7, 100)
    introduction.takeDue(100)
    expect(introduction.sentOn([3], 110)).toBe(110 + MostWait)
  })

  it("is not sent on after a restart, when members pass on others all the time", () => {
    const introduction = new Introduction(() => 0)
    introduction.restart(true)
    introduction.peerAnswered(pathTo(1), 7, 100)
    introduction.takeDue(100)
    expect(introduction.sentOn([3], 110)).toBeUndefined()
    expect(introduction.next).toBe(1100)
  })
})
