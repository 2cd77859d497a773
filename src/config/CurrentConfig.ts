/** The configuration of the node that a layer belongs to. */
import { Context } from "effect"
import type { ClusterConfig } from "./ClusterConfig.ts"

/** One node's resolved configuration. */
export class CurrentConfig extends Context.Service<CurrentConfig, ClusterConfig>()(
  "effect-gossip/config/CurrentConfig"
) {}
