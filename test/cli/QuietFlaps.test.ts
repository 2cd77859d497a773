import { describe, expect, it } from "@effect/vitest"
import { DateTime } from "effect"
import { NetAddress } from "effect/net"
import type { Change } from "../../src/domain/Change.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { QuietFlaps, Window } from "../../src/cli/QuietFlaps.ts"

const at = DateTime.makeUnsafe(0)
const address = NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946")
const change = (_tag: "Suspected" | "Recovered" | "Died"): Change => ({
  _tag,
  sequence: 1,
  at,
  cause: { _tag: "Heard" },
  member: {
    id: NodeId.fromWords(0, 42),
    address,
    status: _tag === "Suspected" ? "suspect" : _tag === "Died" ? "dead" : "alive",
    incarnation: 1,
    heartbeat: 0,
    level: 1,
    tags: {},
    since: at,
    self: false
  }
})

/** Suspects the member at these times, and lets it refute a second later. */
const flap = (flaps: QuietFlaps, ...times: ReadonlyArray<number>) =>
  times.flatMap((time) => [flaps.judge(change("Suspected"), time), flaps.judge(change("Recovered"), time + 1000)])

describe("the log of a member that flaps", () => {
  it("has one line about it, and no more until it rests", () => {
    const flaps = new QuietFlaps()
    expect(flap(flaps, 0, 3000, 6000)).toEqual(Array.from({ length: 6 }, () => "Log"))
    const [line, ...rest] = flap(flaps, 9000, 12_000, 15_000, 60_000)
    expect(line).toMatchObject({ instead: expect.stringMatching(/^flaps +42 \(10.0.0.1:7946\): suspected 4 times/) })
    expect(new Set(rest)).toEqual(new Set(["LeaveOut"]))
    expect(flaps.judge(change("Died"), 61_000)).toBe("Log")
    expect(flaps.judge(change("Recovered"), 62_000)).toBe("Log")
    expect(flap(flaps, 63_000)).toEqual(["LeaveOut", "LeaveOut"])
  })

  it("has every line of one that is suspected seldom, or again after a rest", () => {
    const flaps = new QuietFlaps()
    expect(new Set(flap(flaps, 0, 25_000, 50_000, 75_000, 100_000))).toEqual(new Set(["Log"]))
    const quick = new QuietFlaps()
    flap(quick, 0, 1000, 2000, 3000)
    expect(flap(quick, 3000 + Window)).toEqual(["LeaveOut", "LeaveOut"])
    expect(flap(quick, 3001 + 2 * Window)).toEqual(["Log", "Log"])
  })
})
