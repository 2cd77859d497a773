/**
 * One node of a cluster, composed of the components of this library.
 *
 * `layer` is a whole node with the default components. `layerNode` is the part
 * that passes messages between components; compose it with components of your
 * own where the default ones do not fit.
 *
 * @since 0.2.0
 */
import { Context, Deferred, Duration, Effect, Exit, FiberSet, Layer, type Option, Scope } from "effect"
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
import type { AdvertiseSource } from "../transport/AdvertisedAddress.ts"
import * as Transport from "../transport/Transport.ts"
import { Dispatch } from "./Dispatch.ts"
import * as JoinWait from "./JoinWait.ts"

/**
 * The most members that are sent a LEAVE. In a larger cluster it goes to that many
 * random ones: the chance that all of them miss it, over all retries, is
 * negligible.
 */
const MaxLeaveTargets = 64

/**
 * Limits the time that a closing node waits until its last messages are written,
 * which takes no time unless the socket does not work.
 */
const FlushTimeout = Duration.millis(500)

/**
 * How a node leaves when its layer closes.
 *
 * **Details**
 *
 * - `acknowledged`: as `leave` of `Cluster` does, until the members have
 *   acknowledged the LEAVE. Members show the node as left, even when datagrams are
 *   lost. Takes a round trip, and at most `reliableAckTimeout x
 *   (reliableMaxRetries + 1)`, 2 s by default, when a member does not answer.
 * - `announced`: sends LEAVE once and waits for nobody. A member that misses it
 *   hears of the departure from others, or detects a failure.
 * - `none`: sends nothing. Members detect a failure, as they do after a crash.
 *
 * @category models
 * @since 0.2.0
 */
export type LeaveMode = "acknowledged" | "announced" | "none"

/**
 * How a node leaves when its layer closes: `announced`, unless another mode is
 * provided.
 *
 * **Details**
 *
 * With `announced`, closing waits for no clock, so a scope closes under
 * `TestClock` although nobody advances it. `NodeCluster.layer` of
 * `effect-gossip/node` uses `acknowledged`, since a process has a clock that runs.
 * In both cases `leave` of `Cluster` waits for acknowledgements. After it, closing
 * sends nothing more.
 *
 * @category references
 * @since 0.2.0
 */
export const LeaveOnClose: Context.Reference<LeaveMode> = Context.Reference<LeaveMode>(
  "effect-gossip/cluster/Cluster/LeaveOnClose",
  { defaultValue: () => "announced" }
)

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
    /** The address that other members are told, and how it was chosen. */
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
    transport.run((inbound, datagram, now) => dispatch.receive(inbound, datagram, now))
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

  const left = yield* Deferred.make<void>()
  let leaving = false
  const startLeaving = Effect.suspend(() => {
    leaving = true
    view.startLeaving(now())
    return Scope.close(activity, Exit.void)
  })
  const leaveTargets = Effect.sync(() => {
    const targets: Array<number> = []
    view.table.drawLive(MaxLeaveTargets, random, targets)
    return targets
  })

  const leave = yield* Effect.cached(
    Effect.uninterruptible(
      Effect.gen(function* () {
        yield* startLeaving
        const acknowledged = Effect.forEach(yield* leaveTargets, delivery.leave, {
          concurrency: "unbounded",
          discard: true
        })
        // A socket that is gone must not hold up the end.
        yield* Effect.timeoutOption(
          acknowledged,
          Duration.sum(Duration.times(network.reliableAckTimeout, network.reliableMaxRetries + 1), Duration.millis(500))
        )
        yield* Deferred.succeed(left, undefined)
      })
    )
  )
  const announce = Effect.gen(function* () {
    yield* startLeaving
    for (const slot of yield* leaveTargets) outbox.send(slot, outbox.packer.leave(0))
    yield* Effect.timeoutOption(transport.flushed, FlushTimeout)
  })
  const mode = yield* LeaveOnClose
  yield* Effect.addFinalizer(() => {
    if (leaving || mode === "acknowledged") return leave
    return Effect.andThen(mode === "announced" ? announce : startLeaving, Deferred.succeed(left, undefined))
  })

  return Cluster.of({
    id: view.selfId,
    bound: transport.bound,
    advertised: transport.advertised,
    advertisedFrom: transport.advertisedFrom,
    leave,
    awaitLeft: Deferred.await(left),
    keyRing: transport.keyRing
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
  Exclude<StartError, JoinWait.JoinTimeout>,
  CurrentConfig | Dns.Dns | Kdf.Kdf | Network | SecureRandom.SecureRandom
> = Layer.merge(layerNode, JoinWait.layerReminder).pipe(
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
 * What a program may say about the layer of a node, beside its configuration.
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
export const layerOptions = (
  options: ClusterConfig.ClusterOptions
): Layer.Layer<Services, StartError | ClusterConfig.ClusterConfigError, Dns.Dns | Network> =>
  Layer.unwrap(Effect.map(Effect.fromResult(ClusterConfig.make(options)), layer))

// `fresh` keeps the components of two nodes apart, and the outer layer is still built once.
const isolated = <A, E, R>(node: Layer.Layer<A, E, R>): Layer.Layer<A, E, Exclude<R, Scope.Scope>> =>
  Layer.effectContext(Layer.build(Layer.fresh(node)))
