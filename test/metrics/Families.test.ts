import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { families, type Family, type HistogramFamily, histograms, labelValue } from "../../src/metrics/Families.ts"
import { version } from "../../src/domain/Version.ts"

const all: ReadonlyArray<Family | HistogramFamily> = [...Object.values(families), ...Object.values(histograms)]

describe("the metrics", () => {
  it("have different names that show their type, and a help text of one sentence", () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    for (const { help, name, type } of all) {
      expect(name).toMatch(/^swim_[a-z]+(_[a-z]+)*$/)
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"])
      expect([name, name.endsWith("_seconds")]).toEqual([name, type === "histogram"])
      expect(help).toMatch(/^[A-Z].*[^.]\.$/)
    }
  })

  it("have bounds that rise", () => {
    for (const { bounds } of Object.values(histograms)) {
      expect(bounds.toSorted((a, b) => a - b)).toEqual(bounds)
      expect(new Set(bounds).size).toBe(bounds.length)
    }
  })

  it("have label values in one style", () => {
    expect(["PingReq", "Ack", "ChecksumMismatch", "SameId"].map(labelValue)).toEqual([
      "ping_req",
      "ack",
      "checksum_mismatch",
      "same_id"
    ])
  })
})

describe("the version", () => {
  it("is that of the package", () => {
    const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
    expect(manifest).toMatchObject({ version })
  })
})
