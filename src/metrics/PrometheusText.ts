/**
 * Metrics in the text format of Prometheus. It says what `PrometheusMetrics` of Effect says, which brings an HTTP server
 * with it: a third of the time in which this library is loaded.
 */
import type { MetricsJson } from "./MetricsJson.ts"

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")

const numeral = (value: number): string => (value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value))

const labelled = (labels: Readonly<Record<string, string>>): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`
}

const linesOf = (name: string, metric: MetricsJson[string]): ReadonlyArray<string> =>
  metric.type === "histogram"
    ? metric.series.flatMap(({ buckets, count, labels, sum }) => [
        ...buckets
          .filter(({ le }) => le !== Infinity)
          .map((bucket) => `${name}_bucket${labelled({ ...labels, le: String(bucket.le) })} ${bucket.count}`),
        `${name}_bucket${labelled({ ...labels, le: "+Inf" })} ${count}`,
        `${name}_sum${labelled(labels)} ${numeral(sum)}`,
        `${name}_count${labelled(labels)} ${count}`
      ])
    : metric.series.map(({ labels, value }) => `${name}${labelled(labels)} ${numeral(value)}`)

/** The text of metrics. */
export const format = (metrics: MetricsJson): string =>
  Object.entries(metrics)
    .flatMap(([name, metric]) => [
      ...(metric.help === "" ? [] : [`# HELP ${name} ${escaped(metric.help)}`]),
      `# TYPE ${name} ${metric.type}`,
      ...linesOf(name, metric)
    ])
    .map((line) => `${line}\n`)
    .join("")
