import { describe, expect, it } from "@effect/vitest"
import { DateTime } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import type { Snapshot } from "../../src/domain/Snapshot.ts"
import type { PublishedChange } from "../../src/membership/ChangeFeed.ts"
import { reportGaps, resumeFromSnapshots } from "../../src/membership/Follower.ts"

const change = (sequence: number): PublishedChange => ({
  _tag: "Unreadable",
  sequence,
  at: DateTime.makeUnsafe(sequence),
  cause: { _tag: "OtherKey" },
  id: NodeId.fromWords(0, 1),
  address: NetAddress.inetAddressFromStringUnsafe("10.0.0.1:1")
})
const snapshot = (sequence: number): Snapshot => ({
  _tag: "Snapshot",
  sequence,
  at: DateTime.makeUnsafe(1000 + sequence),
  members: []
})

describe("reportGaps", () => {
  it("passes on changes without a gap", () => {
    const next = reportGaps(4)
    expect([5, 6, 7].flatMap((sequence) => next(change(sequence)))).toEqual([change(5), change(6), change(7)])
  })

  it("puts Missed in the place of a gap, with the number of changes in it", () => {
    const next = reportGaps(0)
    expect(next(change(4))).toEqual([
      { _tag: "Missed", sequence: 3, at: DateTime.makeUnsafe(4), cause: { _tag: "SlowSubscriber" }, count: 3 },
      change(4)
    ])
    expect(next(change(5))).toEqual([change(5)])
    expect(next(change(7))).toMatchObject([{ _tag: "Missed", sequence: 6, count: 1 }, change(7)])
  })
})

describe("resumeFromSnapshots", () => {
  it("drops the changes that the snapshot reflects", () => {
    const next = resumeFromSnapshots(snapshot(3), () => snapshot(9))
    expect([2, 3, 4, 5].flatMap((sequence) => next(change(sequence)))).toEqual([change(4), change(5)])
  })

  it("continues from a new snapshot after a gap, and counts all changes that it replaces", () => {
    let newest = 9
    const next = resumeFromSnapshots(snapshot(3), () => snapshot(newest))
    expect(next(change(4))).toEqual([change(4)])
    expect(next(change(7))).toEqual([
      { _tag: "Missed", sequence: 9, at: snapshot(9).at, cause: { _tag: "SlowSubscriber" }, count: 5 },
      snapshot(9)
    ])
    expect([8, 9, 10].flatMap((sequence) => next(change(sequence)))).toEqual([change(10)])
    newest = 12
    expect(next(change(12))).toMatchObject([
      { _tag: "Missed", count: 2 },
      { _tag: "Snapshot", sequence: 12 }
    ])
  })
})
