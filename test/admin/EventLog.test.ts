import { describe, expect, it } from "@effect/vitest"
import { DateTime } from "effect"
import { NetAddress } from "effect/net"
import type { Change } from "../../src/admin/ChangeJson.ts"
import { Capacity, EventLog } from "../../src/admin/EventLog.ts"
import * as NodeId from "../../src/domain/NodeId.ts"

const change = (sequence: number): Change => ({
  _tag: "Unreadable",
  sequence,
  at: DateTime.makeUnsafe(0),
  cause: { _tag: "OtherKey" },
  id: NodeId.fromWords(0, 1),
  address: NetAddress.inetAddressFromStringUnsafe("10.0.0.1:1")
})

const logOf = (sequences: ReadonlyArray<number>, capacity = 8): EventLog => {
  const log = new EventLog(capacity)
  for (const sequence of sequences) log.append(change(sequence))
  return log
}

const read = (log: EventLog, cursor: number | undefined, limit = 100) => {
  const batch = log.read(cursor, limit)
  return [batch.missed, batch.entries.map(({ sequence }) => sequence), batch.cursor]
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe("the log of events", () => {
  it("returns the changes after a cursor", () => {
    const log = logOf([1, 2, 3])
    expect(read(log, 0)).toEqual([0, [1, 2, 3], 3])
    expect(read(log, 1)).toEqual([0, [2, 3], 3])
    expect(read(log, 3)).toEqual([0, [], 3])
    expect(read(log, 0, 2)).toEqual([0, [1, 2], 2])
    expect(log.now).toBe(3)
  })

  it("reports the number of lost changes", () => {
    const log = logOf(range(1, 20))
    expect(read(log, 0)).toEqual([12, range(13, 20), 20])
    expect(read(log, 12)).toEqual([0, range(13, 20), 20])
    expect(read(log, 15)).toEqual([0, range(16, 20), 20])
  })

  it("reports gaps between its changes", () => {
    const log = logOf([1, 2, 7, 8])
    expect(read(log, 0)).toEqual([0, [1, 2], 2])
    expect(read(log, 2)).toEqual([4, [7, 8], 8])
    expect(read(log, 4)).toEqual([2, [7, 8], 8])
  })

  it("returns all changes of this run to a follower of an earlier run", () => {
    expect(read(logOf([1, 2]), 500)).toEqual([null, [1, 2], 2])
    expect(read(logOf([]), 500)).toEqual([null, [], 0])
  })

  it("loses no change for a follower that begins before the first one", () => {
    const log = logOf([])
    expect(log.now).toBeUndefined()
    expect(read(log, log.now)).toEqual([0, [], undefined])
    log.append(change(4))
    log.append(change(5))
    expect(read(log, undefined)).toEqual([0, [4, 5], 5])
  })

  it("wakes each waiting follower once, and none that cancelled", () => {
    const log = logOf([1])
    const woken: Array<string> = []
    log.onMore(() => woken.push("a"))
    log.onMore(() => woken.push("b"))()
    log.append(change(2))
    log.append(change(3))
    expect(woken).toEqual(["a"])
    log.onMore(() => woken.push("end"))
    log.end()
    expect([woken, log.ended]).toEqual([["a", "end"], true])
  })

  it(`keeps the newest ${Capacity} changes in order, also after many wraps`, () => {
    const log = new EventLog()
    for (const sequence of range(1, 5000)) log.append(change(sequence))
    expect(read(log, 0, 10_000)).toEqual([5000 - Capacity, range(5001 - Capacity, 5000), 5000])
    for (const cursor of [4000, 4500, 4998, 4999])
      expect(read(log, cursor, 2)[1]).toEqual(range(cursor + 1, Math.min(5000, cursor + 2)))
  })
})
