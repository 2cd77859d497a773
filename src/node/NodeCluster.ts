/**
 * A node on Node.js.
 *
 * @example
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Effect, Stream } from "effect"
 * import { Membership } from "effect-gossip"
 * import { NodeCluster } from "effect-gossip/node"
 *
 * const program = Effect.gen(function*() {
 *   const membership = yield* Membership
 *   yield* membership.changes.pipe(Stream.runForEach((change) => Effect.log(change)))
 * })
 *
 * program.pipe(
 *   Effect.provide(NodeCluster.layer({ bind: "0.0.0.0:7946", peers: ["10.0.0.1:7946"] })),
 *   NodeRuntime.runMain
 * )
 * ```
 */
import { Layer } from "effect"
import { Cluster, type StartError } from "../cluster/Cluster.ts"
import type { ClusterConfig, ClusterConfigError, ClusterOptions } from "../config/ClusterConfig.ts"
import type { Membership } from "../membership/Membership.ts"
import * as NodeAead from "./NodeAead.ts"
import * as NodeNetwork from "./NodeNetwork.ts"

/** What a node wants of the platform: sockets, and the fastest cipher that loads. */
const platform = Layer.merge(NodeNetwork.layer, NodeAead.layer)

/** A node on this machine's network, from options. It joins when the layer is built and leaves when it is closed. */
export const layer = (
  options: ClusterOptions = {}
): Layer.Layer<Cluster | Membership, StartError | ClusterConfigError> =>
  Layer.fresh(Layer.provide(Cluster.layerOptions(options), platform))

/** The same from a configuration that is resolved already. */
export const layerConfig = (config: ClusterConfig): Layer.Layer<Cluster | Membership, StartError> =>
  Layer.fresh(Layer.provide(Cluster.layer(config), platform))
