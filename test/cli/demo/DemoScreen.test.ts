import { DateTime } from "effect"
import { describe, expect, it } from "vitest"
import * as DemoScreen from "../../../src/cli/demo/DemoScreen.ts"
import * as DemoState from "../../../src/cli/demo/DemoState.ts"
import type { MemberCause } from "../../../src/domain/Change.ts"
import { id, member, startedAt, stateOf } from "./States.ts"

const suspicion = (observer: number, subject: number, after: number, cause: MemberCause): DemoState.Event => ({
  _tag: "Changed",
  at: startedAt + after,
  observer: id(observer),
  change: {
    _tag: "Suspected",
    sequence: 1,
    at: DateTime.makeUnsafe(startedAt + after),
    member: member(subject, "suspect"),
    cause
  }
})

const escape = new RegExp(`${"\x1b"}\\[\\d+m`, "g")

const text = (state: DemoState.DemoState, columns: number, rows: number) =>
  DemoScreen.render(state, { columns, rows }).map((line) => DemoScreen.plain(line).trimEnd())

describe("the screen", () => {
  /** n3 has failed: n1 sees it suspect, and n4 is cut off. */
  const failing = () => {
    let state = stateOf(5)
    state = DemoState.withCondition(state, id(3), "killed")
    state = DemoState.withCondition(state, id(4), "cut")
    state = DemoState.withView(state, id(1), [
      member(1, "alive"),
      member(2, "dead"),
      member(3, "suspect"),
      member(4, "left")
    ])
    const steps: ReadonlyArray<DemoState.Step> = [
      { title: "nodes join", state: "done", findings: [{ after: 213.4, text: "all see all" }] },
      { title: "one fails", state: "running", findings: [{ after: 1234, text: "a node suspects it" }] },
      { title: "the end", state: "waiting", findings: [] }
    ]
    const event = suspicion(1, 3, 1500, { _tag: "ProbeFailed", relays: [id(2), id(4), id(5)] })
    return DemoState.withEvent({ ...state, steps }, event)
  }

  it("shows the view of each node, the script and the log, on 80 columns", () => {
    expect(text(failing(), 80, 24)).toEqual([
      "gossip demo  real nodes on UDP sockets of 127.0.0.1, all in this process",
      "these settings: one, two, three",
      "",
      "sees:       n1        n2        n3        n4        n5",
      "n1   :40001 ● itself  ✗ dead    ◐ suspect ○ left    · unknown",
      "n2   :40002 ● alive   ● itself  ● alive   ● alive   ● alive",
      "n3   :40003                                                   killed",
      "n4   :40004 ● alive   ● alive   ● alive   ● itself  ● alive   cut off",
      "n5   :40005 ● alive   ● alive   ● alive   ● alive   ● itself",
      "",
      "✓ 1. nodes join",
      "      213 ms  all see all",
      "▶ 2. one fails",
      "      1.23 s  a node suspects it",
      "  3. the end",
      "",
      "    1.50 s  n1 suspects n3: no answer to a direct probe, or through n2, n4 and …",
      "",
      "",
      "",
      "",
      "",
      "",
      "k kill one   a add one   p cut one off   h heal   q quit   each ends the script"
    ])
  })

  it("omits the findings first, then the finished steps, and the log last", () => {
    const short = text(failing(), 80, 19)
    expect(short.filter((line) => /^[✓▶ ] \d\. /.test(line))).toEqual([
      "✓ 1. nodes join  213 ms",
      "▶ 2. one fails",
      "  3. the end"
    ])
    expect(short.join("\n")).not.toContain("all see all")
    expect(text(failing(), 80, 15).filter((line) => / \d\. /.test(line))).toEqual(["▶ 2. one fails"])
    expect(text(failing(), 80, 15).join("\n")).toContain("n1 suspects n3")
  })

  it.each([
    [20, 5],
    [40, 8],
    [60, 12],
    [80, 24],
    [100, 40],
    [250, 70]
  ])("fits %i columns and %i rows, for any number of nodes", (columns, rows) => {
    for (const count of [0, 1, 5, 6, 12, 40, 120]) {
      const lines = DemoScreen.render(stateOf(count), { columns, rows })
      expect(lines.length).toBeLessThanOrEqual(rows)
      for (const line of lines) expect(DemoScreen.plain(line).length).toBeLessThanOrEqual(columns)
    }
  })

  it("shows symbols where words do not fit, and the number of nodes that are not shown", () => {
    const lines = text(stateOf(40), 80, 24)
    expect(lines[3]).toMatch(/^sees: +n1 +n2 .*n15 \+25$/)
    expect(lines[4]).toMatch(/^n1 {3}:40001( ●  ){14}/)
    expect(lines).toContain("and 32 more")
    expect(lines.join("\n")).toContain("● alive  ◐ suspect  ✗ dead  ○ left  · unknown")
  })

  it("has the same text with colours and without, and escape codes only with colours", () => {
    const lines = DemoScreen.render(failing(), { columns: 80, rows: 24 })
    const plain = lines.map((line) => DemoScreen.paint(line, false)).join("\n")
    const colour = lines.map((line) => DemoScreen.paint(line, true)).join("\n")
    expect(plain).not.toContain("\x1b")
    expect(colour).toContain("\x1b[33m◐ suspect ")
    expect(colour.replaceAll(escape, "")).toBe(plain)
    // Every colour is reset by the end of its line.
    for (const line of lines.map((line) => DemoScreen.paint(line, true))) {
      const codes = [...line.matchAll(escape)].map(([code]) => code)
      expect(codes.filter((code) => code === "\x1b[0m")).toHaveLength(codes.length / 2)
    }
  })
})
