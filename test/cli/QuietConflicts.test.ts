import { describe, expect, it } from "@effect/vitest"
import { DateTime } from "effect"
import { NetAddress } from "effect/net"
import type { Change } from "../../src/domain/Change.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { QuietConflicts, QuietFor } from "../../src/cli/QuietConflicts.ts"

const at = DateTime.makeUnsafe(0)
const address = NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946")
const id = NodeId.fromWords(0, 42)

const conflict = (of: NodeId.NodeId): Change => ({
  _tag: "Conflict",
  sequence: 1,
  at,
  cause: { _tag: "Heard" },
  kind: "SameId",
  id: of,
  address
})
const member = {
  id,
  address,
  status: "alive",
  incarnation: 1,
  heartbeat: 0,
  level: 1,
  tags: {},
  since: at,
  self: false
} as const
const change = (tag: "Updated" | "Suspected"): Change => {
  const common = { sequence: 2, at, member, cause: { _tag: "Heard" } } as const
  if (tag === "Suspected") return { _tag: tag, ...common }
  const before = { previousAddress: address, previousIncarnation: 0, previousTags: {} }
  return { _tag: tag, ...common, changed: ["incarnation"], ...before }
}

describe("the log during a conflict", () => {
  it("leaves out the updates of the member until some time after the last report, and nothing else", () => {
    const quiet = new QuietConflicts()
    expect(quiet.leavesOut(change("Updated"), 0)).toBe(false)
    expect(quiet.leavesOut(conflict(NodeId.fromWords(0, 7)), 0)).toBe(false)
    expect(quiet.leavesOut(change("Updated"), 1)).toBe(false)
    expect(quiet.leavesOut(conflict(id), 10)).toBe(false)
    expect(quiet.leavesOut(change("Updated"), 11)).toBe(true)
    expect(quiet.leavesOut(change("Suspected"), 12)).toBe(false)
    expect(quiet.leavesOut(conflict(id), 60_010)).toBe(false)
    expect(quiet.leavesOut(change("Updated"), 60_009 + QuietFor)).toBe(true)
    expect(quiet.leavesOut(change("Updated"), 60_010 + QuietFor)).toBe(false)
  })
})
