/**
 * A node on Node.js.
 *
 * @since 0.2.0
 */
import { hostname } from "node:os"
import { Config, Effect, Layer, Result } from "effect"
import * as Cluster from "../cluster/Cluster.ts"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import * as OwnTags from "../domain/OwnTags.ts"
import * as AdminTokenFile from "./AdminTokenFile.ts"
import * as ClusterKeyFile from "./ClusterKeyFile.ts"
import type { NodeAdminError } from "./NodeAdmin.ts"
import type { NodeStateError } from "../state/NodeState.ts"
import * as NodePlatform from "./NodePlatform.ts"
import * as StateDirectory from "./StateDirectory.ts"

/**
 * Why a node does not start on Node.js: as anywhere, or its options, its key file,
 * its token file, its state, or its HTTP server.
 *
 * @category errors
 * @since 0.2.0
 */
export type StartError =
  | AdminTokenFile.ReadError
  | Cluster.StartError
  | ClusterConfig.ClusterConfigError
  | ClusterKeyFile.ReadError
  | NodeAdminError
  | NodeStateError

/**
 * A node on this machine's network, from options.
 *
 * **When to use**
 *
 * Use it to run a node in a program on Node.js. For a configuration from the
 * environment or another source of Effect's `Config`, use `layerConfig`.
 *
 * **Details**
 *
 * The node joins when the layer is built, and leaves when it closes: `leave` is
 * `acknowledged` if it is left out, so the node waits until the members have
 * acknowledged that, at most 2 s by default. The layer is built once however often it
 * is provided; two calls give two nodes.
 *
 * Reads the files of `clusterKeyFile` and `admin.tokenFile`, and keeps the state of
 * the node in `stateDir`. Serves the node over
 * HTTP at `metrics.serverPort` and at `admin.socket`, if one of them is set; the
 * server is loaded only then. Uses libsodium where the package `sodium-native` is
 * installed.
 *
 * @example
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Effect, Stream } from "effect"
 * import { Membership } from "effect-gossip"
 * import { NodeCluster } from "effect-gossip/node"
 *
 * const program = Effect.gen(function*() {
 *   const { changes } = yield* Membership.Membership
 *   yield* Stream.runForEach(changes, (change) => Effect.log(change))
 * })
 *
 * program.pipe(
 *   Effect.provide(NodeCluster.layer({ bind: "0.0.0.0:7946", peers: ["10.0.0.1:7946"] })),
 *   NodeRuntime.runMain
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Cluster.Options = {}): Layer.Layer<Cluster.Services, StartError> =>
  Layer.unwrap(fromOptions(options))

/**
 * A node on this machine's network, from options that come from Effect's `Config`.
 *
 * **Details**
 *
 * Takes one `Config` of all options, or a record of a `Config` for each.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { NodeCluster } from "effect-gossip/node"
 *
 * const Node = NodeCluster.layerConfig({
 *   bind: Config.String("BIND").pipe(Config.withDefault("0.0.0.0:7946")),
 *   peers: Config.map(Config.String("PEERS"), (peers) => peers.split(",")),
 *   clusterKey: Config.Redacted("CLUSTER_KEY")
 * })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = (
  options: Config.Wrap<Cluster.Options>
): Layer.Layer<Cluster.Services, StartError | Config.ConfigError> =>
  Layer.unwrap(Effect.flatMap(Config.unwrap(options), fromOptions))

/**
 * A node on this machine's network, from a configuration that is resolved already,
 * as `ClusterConfig.make` does.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerResolved = (
  config: ClusterConfig.ClusterConfig,
  options: Cluster.LayerOptions = {}
): Layer.Layer<Cluster.Services, StartError> =>
  Layer.unwrap(
    Effect.map(
      // The token is checked also where nothing is served yet.
      Effect.andThen(
        isServed(config) ? Effect.void : Effect.asVoid(AdminTokenFile.load(config)),
        ClusterKeyFile.load(config)
      ),
      (resolved): Layer.Layer<Cluster.Services, StartError, NodePlatform.NodePlatform> => {
        const node = Cluster.layer(named(resolved), { ...options, leave: options.leave ?? "acknowledged" }).pipe(
          Layer.provide(StateDirectory.layer(resolved))
        )
        return isServed(config) ? Layer.provideMerge(served(config), node) : node
      }
    )
  ).pipe(Layer.provide(NodePlatform.layer))

/** A node without a name gets that of its host, if its tags leave room for it. */
const named = (config: ClusterConfig.ClusterConfig): ClusterConfig.ClusterConfig => {
  const { network, node } = config
  const name = OwnTags.shortName(hostname())
  if (node.name !== undefined || name === "") return config
  return Result.isSuccess(OwnTags.checkRoom(node.tags, name, network.maxDatagram))
    ? { ...config, node: { ...node, name } }
    : config
}

const fromOptions = ({ joinTimeout, leave, ...options }: Cluster.Options) =>
  Effect.map(Effect.fromResult(ClusterConfig.make(options)), (config) => layerResolved(config, { joinTimeout, leave }))

const isServed = ({ admin, metrics }: ClusterConfig.ClusterConfig): boolean =>
  metrics.serverPort > 0 || admin.socket !== undefined

// An HTTP server takes a while to load, and few nodes have one.
const served = (config: ClusterConfig.ClusterConfig) =>
  Layer.unwrap(
    Effect.map(Effect.orDie(Effect.tryPromise(() => import("./NodeAdmin.ts"))), ({ layerResolved }) =>
      layerResolved(config)
    )
  )
