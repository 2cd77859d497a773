/**
 * The scope of the work that a node starts itself: probing, gossiping, joining,
 * comparing tables. A node that leaves closes it first, and still answers messages.
 *
 * @since 0.2.0
 */
import { Context, Effect, Layer, Scope } from "effect"

/**
 * The scope in which components run their periodic work.
 *
 * **Details**
 *
 * `Cluster` closes it when the node starts to leave. Components that must work
 * until the end, such as `Transport`, use the scope of their layer instead.
 *
 * @category services
 * @since 0.2.0
 */
export class Activity extends Context.Service<Activity, Scope.Closeable>()("effect-gossip/time/Activity") {}

/**
 * A scope that closes with the layer at the latest.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Activity> = Layer.effect(
  Activity,
  Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope))
)
