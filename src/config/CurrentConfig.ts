/**
 * The configuration of the node that a layer belongs to.
 *
 * @since 0.2.0
 */
import { Context } from "effect"
import type { ClusterConfig } from "./ConfigTable.ts"

/**
 * The checked configuration of one node, which its components read.
 *
 * @category services
 * @since 0.2.0
 */
export class CurrentConfig extends Context.Service<CurrentConfig, ClusterConfig>()(
  "effect-gossip/config/CurrentConfig"
) {}
