/**
 * One node of a cluster, composed of the components of this library.
 *
 * `layer` is a whole node with the default components. `layerNode` is the part
 * that passes messages between components; compose it with components of your
 * own where the default ones do not fit.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, type Option, type Scope } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import type { Dns, NetAddress } from "effect/net"
import * as AntiEntropy from "../anti-entropy/AntiEntropy.ts"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { KeyRing } from "../crypto/KeyRing.ts"
import * as ReliableDelivery from "../delivery/ReliableDelivery.ts"
import type { NodeId } from "../domain/NodeId.ts"
import * as Events from "../events/Events.ts"
import * as FailureDetector from "../failure-detector/FailureDetector.ts"
import * as Gossip from "../gossip/Gossip.ts"
import * as Join from "../join/Join.ts"
import * as ChangeFeed from "../membership/ChangeFeed.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import * as JoinState from "../membership/JoinState.ts"
import * as LocalView from "../membership/LocalView.ts"
import * as Membership from "../membership/Membership.ts"
import * as Metrics from "../metrics/Metrics.ts"
import * as Outbox from "../outbox/Outbox.ts"
import * as Queries from "../queries/Queries.ts"
import { type Kept, NodeState } from "../state/NodeState.ts"
import * as Activity from "../time/Activity.ts"
import * as NodeClock from "../time/NodeClock.ts"
import * as Keys from "../transport/Keys.ts"
import type { Network } from "../transport/Network.ts"
import type { AdvertiseSource } from "../transport/AdvertisedAddress.ts"
import * as Transport from "../transport/Transport.ts"
import { Dispatch } from "./Dispatch.ts"
import * as JoinWait from "./JoinWait.ts"
import { type LeaveMode, LeaveOnClose, make as makeLeaving } from "./Leaving.ts"
import { remember } from "./Remembering.ts"
import { logWarnings } from "./Warnings.ts"

export { type LeaveMode, LeaveOnClose } from "./Leaving.ts"

/**
 * Why a node does not start: its socket, its address, its keys, or that it did
 * not join in time.
 *
 * @category errors
 * @since 0.2.0
 */
export type StartError = Transport.BindError | Transport.AdvertiseError | Keys.KeysError | JoinWait.JoinTimeout

/**
 * This node of the cluster: who it is, and how it leaves.
 *
 * **When to use**
 *
 * Use it to read the node's id and addresses, to leave before the layer closes,
 * or to change keys. For the members of the cluster use `Membership`.
 *
 * @category services
 * @since 0.2.0
 */
export class Cluster extends Context.Service<
  Cluster,
  {
    readonly id: NodeId
    /** The address that is bound. */
    readonly bound: NetAddress.InetAddress
    /** The address that other members are told now, and how it was chosen. */
    readonly advertised: NetAddress.InetAddress
    readonly advertisedFrom: AdvertiseSource
    /**
     * Leaves the cluster: stops probing and gossiping, sends LEAVE, and succeeds when
     * the members have acknowledged it, at the latest after `reliableAckTimeout x
     * (reliableMaxRetries + 1)`. A second call waits for the first. What happens when
     * the layer closes without it is said by `LeaveOnClose`.
     */
    readonly leave: Effect.Effect<void>
    /** Succeeds when the node has left, whoever asked for it. */
    readonly awaitLeft: Effect.Effect<void>
    /** The keys that seal and open datagrams; none if encryption is off. */
    readonly keyRing: Option.Option<KeyRing["Service"]>
    /** What the node keeps from run to run, and whether that is saved; none if it keeps nothing. */
    readonly state: Option.Option<Kept>
  }
>()("effect-gossip/cluster/Cluster") {}

const make = Effect.gen(function* () {
  const { fork } = yield* NodeClock.NodeClock
  const transport = yield* Transport.Transport
  const view = yield* LocalView.LocalView
  const delivery = yield* ReliableDelivery.ReliableDelivery
  const detector = yield* FailureDetector.FailureDetector
  const gossip = yield* Gossip.Gossip
  const join = yield* Join.Join
  const antiEntropy = yield* AntiEntropy.AntiEntropy
  const outbox = yield* Outbox.Outbox
  const events = yield* Events.Events
  const queries = yield* Queries.Queries

  const dispatch = new Dispatch({ view, outbox, detector, gossip, join, antiEntropy, delivery, events, queries })
  yield* fork(
    "receiving",
    transport.run((inbound, datagram, now) => dispatch.receive(inbound, datagram, now))
  )

  yield* logWarnings
  yield* remember
  const { awaitLeft, leave } = yield* makeLeaving

  return Cluster.of({
    id: view.selfId,
    bound: transport.bound,
    get advertised() {
      return view.table.inetAddress(SelfSlot)
    },
    advertisedFrom: transport.advertisedFrom,
    leave,
    awaitLeft,
    keyRing: transport.keyRing,
    state: yield* NodeState
  })
})

/**
 * A node made of the components that are provided: it passes each message to them,
 * and leaves as `LeaveOnClose` says when the layer closes.
 *
 * **When to use**
 *
 * Use it to replace a component. `layerParts` shows the order in which the others
 * are composed.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerNode: Layer.Layer<
  Cluster,
  never,
  | Activity.Activity
  | AntiEntropy.AntiEntropy
  | ChangeFeed.ChangeFeed
  | CurrentConfig
  | Events.Events
  | FailureDetector.FailureDetector
  | Gossip.Gossip
  | Join.Join
  | LocalView.LocalView
  | NodeClock.NodeClock
  | Outbox.Outbox
  | Queries.Queries
  | ReliableDelivery.ReliableDelivery
  | Transport.Transport
> = Layer.effect(Cluster, make)

/**
 * What every component of a node rests on: its clock, its activity, whether it has
 * joined, and its keys.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerBase: Layer.Layer<
  Activity.Activity | JoinState.JoinState | Keys.Keys | NodeClock.NodeClock,
  Keys.KeysError,
  CurrentConfig | Kdf.Kdf | SecureRandom.SecureRandom
> = Layer.mergeAll(
  Activity.layer,
  JoinState.layer,
  Keys.layer,
  // A timer that is half a probe timeout late makes the result of a probe worthless.
  Layer.unwrap(
    Effect.map(CurrentConfig, ({ probes }) => NodeClock.layer({ pauseThreshold: Duration.times(probes.timeout, 0.5) }))
  )
)

/**
 * The services that a node consists of.
 *
 * @category models
 * @since 0.2.0
 */
export type Services =
  | Activity.Activity
  | AntiEntropy.AntiEntropy
  | ChangeFeed.ChangeFeed
  | Cluster
  | CurrentConfig
  | Events.Events
  | FailureDetector.FailureDetector
  | Gossip.Gossip
  | Join.Join
  | JoinState.JoinState
  | Keys.Keys
  | LocalView.LocalView
  | Membership.Membership
  | Metrics.Metrics
  | NodeClock.NodeClock
  | Outbox.Outbox
  | Queries.Queries
  | ReliableDelivery.ReliableDelivery
  | Transport.Transport

/**
 * A node of the default components, for the configuration in `CurrentConfig`.
 *
 * **When to use**
 *
 * Use it to provide other cryptography than that of `layer`, or read it before you
 * compose a node with a component of your own: it is written with public layers
 * only.
 *
 * **Gotchas**
 *
 * It is one value, and a layer is built once: two of them in one program are the
 * same node. Wrap each in `Layer.fresh`, or use `layer`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerParts: Layer.Layer<
  Exclude<Services, CurrentConfig>,
  Exclude<StartError, JoinWait.JoinTimeout>,
  CurrentConfig | Dns.Dns | Kdf.Kdf | Network | SecureRandom.SecureRandom
> = Layer.merge(layerNode, JoinWait.layerReminder).pipe(
  Layer.provideMerge(Metrics.layer),
  Layer.provideMerge(
    Layer.mergeAll(
      FailureDetector.layer,
      Gossip.layer,
      Join.layer,
      AntiEntropy.layer,
      ReliableDelivery.layer,
      Events.layer,
      Queries.layer
    )
  ),
  Layer.provideMerge(Layer.mergeAll(Outbox.layer, Membership.layer)),
  Layer.provideMerge(ChangeFeed.layer),
  Layer.provideMerge(LocalView.layer),
  Layer.provideMerge(Transport.layer),
  Layer.provideMerge(layerBase)
)

/**
 * How the layer of a node behaves, besides the configuration of the node.
 *
 * @category models
 * @since 0.2.0
 */
export interface LayerOptions {
  /** How the node leaves when the layer closes; as `LeaveOnClose` says if it is left out. */
  readonly leave?: LeaveMode | undefined
  /**
   * How long the layer waits until the node has joined, before it fails with `JoinTimeout`. If it is left out, the layer
   * is built at once, and the node joins in the background. A node without peers has joined at once.
   */
  readonly joinTimeout?: Duration.Input | undefined
}

/**
 * All options of a node: its configuration, and how its layer behaves.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options extends ClusterConfig.ClusterOptions, LayerOptions {}

/**
 * A whole node on the `Network` that is provided, which looks up peers given by
 * name by the `Dns`.
 *
 * **Details**
 *
 * The layer is built once however often it is provided, so that all its users
 * share one node. Two calls give two nodes, even for one configuration. All
 * components are among the services, to be measured and tested.
 *
 * No file is read. A configuration that names a key file fails with `NoKey`, and its
 * `stateDir` has no effect unless `NodeState` is provided; `NodeCluster.layer` of
 * `effect-gossip/node` reads and keeps them.
 *
 * @example
 * ```ts
 * import { Effect, Layer, Stream } from "effect"
 * import { Cluster, ClusterConfig, Membership } from "effect-gossip"
 * import { NodeNetwork } from "effect-gossip/node"
 *
 * const Node = Cluster.layer(ClusterConfig.defaults).pipe(Layer.provide(NodeNetwork.layer))
 *
 * const program = Effect.gen(function*() {
 *   const { changes } = yield* Membership.Membership
 *   yield* Stream.runForEach(changes, (change) => Effect.log(change))
 * }).pipe(Effect.provide(Node))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  config: ClusterConfig.ClusterConfig,
  options: LayerOptions = {}
): Layer.Layer<Services, StartError, Dns.Dns | Network> =>
  isolated(
    (options.joinTimeout === undefined ? Layer.empty : JoinWait.layer(options.joinTimeout)).pipe(
      Layer.provideMerge(layerParts),
      Layer.provideMerge(Layer.succeed(CurrentConfig, config)),
      Layer.provide(options.leave === undefined ? Layer.empty : Layer.succeed(LeaveOnClose, options.leave)),
      Layer.provide([Kdf.layerWebCrypto, SecureRandom.layerWebCrypto])
    )
  )

/**
 * The same from options, which are checked when the layer is built.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerOptions = ({
  joinTimeout,
  leave,
  ...options
}: Options): Layer.Layer<Services, StartError | ClusterConfig.ClusterConfigError, Dns.Dns | Network> =>
  Layer.unwrap(
    Effect.map(Effect.fromResult(ClusterConfig.make(options)), (config) => layer(config, { joinTimeout, leave }))
  )

// `fresh` keeps the components of two nodes apart, and the outer layer is still built once.
const isolated = <A, E, R>(node: Layer.Layer<A, E, R>): Layer.Layer<A, E, Exclude<R, Scope.Scope>> =>
  Layer.effectContext(Layer.build(Layer.fresh(node)))
