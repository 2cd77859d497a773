/**
 * The metrics of one node, for Prometheus, for JSON, and for other exporters of
 * Effect.
 *
 * @since 0.2.0
 */
import { Context, Effect, Layer, type Metric, Option } from "effect"
import { AntiEntropy } from "../anti-entropy/AntiEntropy.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { ReliableDelivery } from "../delivery/ReliableDelivery.ts"
import { Events } from "../events/Events.ts"
import { FailureDetector } from "../failure-detector/FailureDetector.ts"
import { Gossip } from "../gossip/Gossip.ts"
import { Join } from "../join/Join.ts"
import { ChangeFeed } from "../membership/ChangeFeed.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { Queries } from "../queries/Queries.ts"
import { NodeState } from "../state/NodeState.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"
import { families, histograms } from "./Families.ts"
import { MetricRegistry } from "./MetricRegistry.ts"
import type { MetricsJson } from "./MetricsJson.ts"
import * as PrometheusText from "./PrometheusText.ts"
import { type Bound, boundsOf, type Measured, sourcesOf } from "./Sources.ts"
import { StatusChanges } from "./StatusChanges.ts"

export type { Bound } from "./Sources.ts"

/**
 * The media type of `prometheus`.
 *
 * @category constants
 * @since 0.2.0
 */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * The metrics of one node.
 *
 * **Details**
 *
 * Components count in plain numbers, and a metric is read from them when somebody
 * asks, so that counting costs next to nothing. Each node has its own registry: two
 * nodes of one process share no metric, and none is in the global registry.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Metrics } from "effect-gossip"
 *
 * const program = Effect.gen(function*() {
 *   const { prometheus } = yield* Metrics.Metrics
 *   yield* Effect.log(yield* prometheus)
 * })
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Metrics extends Context.Service<
  Metrics,
  {
    /** Every metric as it is now, in the text format of Prometheus. */
    readonly prometheus: Effect.Effect<string>
    /** The same as plain JSON, by name. */
    readonly json: Effect.Effect<MetricsJson>
    /** The node's own registry, for other exporters of Effect: provide it as `Metric.MetricRegistry`. */
    readonly registry: Metric.MetricRegistry
    /** Calls a function that adds metrics of your own once somebody reads the registry, which many nodes never do. */
    readonly whenRead: (add: (registry: Metric.MetricRegistry) => void) => void
    /** Everything of the node that can grow. */
    readonly bounds: ReadonlyArray<Bound>
  }
>()("effect-gossip/metrics/Metrics") {}

const serve = (registry: MetricRegistry, bounds: ReadonlyArray<Bound>): Metrics["Service"] => ({
  prometheus: Effect.sync(() => PrometheusText.format(registry.json)),
  json: Effect.sync(() => registry.json),
  get registry() {
    return registry.registry
  },
  whenRead: (add) => registry.whenRead(add),
  bounds
})

/**
 * Measures all components of a node.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<
  Metrics,
  never,
  | AntiEntropy
  | ChangeFeed
  | CurrentConfig
  | Events
  | FailureDetector
  | Gossip
  | Join
  | LocalView
  | NodeClock
  | Outbox
  | Queries
  | ReliableDelivery
  | Transport
> = Layer.effect(
  Metrics,
  Effect.gen(function* () {
    const measured: Measured = {
      limits: (yield* CurrentConfig).limits,
      antiEntropy: yield* AntiEntropy,
      clock: yield* NodeClock,
      delivery: yield* ReliableDelivery,
      detector: yield* FailureDetector,
      events: yield* Events,
      feed: yield* ChangeFeed,
      gossip: yield* Gossip,
      join: yield* Join,
      outbox: yield* Outbox,
      queries: yield* Queries,
      state: Option.getOrUndefined(yield* NodeState),
      transport: yield* Transport,
      view: yield* LocalView
    }
    const { detector, view } = measured
    const bounds = boundsOf(measured)
    const registry = new MetricRegistry((registry) =>
      registry.registerAll(families, sourcesOf(measured, changes, bounds))
    )
    const roundTrip = registry.histogram(histograms.probeRoundTrip)
    const changes = new StatusChanges(view, {
      detection: registry.histogram(histograms.detection),
      suspicion: registry.histogramsBy(histograms.suspicionDuration, ["died", "recovered"])
    })
    view.observe({ transition: (transition) => changes.note(transition) })
    detector.onRoundTrip((ms) => roundTrip(ms / 1000))

    return serve(registry, bounds)
  })
)

/**
 * No metrics: the registry is empty, and nothing is measured.
 *
 * **When to use**
 *
 * Use it where a layer needs `Metrics`, such as the HTTP routes, and the node that
 * you compose has none. A node itself runs without.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerNone: Layer.Layer<Metrics> = Layer.sync(Metrics, () => serve(new MetricRegistry(), []))
