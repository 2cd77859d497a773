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
import { Effect, Layer } from "effect"
import * as Cluster from "../cluster/Cluster.ts"
import type { StartError as ClusterStartError } from "../cluster/Cluster.ts"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import * as ClusterKeyFile from "./ClusterKeyFile.ts"
import * as NodePlatform from "./NodePlatform.ts"

/** Why a node does not start: as anywhere, or its key file or its configuration is no good. */
export type StartError = ClusterStartError | ClusterKeyFile.ReadError | ClusterConfig.ClusterConfigError

/**
 * A node on this machine's network, from options. It joins when the layer is built and leaves when it is closed. The
 * file that `clusterKeyFile` names is read when the layer is built.
 */
export const layer = (options: ClusterConfig.ClusterOptions = {}): Layer.Layer<Cluster.Services, StartError> =>
  Layer.unwrap(Effect.map(Effect.fromResult(ClusterConfig.make(options)), layerConfig))

/** The same from a configuration that is resolved already. */
export const layerConfig = (config: ClusterConfig.ClusterConfig): Layer.Layer<Cluster.Services, StartError> =>
  Layer.unwrap(
    Effect.map(ClusterKeyFile.load(config), (config) => Cluster.layer(config, { leave: "acknowledged" }))
  ).pipe(Layer.provide(NodePlatform.layer))
