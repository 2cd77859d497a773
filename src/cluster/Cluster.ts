/** One node: all components composed, messages dispatched by kind, and a polite end. */
import { Array as Arr, Context, Duration, Effect, Exit, FiberSet, Layer, Option, Scope } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import * as AntiEntropy from "../anti-entropy/AntiEntropy.ts"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as ReliableDelivery from "../delivery/ReliableDelivery.ts"
import * as FailureDetector from "../failure-detector/FailureDetector.ts"
import type { NodeId } from "../domain/NodeId.ts"
import * as Gossip from "../gossip/Gossip.ts"
import * as Join from "../join/Join.ts"
import * as Outbox from "../outbox/Outbox.ts"
import { Received } from "../outbox/Received.ts"
import * as JoinState from "../membership/JoinState.ts"
import * as LocalView from "../membership/LocalView.ts"
import * as Membership from "../membership/Membership.ts"
import * as Activity from "../time/Activity.ts"
import * as NodeClock from "../time/NodeClock.ts"
import * as Aead from "../crypto/Aead.ts"
import * as KeyRing from "../crypto/KeyRing.ts"
import { type AddError, Keys, NoKey } from "../crypto/KeyRing.ts"
import type { Network } from "../transport/Network.ts"
import * as Transport from "../transport/Transport.ts"
import type { AdvertiseError, AdvertiseSource, BindError } from "../transport/Transport.ts"
import { Kind, RequestAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import * as Metrics from "../metrics/Metrics.ts"

/**
 * LEAVE goes to every member up to this many, and to so many random ones of a
 * larger cluster: that all of them miss it, over all retries, is negligible.
 */
const MaxLeaveTargets = 64

/** Why a node does not start: its socket, its address, or its keys. */
export type StartError = BindError | AdvertiseError | AddError | NoKey

export class Cluster extends Context.Service<
  Cluster,
  {
    readonly id: NodeId
    /** The address that is bound. */
    readonly bound: NetAddress.InetAddress
    /** The address that others are told, and how it came about. */
    readonly advertised: NetAddress.InetAddress
    readonly advertisedFrom: AdvertiseSource
    /**
     * Leaves the cluster: stops probing and gossiping, says LEAVE, and succeeds when
     * that is acknowledged or given up, at the latest after `reliable_ack_timeout x
     * (reliable_max_retries + 1)`. Closing the layer does the same. A second call
     * waits for the first.
     */
    readonly leave: Effect.Effect<void>
    /** The keys that seal and open datagrams; none where encryption is off. */
    readonly keyRing: Option.Option<KeyRing.KeyRing["Service"]>
    /** What this node counts and measures. */
    readonly metrics: Metrics.Metrics["Service"]
  }
>()("effect-gossip/cluster/Cluster") {}

/**
 * A node with this configuration on whatever `Network` is provided. The layer is
 * fresh: two of them are two nodes, even with one and the same configuration.
 */
export const layer = (
  config: ClusterConfig.ClusterConfig
): Layer.Layer<Cluster | Membership.Membership, StartError, Network> => Layer.fresh(node(config))

/** The same with the components inside, for what measures or tests a node. */
export const layerComponents = (
  config: ClusterConfig.ClusterConfig
): Layer.Layer<Cluster | Membership.Membership | Components, StartError, Network> => Layer.fresh(node(config))

/**
 * The same from options, checked when the layer is built. No file is read: with
 * `clusterKeyFile` alone it fails with `NoKey`, where a platform's layer, as
 * `NodeCluster.layer`, reads it.
 */
export const layerOptions = (
  options: ClusterConfig.ClusterOptions
): Layer.Layer<Cluster | Membership.Membership, StartError | ClusterConfig.ClusterConfigError, Network> =>
  Layer.fresh(Layer.unwrap(Effect.map(Effect.fromResult(ClusterConfig.make(options)), layer)))

/** The services inside a node. */
export type Components =
  | Activity.Activity
  | AntiEntropy.AntiEntropy
  | FailureDetector.FailureDetector
  | Gossip.Gossip
  | Join.Join
  | JoinState.JoinState
  | LocalView.LocalView
  | Outbox.Outbox
  | NodeClock.NodeClock
  | Metrics.Metrics
  | ReliableDelivery.ReliableDelivery
  | Transport.Transport

const make = Effect.gen(function* () {
  const { network } = yield* CurrentConfig
  const activity = yield* Activity.Activity
  const { fork, now, random } = yield* NodeClock.NodeClock
  const transport = yield* Transport.Transport
  const view = yield* LocalView.LocalView
  const outbox = yield* Outbox.Outbox
  const join = yield* Join.Join
  const gossip = yield* Gossip.Gossip
  const detector = yield* FailureDetector.FailureDetector
  const antiEntropy = yield* AntiEntropy.AntiEntropy
  const delivery = yield* ReliableDelivery.ReliableDelivery
  const metrics = yield* Metrics.Metrics
  const { packer } = outbox

  // One object for all messages: a component that needs something later keeps a copy of that.
  let received: Received | undefined

  const receiveLeave = (received: Received): void => {
    const { findings, inbound, now } = received
    // Anybody can write a LEAVE in the clear; a sealed one is from a node that has the key.
    const counted = view.receiveLeave(inbound, inbound.sealed, now, findings)
    const { sender } = received
    if (counted) {
      join.left(sender)
      delivery.left(sender)
    }
    if (!inbound.has(RequestAck) || view.isSelf(inbound.header.idHi, inbound.header.idLo)) return
    outbox.startBudget(received)
    // The ACK carries what we hold about the leaver: Dead, if its LEAVE counted.
    outbox.reply(received, (limit) => packer.ack(sender, true, limit))
  }

  const receive = (inbound: Inbound, datagram: DatagramSocket.Datagram): void => {
    const at = now()
    if (received === undefined) received = new Received(inbound, datagram, at)
    received.start(inbound, datagram, at)
    const { kind } = inbound.header
    if (kind === Kind.Leave) return receiveLeave(received)
    const { findings } = received
    view.receive(inbound, at, findings)
    outbox.startBudget(received)
    const fromOther = !view.isSelf(inbound.header.idHi, inbound.header.idLo)
    received.acknowledged = fromOther && kind !== Kind.Ack && (kind === Kind.Ping || inbound.has(RequestAck))
    // A node that is leaving only answers: it acknowledges, relays, and takes the acknowledgements of its LEAVE.
    if (!view.leaving) {
      join.received(received)
      gossip.received(received)
    }
    if (!fromOther) return
    switch (kind) {
      case Kind.PingReq:
        detector.pingReq(received)
        break
      case Kind.Ack:
        detector.ack(received)
        delivery.ack(received)
        break
      case Kind.AntiEntropy:
        if (!view.leaving) antiEntropy.chunk(received)
        break
    }
    if (received.acknowledged) {
      outbox.reply(received, (limit) => packer.ack(findings.sender, findings.tellSender, limit))
    }
  }

  yield* fork("receiving", transport.run(receive))

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

  const sayGoodbye = Effect.gen(function* () {
    view.startLeaving(now())
    yield* Scope.close(activity, Exit.void)
    detector.stop()
    join.stop()
    gossip.stop()
    antiEntropy.stop()
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
  const leaveOnce = yield* Effect.cached(Effect.uninterruptible(sayGoodbye))
  yield* Effect.addFinalizer(() => leaveOnce)

  return Cluster.of({
    id: view.selfId,
    bound: transport.bound,
    advertised: transport.advertised,
    advertisedFrom: transport.advertisedFrom,
    leave: leaveOnce,
    keyRing: transport.keyRing,
    metrics
  })
})

/** A service that the program provides, or else what works everywhere. */
const provided = <I, S, E>(tag: Context.Service<I, S>, otherwise: Layer.Layer<I, E>): Layer.Layer<I, E> =>
  Layer.unwrap(
    Effect.map(
      Effect.serviceOption(tag),
      Option.match({ onNone: () => otherwise, onSome: (service) => Layer.succeed(tag, service) })
    )
  )

const keys = ({ network }: ClusterConfig.ClusterConfig): Layer.Layer<Keys, AddError | NoKey> => {
  if (network.encryption === "off") return Layer.succeed(Keys, Option.none())
  // Never in the clear by mistake.
  if (!Arr.isReadonlyArrayNonEmpty(network.keys)) return Layer.effect(Keys, Effect.fail(new NoKey()))
  return Layer.effect(Keys, Effect.map(KeyRing.KeyRing, Option.some)).pipe(
    Layer.provide(KeyRing.layer({ keys: network.keys, clusterName: network.cluster })),
    Layer.provide(
      Layer.mergeAll(
        provided(Aead.Aead, Aead.layerNoble),
        provided(Kdf.Kdf, Kdf.layerWebCrypto),
        provided(SecureRandom.SecureRandom, SecureRandom.layerWebCrypto)
      )
    )
  )
}

const node = (config: ClusterConfig.ClusterConfig) => {
  const base = Layer.mergeAll(
    Layer.succeed(CurrentConfig, config),
    // A timer that is half a probe timeout late spoils what a probe can tell.
    NodeClock.layer(Duration.toMillis(config.probes.timeout) / 2),
    Activity.layer,
    JoinState.layer,
    keys(config)
  )
  return Layer.effect(Cluster, make).pipe(
    Layer.provideMerge(Metrics.layer),
    Layer.provideMerge(
      Layer.mergeAll(FailureDetector.layer, Join.layer, Gossip.layer, AntiEntropy.layer, ReliableDelivery.layer)
    ),
    Layer.provideMerge(Layer.mergeAll(Outbox.layer, Membership.layer)),
    Layer.provideMerge(LocalView.layer),
    Layer.provideMerge(Transport.layer),
    Layer.provideMerge(base)
  )
}
