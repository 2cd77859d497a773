/**
 * Cluster membership by SWIM gossip over UDP, on Effect 4.
 *
 * `Cluster` is a node as a layer; `Membership` is the service that programs ask.
 * On Node.js take the layer from `effect-gossip/node`.
 */
export { Cluster } from "./cluster/Cluster.ts"
export { NodeMetrics } from "./cluster/NodeMetrics.ts"
export * as ClusterConfig from "./config/ClusterConfig.ts"
export * as Change from "./domain/Change.ts"
export * as ClusterKey from "./domain/ClusterKey.ts"
export * as NodeId from "./domain/NodeId.ts"
export * as Peer from "./domain/Peer.ts"
export { Membership } from "./membership/Membership.ts"
export { MetricsJson } from "./metrics/MetricsJson.ts"
export { Aead } from "./transport/Aead.ts"
export * as KeyRing from "./transport/KeyRing.ts"
export { Network } from "./transport/Network.ts"
export { AdvertiseError, BindError } from "./transport/Transport.ts"
export * as Message from "./wire/Message.ts"
export * as WireError from "./wire/WireError.ts"
