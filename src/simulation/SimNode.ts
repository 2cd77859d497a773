/**
 * The nodes of a simulation.
 *
 * @since 0.2.0
 */
import type { Context, Effect, Layer } from "effect"
import type * as Cluster from "../cluster/Cluster.ts"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import type { Membership } from "../membership/Membership.ts"
import type { Bound } from "../metrics/Metrics.ts"
import type { Level0SimNode } from "./level0/Level0SimNode.ts"
import type { MachineServices, NodeBase, RestartOptions, StartFailure } from "./NodeBase.ts"

/**
 * The services of a node.
 *
 * @category models
 * @since 0.2.0
 */
export type NodeServices = Cluster.Services

/**
 * A node of any kind.
 *
 * @category models
 * @since 0.2.0
 */
export type AnyNode = SimNode | Level0SimNode

/**
 * A layer that runs on a node beside the cluster.
 *
 * @category models
 * @since 0.2.0
 */
export type NodeLayer<R, E> = Layer.Layer<R, E, NodeServices | MachineServices>

/**
 * A node of this project. `R` is what its layer provides.
 *
 * @category models
 * @since 0.2.0
 */
export interface SimNode<in R = never> extends NodeBase {
  readonly kind: "node"
  readonly config: ClusterConfig.ClusterConfig
  /** The bounded tables of the node with their limits. */
  readonly bounds: ReadonlyArray<Bound>
  /** Loops of the node that have ended although they must not. */
  readonly deadLoops: ReadonlySet<string>
  readonly membership: Membership["Service"]
  /** The node's member table, for measurements. */
  readonly view: ClusterView
  readonly restart: (options: RestartOptions) => Effect.Effect<SimNode<R>, StartFailure>
  /** All services on the node. */
  readonly context: Context.Context<NodeServices | R>
  /** Runs an effect on the node, with its services and its clock. The end of the node interrupts it. */
  readonly run: <A, E, R2>(
    effect: Effect.Effect<A, E, R2>
  ) => Effect.Effect<A, E, Exclude<R2, NodeServices | MachineServices | R>>
}
