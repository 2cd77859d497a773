import { Duration } from "effect"
import { describe, expect, it } from "vitest"
import type { MemberCause } from "../../src/domain/Change.ts"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import type { TransitionKind } from "../../src/membership/ViewObserver.ts"
import { StatusChanges } from "../../src/metrics/StatusChanges.ts"

const by = NodeId.fromWords(0, 9)

/** Counts changes of a view in which every member was last heard at 1000 ms, and slot 7 is Suspect. */
const counting = () => {
  const durations: Array<readonly [string, number]> = []
  const status = new Uint8Array(8)
  status[7] = Claim.Suspect
  const changes = new StatusChanges(
    { table: { status: (slot) => status[slot]! }, lastHeardOf: () => 1000 },
    {
      detection: (seconds) => durations.push(["detection", seconds]),
      suspicion: (outcome) => (seconds) => durations.push([outcome, seconds])
    }
  )
  const note = (kind: TransitionKind, slot: number, now: number, cause: MemberCause = { _tag: "Heard" }) =>
    changes.note({
      kind,
      slot,
      now,
      cause,
      previousStatus: Claim.Alive,
      previousIncarnation: 0,
      previousAddress: undefined
    })
  return { changes, durations, note }
}

describe("changes of status", () => {
  it("measure a suspicion that ends in death, and its detection", () => {
    const { changes, durations, note } = counting()
    note("Suspected", 1, 3000, { _tag: "ProbeFailed", relays: [] })
    note("Died", 1, 7500, { _tag: "SuspicionExpired", after: Duration.seconds(4) })
    expect(durations).toEqual([
      ["detection", 6.5],
      ["died", 4.5]
    ])
    expect([changes.suspicions.ProbeFailed, changes.deaths.SuspicionExpired]).toEqual([1, 1])
  })

  it("measure a suspicion that is refuted, also of a member that joins as Suspect", () => {
    const { changes, durations, note } = counting()
    note("Suspected", 1, 3000, { _tag: "Claimed", by })
    note("Recovered", 1, 3500)
    note("Joined", 7, 4000)
    note("Recovered", 7, 4250)
    expect(durations).toEqual([
      ["recovered", 0.5],
      ["recovered", 0.25]
    ])
    expect([changes.recoveries, changes.suspicions.Claimed]).toEqual([2, 1])
  })

  it("measure no detection of a death that others declared, and no suspicion that ended by leaving", () => {
    const { changes, durations, note } = counting()
    note("Died", 1, 2000, { _tag: "Claimed", by })
    note("Suspected", 2, 2000)
    note("Left", 2, 3000, { _tag: "LeaveReceived" })
    note("Died", 2, 4000)
    expect(durations).toEqual([])
    expect([changes.deaths.Claimed, changes.deaths.Heard, changes.leaves]).toEqual([1, 1, 1])
  })
})
