import { describe, expect, it } from "vitest"
import { summaryLine, type Totals } from "../../src/metrics/SummaryLine.ts"

const start: Totals = {
  at: 500,
  alive: 1,
  suspect: 0,
  dead: 0,
  datagramsIn: 10,
  bytesIn: 1000,
  datagramsOut: 20,
  bytesOut: 2000,
  dropped: 3,
  localHealth: 0
}

describe("the summary", () => {
  it("has the present state, and the traffic per second since the last line", () => {
    const now: Totals = {
      at: 10_500,
      alive: 5,
      suspect: 2,
      dead: 1,
      datagramsIn: 31,
      bytesIn: 2700,
      datagramsOut: 20,
      bytesOut: 2003,
      dropped: 7,
      localHealth: 4
    }
    expect(summaryLine(now, start)).toBe(
      "5 alive, 2 suspect, 1 dead; 2.1 datagrams/s (170 B/s) in, 0 (0.3 B/s) out, 4 dropped; local health 4"
    )
  })

  it("has no rate without time", () => {
    expect(summaryLine({ ...start, datagramsIn: 100 }, start)).toContain("; 0 datagrams/s (0 B/s) in, ")
  })
})
