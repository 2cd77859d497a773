import { Context, Metric, Schema } from "effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { describe, expect, it } from "vitest"
import type { Family, HistogramFamily } from "../../src/metrics/Families.ts"
import { MetricRegistry } from "../../src/metrics/MetricRegistry.ts"
import { readingsOf } from "../../src/metrics/Reading.ts"
import { MetricsJson } from "../../src/metrics/MetricsJson.ts"
import * as PrometheusText from "../../src/metrics/PrometheusText.ts"
import { parse, valuesOf } from "./PrometheusText.ts"

const eaten: Family = { type: "counter", name: "eaten_total", help: "What was eaten.", label: "fruit" }
const left: Family = { type: "gauge", name: "left", help: "What is left.", label: undefined }
const weight = {
  type: "histogram",
  name: "weight",
  help: "What it weighs.",
  label: undefined,
  bounds: [1, 2.5]
} as const

const textOf = (registry: MetricRegistry): string => PrometheusText.format(registry.json)

describe("a registry", () => {
  it("gives each value at the moment of the scrape", () => {
    const registry = new MetricRegistry()
    const counts = { RedApple: 0, Pear: 1 }
    let remaining = 7
    registry.registerAll({ eaten, left }, { eaten: readingsOf(counts), left: () => remaining })
    const expected = (apples: number, rest: number) =>
      new Map([
        [`eaten_total{fruit="red_apple"}`, apples],
        [`eaten_total{fruit="pear"}`, 1],
        ["left", rest]
      ])
    expect(valuesOf(textOf(registry))).toEqual(expected(0, 7))
    counts.RedApple += 2
    remaining = -1
    expect(valuesOf(textOf(registry))).toEqual(expected(2, -1))
    expect(parse(textOf(registry)).get("eaten_total")).toMatchObject({ help: "What was eaten.", type: "counter" })
  })

  it("has histograms from the start, and puts a value in the first bucket that holds it", () => {
    const registry = new MetricRegistry()
    const observe = registry.histogram(weight)
    const counts = () =>
      parse(textOf(registry))
        .get("weight")
        ?.samples.map(({ value }) => value)
    expect(counts()).toEqual([0, 0, 0, 0, 0])
    for (const value of [0, 1, 1.5, 2.5, 3]) observe(value)
    expect(counts()).toEqual([2, 4, 5, 8, 5])
  })

  it("distinguishes histograms of one name by their label", () => {
    const registry = new MetricRegistry()
    const family: HistogramFamily & { readonly label: string } = { ...weight, label: "fruit" }
    const observe = registry.histogramsBy(family, ["apple", "pear"])
    observe("pear")(2)
    const values = valuesOf(textOf(registry))
    expect(values.get(`weight_count{fruit="apple"}`)).toBe(0)
    expect(values.get(`weight_bucket{fruit="pear",le="1"}`)).toBe(0)
    expect(values.get(`weight_bucket{fruit="pear",le="2.5"}`)).toBe(1)
  })

  it("has the text that the exporter of Effect makes of it", () => {
    const registry = new MetricRegistry()
    expect(textOf(registry)).toBe("")
    let value = 0.5
    const odd: Family = { ...left, name: "odd", help: "A \\ and\nmore." }
    const bare: Family = { ...left, name: "bare", help: "" }
    registry.registerAll(
      { eaten, left, odd, bare },
      { eaten: { pear: () => 1, ['a "\\\n']: () => 2e21 }, left: () => value, odd: () => 1e-9, bare: () => 3 }
    )
    registry.histogram(weight)(2)
    registry.histogramsBy({ ...weight, name: "weights", label: "fruit" }, ["apple", "pear"])("pear")(3)
    for (value of [0.5, -0, NaN, Infinity, -Infinity]) {
      expect(textOf(registry)).toBe(PrometheusMetrics.formatUnsafe(registry.context))
    }
  })

  it("gives the same values as JSON, which can be written and read", () => {
    const registry = new MetricRegistry()
    registry.registerAll({ eaten, left }, { eaten: readingsOf({ Pear: 1 }), left: () => 0.5 })
    registry.histogram(weight)(2)
    expect(registry.json).toEqual({
      eaten_total: { help: "What was eaten.", type: "counter", series: [{ labels: { fruit: "pear" }, value: 1 }] },
      left: { help: "What is left.", type: "gauge", series: [{ labels: {}, value: 0.5 }] },
      weight: {
        help: "What it weighs.",
        type: "histogram",
        series: [
          {
            labels: {},
            count: 1,
            sum: 2,
            buckets: [
              { le: 1, count: 0 },
              { le: 2.5, count: 1 }
            ]
          }
        ]
      }
    })
    expect(Schema.decodeUnknownSync(MetricsJson)(JSON.parse(JSON.stringify(registry.json)))).toEqual(registry.json)
  })

  it("adds what waits for the first read then, and later additions at once", () => {
    const registry = new MetricRegistry()
    const added: Array<string> = []
    registry.whenRead((own) => {
      added.push("early")
      Metric.counter("own_total").valueUnsafe(Context.make(Metric.MetricRegistry, own))
    })
    expect(added).toEqual([])
    expect(Object.keys(registry.json)).toEqual(["own_total"])
    expect(Object.keys(registry.json)).toEqual(["own_total"])
    expect(added).toEqual(["early"])
    registry.whenRead(() => added.push("late"))
    expect(added).toEqual(["early", "late"])
  })

  it("is shared with no other registry and not with the program", () => {
    const first = new MetricRegistry()
    const second = new MetricRegistry()
    first.registerAll({ left }, { left: () => 1 })
    second.registerAll({ left }, { left: () => 2 })
    const observe = first.histogram(weight)
    second.histogram(weight)
    observe(1)
    expect(valuesOf(textOf(first)).get("left")).toBe(1)
    expect(valuesOf(textOf(second)).get("left")).toBe(2)
    expect(valuesOf(textOf(second)).get("weight_count")).toBe(0)
    expect(Metric.snapshotUnsafe(first.context).length).toBe(2)
    expect(first.registry).not.toBe(second.registry)
  })
})
