/**
 * Level 0 nodes in a simulation.
 *
 * @since 0.2.0
 */
import type { Effect } from "effect"
import type { NodeBase, RestartOptions, StartFailure } from "../NodeBase.ts"
import type { Level0Node } from "./Level0Node.ts"

/**
 * A node of extension level 0. It speaks version 1 of the protocol only, as the older implementation does.
 *
 * @category models
 * @since 0.2.0
 */
export interface Level0SimNode extends NodeBase {
  readonly kind: "level0"
  readonly level0: Level0Node
  readonly restart: (options: RestartOptions) => Effect.Effect<Level0SimNode, StartFailure>
}
