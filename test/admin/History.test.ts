import { describe, expect, it } from "@effect/vitest"
import { DateTime, Option } from "effect"
import { NetAddress } from "effect/net"
import { History, MaxNodes, MaxTransitions } from "../../src/admin/History.ts"
import type { Change } from "../../src/domain/Change.ts"
import type { Member, MemberStatus } from "../../src/domain/Member.ts"
import * as NodeId from "../../src/domain/NodeId.ts"

const id = (n: number) => NodeId.fromWords(0, n)

const member = (n: number, status: MemberStatus, incarnation = 0): Member => ({
  id: id(n),
  address: NetAddress.inetAddressFromStringUnsafe(`10.0.0.1:${n + 1}`),
  status,
  incarnation,
  heartbeat: 0,
  level: 1,
  since: DateTime.makeUnsafe(0),
  tags: {},
  self: false
})

let sequence = 0
const change = (
  _tag: "Joined" | "Suspected" | "Recovered" | "Died" | "Left",
  member: Member,
  cause: Extract<Change, { _tag: "Died" }>["cause"] = { _tag: "Heard" }
): Change => ({ _tag, sequence: ++sequence, at: DateTime.makeUnsafe(sequence), member, cause })

describe("history", () => {
  it("has the status before and after each change, with its cause", () => {
    const history = new History()
    history.add(change("Joined", member(1, "alive")))
    history.add(change("Suspected", member(1, "suspect"), { _tag: "Claimed", by: id(2) }))
    history.add(change("Recovered", member(1, "alive", 1)))
    history.add(change("Left", member(1, "left", 1), { _tag: "LeaveReceived" }))
    expect(
      history.get(id(1))?.transitions.map(({ cause, from, incarnation, to }) => [from, to, incarnation, cause._tag])
    ).toEqual([
      [null, "alive", 0, "Heard"],
      ["alive", "suspect", 0, "Claimed"],
      ["suspect", "alive", 1, "Heard"],
      ["alive", "left", 1, "LeaveReceived"]
    ])
    expect(history.causeOf(id(1), "left")).toEqual({ _tag: "LeaveReceived" })
    // A status that is not recorded yet has no cause.
    expect(history.causeOf(id(1), "alive")).toBeUndefined()
    expect(history.causeOf(id(9), "alive")).toBeUndefined()
  })

  it("has the members that were listed when it began", () => {
    const history = new History()
    history.begin(member(1, "alive"))
    expect(history.get(id(1))).toEqual({ member: member(1, "alive"), transitions: [] })
    history.add(change("Died", member(1, "dead")))
    history.begin(member(1, "alive"))
    expect(history.get(id(1))?.transitions).toMatchObject([{ from: "alive", to: "dead" }])
    expect(history.get(id(1))?.member.status).toBe("dead")
  })

  it("ignores changes that concern no member", () => {
    const history = new History()
    history.add({
      _tag: "Missed",
      sequence: 3,
      at: DateTime.makeUnsafe(0),
      cause: { _tag: "SlowSubscriber" },
      count: 3
    })
    history.add({
      _tag: "Conflict",
      sequence: 1,
      at: DateTime.makeUnsafe(0),
      cause: { _tag: "Claimed", by: id(2) },
      kind: "SameId",
      id: id(1),
      address: member(1, "alive").address
    })
    expect(history.get(id(1))).toBeUndefined()
  })

  it(`keeps the newest ${MaxTransitions} changes of a member`, () => {
    const history = new History()
    for (let i = 0; i < 100; i++) {
      history.add(change(i % 2 === 0 ? "Suspected" : "Recovered", member(1, i % 2 === 0 ? "suspect" : "alive", i)))
    }
    const incarnations = history.get(id(1))?.transitions.map(({ incarnation }) => incarnation)
    expect(incarnations).toEqual(Array.from({ length: MaxTransitions }, (_, i) => 100 - MaxTransitions + i))
  })

  it(`keeps the ${MaxNodes} members that changed last`, () => {
    const history = new History()
    for (let i = 0; i < MaxNodes; i++) history.add(change("Joined", member(i, "alive")))
    history.add(change("Died", member(0, "dead")))
    history.add(change("Joined", member(MaxNodes, "alive")))
    history.add(change("Joined", member(MaxNodes + 1, "alive")))
    const known = (n: number) => Option.isSome(Option.fromUndefinedOr(history.get(id(n))))
    expect([0, 1, 2, 3, MaxNodes, MaxNodes + 1].map(known)).toEqual([true, false, false, true, true, true])
  })
})
