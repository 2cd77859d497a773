import { DateTime, Duration, Option } from "effect"
import { NetAddress } from "effect/net"
import { describe, expect, it } from "vitest"
import type * as AdminApi from "../../src/admin/AdminApi.ts"
import type * as ChangeJson from "../../src/admin/ChangeJson.ts"
import { paint, plain } from "../../src/cli/Canvas.ts"
import * as MembersView from "../../src/cli/MembersView.ts"
import type { MemberStatus } from "../../src/domain/Member.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import type { Tags } from "../../src/domain/Tags.ts"

const at = DateTime.makeUnsafe("2026-01-31T12:34:56.789Z")
const id = (n: number) => NodeId.fromWords(0, n)

const member = (n: number, status: MemberStatus, fields: Partial<AdminApi.Node> = {}): AdminApi.Node => ({
  id: id(n),
  address: NetAddress.inetAddressFromStringUnsafe(`10.0.${n >> 8}.${n & 255}:7946`),
  status,
  incarnation: 0,
  heartbeat: 0,
  level: 1,
  since: at,
  tags: {},
  self: n === 1,
  rtt: Option.none(),
  cause: Option.none(),
  ...fields
})

const viewOf = (nodes: ReadonlyArray<AdminApi.Node>): MembersView.View => ({
  place: "http://127.0.0.1:9100",
  members: MembersView.byId(nodes),
  tags: [],
  log: [],
  trouble: undefined
})

const suspected = (n: number, sequence = 1): ChangeJson.Change => ({
  _tag: "Suspected",
  sequence,
  at,
  member: member(n, "suspect"),
  cause: { _tag: "ProbeFailed", relays: [id(10)] }
})

const mixed = viewOf([
  member(10, "alive", { rtt: Option.some(Duration.millis(1.25)) }),
  member(9, "alive", { rtt: Option.some(Duration.millis(250)), cause: Option.some({ _tag: "Heard" }) }),
  member(1, "alive"),
  member(4, "dead", { cause: Option.some({ _tag: "SuspicionExpired", after: Duration.millis(4100) }) }),
  member(3, "left", { cause: Option.some({ _tag: "LeaveReceived" }) }),
  member(2, "suspect", { cause: Option.some({ _tag: "Claimed", by: id(9) }) })
])

const screen = (view: MembersView.View, columns: number, rows: number) =>
  MembersView.render(view, { columns, rows }).map((line) => plain(line).trimEnd())

describe("the screen of members", () => {
  it("lists the node first, then members that need attention, with round-trip times and reasons", () => {
    expect(screen(mixed, 120, 18).slice(0, 9)).toEqual([
      "gossip members  http://127.0.0.1:9100  3 alive  1 suspect  1 dead  1 left",
      "",
      "  STATUS   ID  ADDRESS              RTT  SINCE     WHY",
      "● alive    1   10.0.0.1:7946          -  12:34:56  this node",
      "◐ suspect  2   10.0.0.2:7946          -  12:34:56  reported by 9 (10.0.0.9:7946)",
      "✗ dead     4   10.0.0.4:7946          -  12:34:56  suspect for 4.1 s, no refutation",
      "● alive    9   10.0.0.9:7946   250.0 ms  12:34:56  it sent a message",
      "● alive    10  10.0.0.10:7946   1.25 ms  12:34:56  known since the start",
      "○ left     3   10.0.0.3:7946          -  12:34:56  it announced that it leaves"
    ])
  })

  it("omits the reasons where there is no room for them", () => {
    const [, , heading, own] = screen(mixed, 60, 24)
    expect(heading).toBe("  STATUS   ID  ADDRESS              RTT  SINCE")
    expect(own).toBe("● alive    1   10.0.0.1:7946          -  12:34:56")
  })

  it("shows the newest changes below the list, and wraps lines that are too long", () => {
    let view = mixed
    for (let sequence = 1; sequence <= 20; sequence++) view = MembersView.changed(view, suspected(9, sequence))
    view = MembersView.changed(view, {
      _tag: "Left",
      sequence: 21,
      at,
      member: member(9, "left"),
      cause: { _tag: "LeaveReceived" }
    })
    expect(screen(view, 80, 18).slice(-7)).toEqual([
      "                  to the indirect one through 10 (10.0.0.10:7946)",
      "12:34:56  suspect 9 (10.0.0.9:7946): no answer to our direct probe or",
      "                  to the indirect one through 10 (10.0.0.10:7946)",
      "12:34:56  left    9 (10.0.0.9:7946): it announced that it leaves",
      "",
      "",
      "q quit  times are UTC"
    ])
  })

  it("shows only members with the wanted tags, and what happens to them", () => {
    const inZone = (n: number, zone: string) => member(n, "alive", { tags: { zone } })
    let view: MembersView.View = {
      ...viewOf([member(1, "alive"), inZone(2, "a"), inZone(3, "b"), inZone(4, "a")]),
      tags: [["zone", "a"]]
    }
    const suspectedIn = (n: number, tags: Tags): ChangeJson.Change => ({
      _tag: "Suspected",
      sequence: n,
      at,
      member: member(n, "suspect", { tags }),
      cause: { _tag: "ProbeFailed", relays: [] }
    })
    const updated = (n: number, zone: string): ChangeJson.Change => ({
      _tag: "Updated",
      sequence: n,
      at,
      member: inZone(n, zone),
      changed: ["tags"],
      previousAddress: member(n, "alive").address,
      previousIncarnation: 0,
      previousTags: {},
      cause: { _tag: "Heard" }
    })
    view = MembersView.changed(view, suspectedIn(1, {}))
    view = MembersView.changed(view, suspectedIn(2, { zone: "a" }))
    // One gets the tag, one loses it, and one never has it.
    for (const change of [updated(3, "a"), updated(4, "c"), updated(1, "d")]) view = MembersView.changed(view, change)
    const lines = screen(view, 120, 14)
    expect(lines[0]).toBe("gossip members  zone=a  http://127.0.0.1:9100  1 alive  1 suspect")
    expect(lines.filter((line) => /^[●◐✗○] /.test(line)).map((line) => line.split(/ +/)[2])).toEqual(["2", "3"])
    expect(view.log.map(({ text }) => text.split(" (")[0])).toEqual(["suspect 2", "changed 3", "changed 4"])
    const published = { at, number: 1, name: "deploy", payload: "" }
    expect([2, 4, 1].map((n) => MembersView.isFromShown(view, { ...published, origin: id(n) }))).toEqual([
      true,
      false,
      false
    ])
  })

  it("leaves room for the log", () => {
    expect(screen(mixed, 120, 12)).toEqual([
      "gossip members  http://127.0.0.1:9100  3 alive  1 suspect  1 dead  1 left",
      "",
      "  STATUS   ID  ADDRESS        RTT  SINCE     WHY",
      "● alive    1   10.0.0.1:7946    -  12:34:56  this node",
      "◐ suspect  2   10.0.0.2:7946    -  12:34:56  reported by 9 (10.0.0.9:7946)",
      "  and 2 alive  1 dead  1 left more",
      "",
      "",
      "",
      "",
      "",
      "q quit  times are UTC"
    ])
  })

  it("fills the screen exactly, for any number of members", () => {
    for (const count of [1, 3, 40, 500]) {
      const nodes = Array.from({ length: count }, (_, n) => member(n + 1, n % 7 === 3 ? "dead" : "alive"))
      let view = viewOf(
        nodes.map((node) => ({ ...node, address: NetAddress.inetAddressFromStringUnsafe("[fd00::1]:1") }))
      )
      for (let n = 0; n < 30; n++) view = MembersView.changed(view, suspected(2, n))
      for (const [columns, rows] of [
        [80, 24],
        [120, 40],
        [20, 5],
        [200, 12]
      ] as const) {
        const lines = MembersView.render(view, { columns, rows })
        expect(lines).toHaveLength(rows)
        for (const line of lines) expect(plain(line).length).toBeLessThanOrEqual(columns)
      }
    }
    const many = Array.from({ length: 40 }, (_, n) => member(n + 1, n === 30 ? "suspect" : "alive"))
    const lines = screen(viewOf(many), 80, 24)
    expect(lines.some((line) => line.startsWith("◐ suspect"))).toBe(true)
    expect(lines.some((line) => /^ {2}and \d+ alive more$/.test(line))).toBe(true)
  })

  it("says when the node cannot be reached", () => {
    const view = { ...mixed, trouble: "no connection since 12:34:56, retrying" }
    expect(screen(view, 80, 24).at(-1)).toBe("q quit  no connection since 12:34:56, retrying")
  })

  it("has escape codes only if there are colours", () => {
    for (const line of MembersView.render(mixed, { columns: 80, rows: 24 })) {
      expect(paint(line, false)).not.toContain("\x1b")
    }
    const painted = MembersView.render(mixed, { columns: 80, rows: 24 }).map((line) => paint(line, true))
    expect(painted.find((line) => line.includes("✗"))).toContain("\x1b[31m")
  })
})

describe("a change", () => {
  it("updates the status of the member and keeps its round-trip time", () => {
    const view = MembersView.changed(mixed, suspected(9))
    expect(view.members.get(id(9))).toMatchObject({ status: "suspect", rtt: Option.some(Duration.millis(250)) })
    expect(view.log.map(({ text }) => text)).toEqual([
      "suspect 9 (10.0.0.9:7946): no answer to our direct probe or to the indirect one through 10 (10.0.0.10:7946)"
    ])
  })

  it("that concerns no member is shown as a line too", () => {
    const address = NetAddress.inetAddressFromStringUnsafe("10.9.9.9:1")
    const text = (change: ChangeJson.Change) => MembersView.entryOf(change, () => undefined).text
    expect(
      text({ _tag: "Conflict", sequence: 1, at, cause: { _tag: "Heard" }, kind: "SameId", id: id(1), address })
    ).toBe("conflict 1 (10.9.9.9:1): two nodes have this id")
    expect(
      text({ _tag: "Conflict", sequence: 1, at, cause: { _tag: "Heard" }, kind: "SameAddress", id: id(7), address })
    ).toBe("conflict 7 (10.9.9.9:1): another node claims the address of this node")
    expect(text({ _tag: "Unreadable", sequence: 1, at, cause: { _tag: "OtherKey" }, id: id(7), address })).toBe(
      "unreadable 7 (10.9.9.9:1): its datagrams are sealed with an unknown key"
    )
  })
})
