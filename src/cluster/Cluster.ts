/** One node: all components composed, messages dispatched by kind, and a polite end. */
import { Array as Arr, Context, Duration, Effect, FiberSet, Layer, Option } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import { AntiEntropy } from "../anti-entropy/AntiEntropy.ts"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { ReliableDelivery } from "../delivery/ReliableDelivery.ts"
import { FailureDetector } from "../detector/FailureDetector.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { Gossip } from "../gossip/Gossip.ts"
import { Messenger } from "../gossip/Messenger.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Membership } from "../membership/Membership.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Aead } from "../transport/Aead.ts"
import { type AddError, KeyRing, Keys, NoKey } from "../transport/KeyRing.ts"
import type { Network } from "../transport/Network.ts"
import { type AdvertiseError, type AdvertiseSource, type BindError, Transport } from "../transport/Transport.ts"
import { Kind, RequestAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { NodeMetrics } from "./NodeMetrics.ts"

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
    readonly keyRing: Option.Option<KeyRing["Service"]>
    /** What this node counts and measures. */
    readonly metrics: NodeMetrics["Service"]
  }
>()("effect-gossip/cluster/Cluster") {
  /**
   * A node with this configuration on whatever `Network` is provided. The layer is
   * fresh: two of them are two nodes, even with one and the same configuration.
   */
  static readonly layer = (
    config: ClusterConfig.ClusterConfig
  ): Layer.Layer<Cluster | Membership, StartError, Network> => Layer.fresh(node(config))

  /** The same with the components inside, for what measures or tests a node. */
  static readonly layerComponents = (
    config: ClusterConfig.ClusterConfig
  ): Layer.Layer<Cluster | Membership | Components, StartError, Network> => Layer.fresh(node(config))

  /**
   * The same from options, checked when the layer is built. No file is read: with
   * `clusterKeyFile` alone it fails with `NoKey`, where a platform's layer, as
   * `NodeCluster.layer`, reads it.
   */
  static readonly layerOptions = (
    options: ClusterConfig.ClusterOptions
  ): Layer.Layer<Cluster | Membership, StartError | ClusterConfig.ClusterConfigError, Network> =>
    Layer.fresh(Layer.unwrap(Effect.map(Effect.fromResult(ClusterConfig.make(options)), Cluster.layer)))
}

/** The services inside a node. */
export type Components =
  | AntiEntropy
  | FailureDetector
  | Gossip
  | LocalView
  | Messenger
  | NodeClock
  | NodeMetrics
  | ReliableDelivery
  | Transport

const make = Effect.gen(function* () {
  const { network } = yield* CurrentConfig
  const { fork, now, random } = yield* NodeClock
  const transport = yield* Transport
  const view = yield* LocalView
  const messenger = yield* Messenger
  const gossip = yield* Gossip
  const detector = yield* FailureDetector
  const antiEntropy = yield* AntiEntropy
  const delivery = yield* ReliableDelivery
  const metrics = yield* NodeMetrics
  const { packer } = messenger

  const acknowledge = (datagram: DatagramSocket.Datagram): void => {
    const { sender, tell } = view.receipt
    messenger.answer(datagram, (limit) => packer.ack(sender, tell, limit))
  }

  const leave = (inbound: Inbound, datagram: DatagramSocket.Datagram, at: number): void => {
    // Anybody can write a LEAVE in the clear; a sealed one is of somebody who has the key.
    const counted = view.receiveLeave(inbound, inbound.sealed, at)
    const { sender } = view.receipt
    if (counted) {
      gossip.left(sender)
      delivery.left(sender)
    }
    if (!inbound.has(RequestAck) || view.isSelf(inbound.header.idHi, inbound.header.idLo)) return
    messenger.answering(inbound, sender)
    // With what we hold of the leaver: Dead, if its LEAVE counted.
    messenger.answer(datagram, (limit) => packer.ack(sender, true, limit))
  }

  const receive = (inbound: Inbound, datagram: DatagramSocket.Datagram): void => {
    const at = now()
    const { kind } = inbound.header
    if (kind === Kind.Leave) return leave(inbound, datagram, at)
    view.receive(inbound, at)
    messenger.answering(inbound, view.receipt.sender)
    const fromOther = !view.isSelf(inbound.header.idHi, inbound.header.idLo)
    const acknowledged = fromOther && kind !== Kind.Ack && (kind === Kind.Ping || inbound.has(RequestAck))
    gossip.received(inbound, datagram, acknowledged, at)
    if (!fromOther) return
    switch (kind) {
      case Kind.PingReq:
        detector.pingReq(inbound, datagram, at)
        break
      case Kind.Ack:
        detector.ack(inbound, at)
        delivery.ack(inbound)
        break
      case Kind.AntiEntropy:
        antiEntropy.chunk(inbound, at)
        break
    }
    if (acknowledged) acknowledge(datagram)
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
    detector.stop()
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
  return Layer.effect(Keys, Effect.map(KeyRing, Option.some)).pipe(
    Layer.provide(KeyRing.layer({ keys: network.keys, clusterName: network.cluster })),
    Layer.provide(
      Layer.mergeAll(
        provided(Aead, Aead.layerNoble),
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
    keys(config)
  )
  return Layer.effect(Cluster, make).pipe(
    Layer.provideMerge(NodeMetrics.layer),
    Layer.provideMerge(Layer.mergeAll(FailureDetector.layer, Gossip.layer, AntiEntropy.layer, ReliableDelivery.layer)),
    Layer.provideMerge(Layer.mergeAll(Messenger.layer, Membership.layer)),
    Layer.provideMerge(LocalView.layer),
    Layer.provideMerge(Transport.layer),
    Layer.provideMerge(base)
  )
}
