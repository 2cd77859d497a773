/**
 * Cluster membership by SWIM gossip over UDP, on Effect 4.
 *
 * Each module is a namespace with a service tag, its layers and its types. `Cluster.layer` composes a whole node;
 * `Membership.Membership` is the service that programs use. On Node.js take the layer from `effect-gossip/node`.
 */
export * as AntiEntropy from "./anti-entropy/AntiEntropy.ts"
export * as Cluster from "./cluster/Cluster.ts"
export * as ClusterConfig from "./config/ClusterConfig.ts"
export * as Aead from "./crypto/Aead.ts"
export * as ClusterKey from "./crypto/ClusterKey.ts"
export * as KeyRing from "./crypto/KeyRing.ts"
export * as ReliableDelivery from "./delivery/ReliableDelivery.ts"
export * as Change from "./domain/Change.ts"
export * as NodeId from "./domain/NodeId.ts"
export * as Peer from "./domain/Peer.ts"
export * as CurrentConfig from "./config/CurrentConfig.ts"
export * as FailureDetector from "./failure-detector/FailureDetector.ts"
export * as Gossip from "./gossip/Gossip.ts"
export * as Join from "./join/Join.ts"
export * as JoinState from "./membership/JoinState.ts"
export * as LocalView from "./membership/LocalView.ts"
export * as Membership from "./membership/Membership.ts"
export * as Metrics from "./metrics/Metrics.ts"
export * as MetricsJson from "./metrics/MetricsJson.ts"
export * as Outbox from "./outbox/Outbox.ts"
export * as Activity from "./time/Activity.ts"
export * as NodeClock from "./time/NodeClock.ts"
export * as Keys from "./transport/Keys.ts"
export * as Network from "./transport/Network.ts"
export * as Transport from "./transport/Transport.ts"
export * as Message from "./wire/Message.ts"
export * as WireError from "./wire/WireError.ts"
