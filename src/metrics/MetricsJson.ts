/**
 * Metrics as plain JSON, for programs that do not read the format of Prometheus.
 *
 * @since 0.2.0
 */
import { type Metric as EffectMetric, Schema } from "effect"

const labels = Schema.Record(Schema.String, Schema.String)

const Read = Schema.Struct({
  help: Schema.String,
  type: Schema.Literals(["counter", "gauge"]),
  series: Schema.Array(Schema.Struct({ labels, value: Schema.Number }))
})

const Histogram = Schema.Struct({
  help: Schema.String,
  type: Schema.Literal("histogram"),
  series: Schema.Array(
    Schema.Struct({
      labels,
      count: Schema.Number,
      sum: Schema.Number,
      /** How many values were at most `le`. Values above the last bound are only in `count`. */
      buckets: Schema.Array(Schema.Struct({ le: Schema.Number, count: Schema.Number }))
    })
  )
})

/**
 * One metric: its help text, its type, and its series.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Metric = Schema.Union([Read, Histogram])

/**
 * Every metric by its name.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MetricsJson = Schema.Record(Schema.String, Metric)
/**
 * Every metric by its name.
 *
 * @see {@link MetricsJson} for the schema
 * @category models
 * @since 0.2.0
 */
export type MetricsJson = typeof MetricsJson.Type

type Series<F extends { readonly series: ReadonlyArray<unknown> }> = Array<F["series"][number]>

/**
 * The series of a registry. Metrics of types that this package does not use are left
 * out.
 *
 * @category conversions
 * @since 0.2.0
 */
export const fromSnapshot = (snapshot: ReadonlyArray<EffectMetric.Metric.Snapshot>): MetricsJson => {
  const json: Record<string, MetricsJson[string]> = {}
  const read = new Map<string, Series<typeof Read.Type>>()
  const histograms = new Map<string, Series<typeof Histogram.Type>>()
  for (const metric of snapshot) {
    const help = metric.description ?? ""
    const labels = { ...metric.attributes }
    switch (metric.type) {
      case "Counter":
      case "Gauge": {
        const series = read.get(metric.id) ?? []
        const value = Number(metric.type === "Counter" ? metric.state.count : metric.state.value)
        read.set(metric.id, series)
        json[metric.id] = { help, type: metric.type === "Counter" ? "counter" : "gauge", series }
        series.push({ labels, value })
        break
      }
      case "Histogram": {
        const { buckets, count, sum } = metric.state
        const series = histograms.get(metric.id) ?? []
        histograms.set(metric.id, series)
        json[metric.id] = { help, type: "histogram", series }
        series.push({ labels, count, sum, buckets: buckets.map(([le, count]) => ({ le, count })) })
      }
    }
  }
  return json
}
