import { describe, expect, it } from "@effect/vitest"
import type { SimulationReport } from "../../../src/simulation/report/Report.ts"
import { lines, summaryRows, timeText } from "../../../src/simulation/report/SummaryTable.ts"

const summary: SimulationReport["summary"] = {
  up: 18,
  converged: 2295.736842,
  settled: 601,
  disagreements: [],
  suspected: { first: 1315.7894739999992, median: 1369.421053, last: 1543.1052629999995 },
  detected: { first: 4829.645492, median: 10_979.947368, last: 21_253.631579 },
  undetected: 3,
  falseSuspicions: 268,
  falseDeaths: 1,
  datagramsPerNodeSecond: 10.410788381742739,
  bytesPerNodeSecond: 1408.795020746888,
  dropped: { cut: 1653, lost: 998, oversize: 0, unplugged: 2720 },
  hash: "123e13ee6a888a94",
  events: 27_029
}

const report: SimulationReport = {
  seed: "7",
  duration: 60_000,
  nodes: ["n1", "n2"].map((name) => ({ name, old: false, lives: [], verdicts: "", members: [] })),
  samples: { times: [], datagrams: [], bytes: [], dropped: [] },
  events: [],
  summary
}

const rowOf = (name: string, changed: Partial<SimulationReport["summary"]>) =>
  summaryRows({ ...report, summary: { ...summary, ...changed } }).find(([row]) => row === name)?.[1]

describe("the table of a report", () => {
  it("has all rows", () => {
    expect(lines(summaryRows(report))).toEqual([
      "seed               7",
      "virtual time       60 s",
      "up at the end      18 of 2 nodes",
      "at the end         all agree",
      "converged          after 2.296 s",
      "settled            601 ms after the last step",
      "deaths suspected   1.316 s first, 1.369 s median, 1.543 s last",
      "deaths detected    4.83 s first, 10.98 s median, 21.254 s last",
      "deaths undetected  3",
      "false suspicions   268",
      "false deaths       1",
      "datagrams          10.4 per node and second",
      "bytes              1.41 kB per node and second",
      "dropped            2720 unplugged, 1653 cut, 998 lost",
      "events             27029",
      "trace hash         123e13ee6a888a94"
    ])
  })

  it("says what did not happen", () => {
    expect(rowOf("converged", { converged: undefined })).toBe("never")
    expect(rowOf("settled", { settled: undefined })).toBe("not until the end")
    expect(rowOf("deaths detected", { detected: undefined })).toBe("none")
    expect(rowOf("dropped", { dropped: { lost: 0 } })).toBe("none")
    expect(rowOf("at the end", { up: 0 })).toBe("no node is up")
  })

  it("shows the first disagreements", () => {
    expect(rowOf("at the end", { disagreements: ["a", "b", "c"] })).toBe("a, b, c")
    expect(rowOf("at the end", { disagreements: ["a", "b", "c", "d"] })).toBe("a, b, c, and more")
  })

  it("has readable sizes", () => {
    expect(rowOf("bytes", { bytesPerNodeSecond: 0 })).toBe("0 B per node and second")
    expect(rowOf("bytes", { bytesPerNodeSecond: 999 })).toBe("999 B per node and second")
    expect(rowOf("bytes", { bytesPerNodeSecond: 2_345_678 })).toBe("2.35 MB per node and second")
    expect(rowOf("datagrams", { datagramsPerNodeSecond: 12_345 })).toBe("12345 per node and second")
  })
})

describe("a time for people", () => {
  it.each([
    [0, "0 ms"],
    [0.5, "0.5 ms"],
    [999.4, "999 ms"],
    [999.9, "1 s"],
    [1000, "1 s"],
    [12_345.678, "12.346 s"],
    [3_600_000, "3600 s"],
    [86_400_000, "86400 s"]
  ])("%d ms is %s", (ms, text) => {
    expect(timeText(ms)).toBe(text)
  })
})
