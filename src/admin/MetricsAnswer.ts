/**
 * What `GET /metrics/json` answers: every metric by its Prometheus name, and beside them, as plain numbers, the names
 * that the older implementation in Rust gives, so that its users' scripts and dashboards go on working.
 */
import { Record, Schema, Struct } from "effect"
import { Metric, type MetricsJson } from "../metrics/MetricsJson.ts"

/** The Prometheus name of the metric that each of the older names stands for. */
const metricOf = {
  gossip_rounds: "swim_gossip_rounds_total",
  gossip_sent: "swim_gossip_sent_total",
  gossip_recv: "swim_gossip_recv_total",
  pings_sent: "swim_pings_sent_total",
  pings_recv: "swim_pings_recv_total",
  acks_sent: "swim_acks_sent_total",
  acks_recv: "swim_acks_recv_total",
  ping_reqs_sent: "swim_ping_reqs_sent_total",
  ping_reqs_recv: "swim_ping_reqs_recv_total",
  probe_direct_timeouts: "swim_probe_direct_timeouts_total",
  probe_failures: "swim_probe_failures_total",
  merges_new: "swim_merges_new_total",
  merges_updated: "swim_merges_updated_total",
  merges_stale: "swim_merges_stale_total",
  anti_entropy_sent: "swim_anti_entropy_sent_total",
  rate_limited: "swim_rate_limited_total",
  reliable_retries: "swim_reliable_retries_total",
  reliable_exhausted: "swim_reliable_exhausted_total",
  alive: "swim_members_alive",
  suspect: "swim_members_suspect",
  dead: "swim_members_dead"
} as const

const olderNames = Struct.keys(metricOf)

/**
 * The body of `GET /metrics/json`.
 *
 * **Details**
 *
 * `alive`, `suspect` and `dead` count members; the other flat names count events since the start of the node. Metrics
 * under their Prometheus names carry their help text, type and all of their series.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MetricsAnswer = Schema.StructWithRest(Schema.Record(Schema.Literals(olderNames), Schema.Number), [
  Schema.Record(Schema.TemplateLiteral(["swim_", Schema.String]), Metric)
])
/**
 * The body of `GET /metrics/json`, decoded.
 *
 * @category models
 * @since 0.2.0
 */
export type MetricsAnswer = typeof MetricsAnswer.Type

const valueOf = (metrics: MetricsJson, name: string): number => {
  const metric = metrics[name]
  return metric === undefined || metric.type === "histogram" ? 0 : (metric.series[0]?.value ?? 0)
}

/**
 * Adds the older names to the metrics of a node.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (metrics: MetricsJson): MetricsAnswer => ({
  ...Record.map(metricOf, (name) => valueOf(metrics, name)),
  ...metrics
})
