/** Stands for `effect-gossip/node` in a program of the README: its node is on the network that is provided. */
import * as Cluster from "../../src/cluster/Cluster.ts"

export const NodeCluster = { layer: Cluster.layerOptions }
