/**
 * One node of a cluster, composed of the components of this library.
 *
 * `layer` is a whole node with the default components. `layerNode` is the part
 * that passes messages between components; compose it with components of your
 * own where the default ones do not fit.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Exit, FiberSet, Layer, type Option, Scope } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { type Dns, NetAddress } from "effect/net"
import * as AntiEntropy from "../anti-entropy/AntiEntropy.ts"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { KeyRing } from "../crypto/KeyRing.ts"
import * as ReliableDelivery from "../delivery/ReliableDelivery.ts"
import type { NodeId } from "../domain/NodeId.ts"
import * as FailureDetector from "../failure-detector/FailureDetector.ts"
import * as Gossip from "../gossip/Gossip.ts"
import * as Join from "../join/Join.ts"
import * as ChangeFeed from "../membership/ChangeFeed.ts"
import * as JoinState from "../membership/JoinState.ts"
import * as LocalView from "../membership/LocalView.ts"
import * as Membership from "../membership/Membership.ts"
import * as Metrics from "../metrics/Metrics.ts"
import * as Outbox from "../outbox/Outbox.ts"
import * as Activity from "../time/Activity.ts"
import * as NodeClock from "../time/NodeClock.ts"
import * as Keys from "../transport/Keys.ts"
import type { Network } from "../transport/Network.ts"
import * as Transport from "../transport/Transport.ts"
import { Dispatch } from "./Dispatch.ts"

/**
 * The most members that are sent a LEAVE. In a larger cluster it goes to that many
 * random ones: the chance that all of them miss it, over all retries, is
 * negligible.
 */
const MaxLeaveTargets = 64

/**
 * Why a node does not start: its socket, its address, or its keys.
 *
 * @category errors
 * @since 0.2.0
 */
export type StartError = Transport.BindError | Transport.AdvertiseError | Keys.KeysError

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
    /** The address that other members are told, and how it was chosen. */
    readonly advertised: NetAddress.InetAddress
    readonly advertisedFrom: Transport.AdvertiseSource
    /**
     * Leaves the cluster: stops probing and gossiping, sends LEAVE, and succeeds when
     * the members have acknowledged it, at the latest after `reliableAckTimeout x
     * (reliableMaxRetries + 1)`. Closing the layer does the same. A second call waits
     * for the first.
     */
    readonly leave: Effect.Effect<void>
    /** The keys that seal and open datagrams; none if encryption is off. */
    readonly keyRing: Option.Option<KeyRing["Service"]>
  }
>()("effect-gossip/cluster/Cluster") {}

const make = Effect.gen(function* () {
  const { network } = yield* CurrentConfig
  const activity = yield* Activity.Activity
  const { fork, now, random } = yield* NodeClock.NodeClock
  const transport = yield* Transport.Transport
  const view = yield* LocalView.LocalView
  const delivery = yield* ReliableDelivery.ReliableDelivery
  const detector = yield* FailureDetector.FailureDetector
  const gossip = yield* Gossip.Gossip
  const join = yield* Join.Join
  const antiEntropy = yield* AntiEntropy.AntiEntropy
  const outbox = yield* Outbox.Outbox

  const dispatch = new Dispatch({ view, outbox, detector, gossip, join, antiEntropy, delivery })
  yield* fork(
    "receiving",
    transport.run((inbound, datagram) => dispatch.receive(inbound, datagram, now()))
  )

  const log = yield* FiberSet.makeRuntime<never>()
  view.observe({
    conflict: ({ address, id, kind }) => {
      log(
        Effect.logWarning(
          kind === "SameId"
            ? `another node, at ${NetAddress.formatInet(address)}, has our id ${id}: give each node its own`
            : `another node, ${id}, claims our address ${NetAddress.formatInet(address)}`
        )
      )
    }
  })
  transport.onRejected(({ address, id, reason }) => {
    const from = `${NetAddress.formatInet(address)}, which says that it is node ${id}`
    log(
      Effect.logWarning(
        reason === "OtherKey"
          ? `cannot read datagrams of ${from}: they are sealed with a key that is not in our ring, or for another cluster`
          : `dropping datagrams of ${from}: they are not encrypted, which is required here`
      )
    )
  })

  const sendLeave = Effect.gen(function* () {
    view.startLeaving(now())
    yield* Scope.close(activity, Exit.void)
    detector.stop()
    const targets: Array<number> = []
    view.table.drawLive(MaxLeaveTargets, random, targets)
    yield* Effect.forEach(targets, delivery.leave, { concurrency: "unbounded", discard: true })
  }).pipe(
    // A socket that is gone must not hold up the end.
    Effect.timeoutOption(
      Duration.sum(Duration.times(network.reliableAckTimeout, network.reliableMaxRetries + 1), Duration.millis(500))
    ),
    Effect.asVoid
  )
  const leaveOnce = yield* Effect.cached(Effect.uninterruptible(sendLeave))
  yield* Effect.addFinalizer(() => leaveOnce)

  return Cluster.of({
    id: view.selfId,
    bound: transport.bound,
    advertised: transport.advertised,
    advertisedFrom: transport.advertisedFrom,
    leave: leaveOnce,
    keyRing: transport.keyRing
  })
})

/**
 * A node made of the components that are provided: it passes each message to them
 * and leaves when the layer closes.
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
  | FailureDetector.FailureDetector
  | Gossip.Gossip
  | Join.Join
  | LocalView.LocalView
  | NodeClock.NodeClock
  | Outbox.Outbox
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
  Layer.unwrap(Effect.map(CurrentConfig, ({ probes }) => NodeClock.layer(Duration.toMillis(probes.timeout) / 2)))
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
  | Cluster
  | CurrentConfig
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
  StartError,
  CurrentConfig | Dns.Dns | Kdf.Kdf | Network | SecureRandom.SecureRandom
> = layerNode.pipe(
  Layer.provideMerge(Metrics.layer),
  Layer.provideMerge(
    Layer.mergeAll(FailureDetector.layer, Gossip.layer, Join.layer, AntiEntropy.layer, ReliableDelivery.layer)
  ),
  Layer.provideMerge(Layer.mergeAll(Outbox.layer, Membership.layer)),
  Layer.provideMerge(ChangeFeed.layer),
  Layer.provideMerge(LocalView.layer),
  Layer.provideMerge(Transport.layer),
  Layer.provideMerge(layerBase)
)

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
 * No file is read. A configuration that names a key file fails with `NoKey`;
 * `NodeCluster.layer` of `effect-gossip/node` reads it.
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
export const layer = (config: ClusterConfig.ClusterConfig): Layer.Layer<Services, StartError, Dns.Dns | Network> =>
  isolated(
    layerParts.pipe(
      Layer.provideMerge(Layer.succeed(CurrentConfig, config)),
      Layer.provide([Kdf.layerWebCrypto, SecureRandom.layerWebCrypto])
    )
  )

/**
 * The same from options, which are checked when the layer is built.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerOptions = (
  options: ClusterConfig.ClusterOptions
): Layer.Layer<Services, StartError | ClusterConfig.ClusterConfigError, Dns.Dns | Network> =>
  Layer.unwrap(Effect.map(Effect.fromResult(ClusterConfig.make(options)), layer))

// `fresh` keeps the components of two nodes apart, and the outer layer is still built once.
const isolated = <A, E, R>(node: Layer.Layer<A, E, R>): Layer.Layer<A, E, Exclude<R, Scope.Scope>> =>
  Layer.effectContext(Layer.build(Layer.fresh(node)))
