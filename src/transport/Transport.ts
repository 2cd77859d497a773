/**
 * Datagrams in and out of a node: limits, keys, decoding, and the send queue.
 *
 * One fiber reads and passes each message on synchronously, and one fiber sends;
 * there is none per packet.
 *
 * @since 0.2.0
 */
import {
  Array as Arr,
  Context,
  type Duration,
  Effect,
  Exit,
  FiberHandle,
  Latch,
  Layer,
  Option,
  Schedule,
  Schema,
  Scope
} from "effect"
import { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { KeyRing } from "../crypto/KeyRing.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { clusterSalt } from "../wire/ClusterSalt.ts"
import { addSalt, MaxLevel, SectionedKind } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import * as AdvertisedAddress from "./AdvertisedAddress.ts"
import { Intake, type Limited } from "./Intake.ts"
import { Keys } from "./Keys.ts"
import { Network } from "./Network.ts"
import * as PortReply from "./PortReply.ts"
import { noLimitWarning } from "./RateLimiter.ts"
import type { Rejection } from "./Rejections.ts"
import { SendQueue } from "./SendQueue.ts"
import * as Counters from "./TransportCounters.ts"

export type { AdvertiseSource } from "./AdvertisedAddress.ts"
export type { PortReply } from "./PortReply.ts"
export type { Limited } from "./Intake.ts"
export type { Rejection, RejectionReason } from "./Rejections.ts"
export type { DropReason, TrafficByKind, TransportCounters } from "./TransportCounters.ts"

/** Waits between attempts to open a broken socket again, in ms: doubled from the first to the last. */
const ReopenFirst = 100
const ReopenLast = 5000

/**
 * The socket could not be opened at the configured address.
 *
 * @category errors
 * @since 0.2.0
 */
export class BindError extends Schema.TaggedError<BindError>()("BindError", {
  address: Schema.InetAddress,
  kind: Schema.Literals(["AddressInUse", "AddressNotAvailable", "PermissionDenied", "Unknown"]),
  cause: Schema.Defect()
}) {
  override get message(): string {
    const address = NetAddress.formatInet(this.address)
    switch (this.kind) {
      case "AddressInUse":
        return `cannot bind ${address}: the address is in use; stop the program that has it, or choose another port`
      case "AddressNotAvailable":
        return `cannot bind ${address}: no interface of this machine has that address`
      case "PermissionDenied":
        return `cannot bind ${address}: permission denied; ports below 1024 usually need privileges`
      case "Unknown":
        return `cannot bind ${address}: ${String(this.cause)}`
    }
  }
}

/**
 * The wildcard address is bound, and this machine has no address that others could
 * use.
 *
 * @category errors
 * @since 0.2.0
 */
export class AdvertiseError extends Schema.TaggedError<AdvertiseError>()("AdvertiseError", {
  bound: Schema.InetAddress
}) {
  override get message(): string {
    return (
      `${NetAddress.formatInet(this.bound)} is every address of this machine, and none was found for others to ` +
      `use: set the option \`advertise\``
    )
  }
}

/**
 * Where a datagram goes: an address, or back to the source of another datagram, which
 * is cheaper.
 *
 * @category models
 * @since 0.2.0
 */
export type Destination = NetAddress.InetAddress | DatagramSocket.Datagram

/**
 * Handles a message. The message is valid only until the handler returns. The
 * datagram may be kept, to reply to it.
 *
 * @category models
 * @since 0.2.0
 */
export type Receive = (inbound: Inbound, datagram: DatagramSocket.Datagram, now: number) => void

/**
 * Datagrams in and out of a node.
 *
 * @category services
 * @since 0.2.0
 */
export class Transport extends Context.Service<
  Transport,
  {
    /** The address that is bound. */
    readonly bound: NetAddress.InetAddress
    /** The address that others use at the start, in canonical form. */
    readonly advertised: NetAddress.InetAddress
    readonly advertisedFrom: AdvertisedAddress.AdvertiseSource
    /**
     * The address to advertise instead of the present one, where that was chosen among the interfaces and no interface has
     * it any more; `undefined` while nothing is to be changed.
     */
    readonly successor: (present: NetAddress.InetAddress) => Effect.Effect<NetAddress.InetAddress | undefined>
    /** Whether an interface of this machine has an address. */
    readonly hasInterface: (address: NetAddress.InetAddress) => Effect.Effect<boolean>
    readonly counters: Counters.TransportCounters
    /** Datagrams that did not fit into the receive buffers of all sockets so far. */
    readonly receiveDropped: () => number
    /** Datagrams that wait to be sent. */
    readonly queued: () => number
    /**
     * Queues a message. Never waits and never fails: when the queue is full, the message is dropped and counted. `sealed`
     * says whether the receiver is known to read sealed datagrams, which matters only while a cluster moves to encryption.
     */
    readonly send: (message: Uint8Array, to: Destination, sealed: boolean) => void
    /** Succeeds when no message waits to be sent any more, and at once while the socket is broken. */
    readonly flushed: Effect.Effect<void>
    /** Whether messages to unknown nodes go out sealed and in the clear: while a cluster moves to encryption. */
    readonly sendsBothForms: boolean
    /**
     * Sends a message once from a connected socket of its own, which learns whether the host refuses, and takes the reply.
     * `sealed` as for `send`. Where the platform has no connected sockets, it is silent.
     */
    readonly probePort: (
      message: Uint8Array,
      to: NetAddress.InetAddress,
      sealed: boolean,
      timeout: Duration.Duration
    ) => Effect.Effect<PortReply.PortReply>
    /** The address for a packed one that `send` handles at the lowest cost; to be kept. */
    readonly route: (packed: Uint8Array, at: number) => NetAddress.InetAddress
    /** The keys; none if encryption is off. */
    readonly keyRing: Option.Option<KeyRing["Service"]>
    /** Sets which packed addresses are those of members, whose datagrams strangers cannot crowd out. */
    readonly setMembers: (isMember: (packed: Uint8Array) => boolean) => void
    /** Adds a listener that gets sources whose datagrams cannot be read, each at growing intervals. */
    readonly onRejected: (listener: (rejection: Rejection, now: number) => void) => void
    /** Adds a listener that gets a source whose datagrams come too fast and are dropped, at most once a minute. */
    readonly onLimited: (listener: (limited: Limited) => void) => void
    /** How many addresses have a token bucket. */
    readonly sources: () => { readonly members: number; readonly strangers: number }
    /** Reads until it is interrupted, and opens the socket again when it breaks. To be run once. */
    readonly run: (receive: Receive) => Effect.Effect<never>
  }
>()("effect-gossip/transport/Transport") {}

/**
 * A transport on the `Network` that is provided, at the address of `network.bind`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Transport, BindError | AdvertiseError, CurrentConfig | Keys | Network | NodeClock> =
  Layer.effect(
    Transport,
    Effect.suspend(() => make)
  )

interface Open {
  readonly scope: Scope.Closeable
  readonly reader: DatagramSocket.Reader
  readonly writer: DatagramSocket.Writer
}

const bindError =
  (address: NetAddress.InetAddress) =>
  (error: DatagramSocket.DatagramSocketError): BindError => {
    const { reason } = error
    return reason._tag === "DatagramSocketOpenError"
      ? new BindError({ address, kind: reason.kind, cause: reason.cause })
      : new BindError({ address, kind: "Unknown", cause: reason })
  }

const advertise = Effect.fnUntraced(function* (
  bound: NetAddress.InetAddress,
  configured: NetAddress.InetAddress | undefined
): Effect.fn.Return<AdvertisedAddress.Advertised, AdvertiseError, Network> {
  const known = AdvertisedAddress.withoutInterfaces(bound, configured)
  if (known !== undefined) return known
  const best = yield* ofInterfaces(yield* Network, bound)
  return best ?? (yield* new AdvertiseError({ bound }))
})

const ofInterfaces = (
  { interfaces, outbound = Effect.succeed([]) }: Network["Service"],
  bound: NetAddress.InetAddress
): Effect.Effect<AdvertisedAddress.Advertised | undefined> =>
  Effect.map(Effect.all([interfaces, outbound]), ([all, preferred]) =>
    AdvertisedAddress.ofInterfaces(bound, all, preferred)
  )

/** The address to advertise instead of `present`, or `undefined` while this machine has that, or no other that is of use. */
const successor = Effect.fnUntraced(function* (
  network: Network["Service"],
  bound: NetAddress.InetAddress,
  present: NetAddress.InetAddress
): Effect.fn.Return<NetAddress.InetAddress | undefined> {
  const text = NetAddress.formatIp(present.address)
  if ((yield* network.interfaces).some((address) => NetAddress.formatIp(address) === text)) return undefined
  const best = yield* ofInterfaces(network, bound)
  if (best === undefined) return undefined
  return NetAddress.isLoopback(best.address.address) ? undefined : best.address
})

const make = Effect.gen(function* () {
  const { extensions, limits, network: options } = yield* CurrentConfig
  const { now, seed } = yield* NodeClock
  const keyRing = yield* Keys
  const network = yield* Network
  const layerScope = yield* Effect.scope

  const open = Effect.fnUntraced(function* (address: NetAddress.InetAddress) {
    const scope = yield* Scope.fork(layerScope)
    const socket = yield* network.socket(address)
    return yield* Effect.all({ reader: socket.reader, writer: socket.writer }).pipe(
      Scope.provide(scope),
      Effect.map((ends): Open => ({ scope, ...ends })),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
  })

  let current = yield* Effect.mapError(open(options.bind), bindError(options.bind))
  const bound = current.reader.address
  // A broken socket is opened again at the port that others know.
  const rebind = NetAddress.inetAddressUnsafe(options.bind.address, bound.port)
  // A name is looked up by `Join`.
  const configured = NetAddress.isInetAddress(options.advertise) ? options.advertise : undefined
  const advertised = yield* advertise(bound, configured)
  const dual = NetAddress.isIpv6Address(bound.address)

  const counters = Counters.make()

  // --- sending -------------------------------------------------------------

  const queue = new SendQueue()
  const waiting = Latch.makeUnsafe(false)
  /** Open while nothing waits to be written or is being written. */
  const idle = Latch.makeUnsafe(true)

  const ring = Option.getOrUndefined(keyRing)
  const mode = ring === undefined ? "off" : options.encryption

  const salt = clusterSalt(options.cluster)

  /** Messages of a node without keys have the salt of the cluster already; others get it if they go out in the clear. */
  const datagramOf = (message: Uint8Array, sealed: boolean): Uint8Array => {
    if (ring === undefined || mode === "off") return message
    if (mode === "required" || sealed) return ring.seal(message)
    if (salt === 0) return message
    const salted = message.slice()
    addSalt(salted, salt)
    return salted
  }

  const send = (message: Uint8Array, to: Destination, sealed: boolean): void => {
    if (queue.isFull) {
      counters.overflow++
      return
    }
    const payload = datagramOf(message, sealed)
    queue.add({ payload, address: to })
    Counters.count(counters.sent, message[1]! & ~SectionedKind, payload.length)
    idle.closeUnsafe()
    waiting.openUnsafe()
  }

  const probePort = (
    message: Uint8Array,
    target: NetAddress.InetAddress,
    sealed: boolean,
    timeout: Duration.Duration
  ): Effect.Effect<PortReply.PortReply> =>
    network.probePort === undefined
      ? Effect.succeed(PortReply.silent)
      : Effect.map(
          network.probePort({ target, payload: datagramOf(message, sealed), source: bound.address, timeout }),
          (answer) =>
            answer._tag === "Replied"
              ? PortReply.read(answer.payload, mode === "off" ? undefined : ring, mode === "accept", salt)
              : answer
        )

  /** An IPv4 address is written to a dual-stack socket in its mapped form. */
  const route = (packed: Uint8Array, at: number): NetAddress.InetAddress => {
    const address = PackedAddress.read(packed, at)
    return dual && NetAddress.isInetAddressV4(address)
      ? NetAddress.inetAddressUnsafe(NetAddress.toIpv4Mapped(address.address), address.port)
      : address
  }

  const countWriteError = (error: DatagramSocket.DatagramSocketError): void => {
    const kind = "kind" in error.reason ? error.reason.kind : "Closed"
    counters.writeErrors[kind] = (counters.writeErrors[kind] ?? 0) + 1
  }

  const write = (batch: ReadonlyArray<DatagramSocket.OutgoingDatagram>): Effect.Effect<void> =>
    Arr.isReadonlyArrayNonEmpty(batch)
      ? Effect.catch(current.writer.writeAll(batch), (error) => Effect.sync(() => countWriteError(error)))
      : Effect.void

  const drain = Effect.gen(function* () {
    while (true) {
      yield* waiting.await
      const batch = queue.takeBatch()
      for (const datagram of batch) counters.bytesOut += datagram.payload.length
      counters.datagramsOut += batch.length
      yield* write(batch)
      if (queue.size > 0) continue
      waiting.closeUnsafe()
      idle.openUnsafe()
    }
  })
  const sender = yield* FiberHandle.make()
  yield* FiberHandle.run(sender, drain)

  // --- receiving -----------------------------------------------------------

  if (options.maxInboundRate === 0) yield* Effect.logWarning(noLimitWarning)
  const intake = new Intake({
    maxLevel: extensions.level1 ? MaxLevel : 0,
    limits,
    network: options,
    ring,
    seed,
    counters
  })

  const read = Effect.fnUntraced(function* (reader: DatagramSocket.Reader, receive: Receive) {
    while (true) {
      for (const datagram of yield* reader.pull) {
        const at = now()
        const inbound = intake.take(datagram, at)
        if (inbound !== undefined) receive(inbound, datagram, at)
      }
      // `pull` resumes at each datagram. Yielding lets a batch gather, and other fibers run.
      yield* Effect.yieldNow
    }
  })

  /** Datagrams that did not fit into the receive buffers of former sockets. */
  let dropped = 0

  const reopen = Effect.gen(function* () {
    // A write to a socket without a reader never ends, so none may be under way meanwhile.
    yield* FiberHandle.clear(sender)
    idle.openUnsafe()
    yield* Scope.close(current.scope, Exit.void)
    const schedule = Schedule.min([Schedule.exponential(ReopenFirst), Schedule.spaced(ReopenLast)])
    const opened = yield* open(rebind).pipe(Effect.retry(schedule), Effect.orDie)
    dropped += current.reader.dropped()
    current = opened
    counters.reopened++
    yield* FiberHandle.run(sender, drain)
  })

  const run = (receive: Receive): Effect.Effect<never> =>
    Effect.suspend(() => read(current.reader, receive)).pipe(
      Effect.catch((error) =>
        Effect.logWarning(`socket failed (${error.reason._tag}); opening ${NetAddress.formatInet(rebind)} again`)
      ),
      Effect.andThen(reopen),
      Effect.forever
    )

  return Transport.of({
    bound,
    advertised: advertised.address,
    advertisedFrom: advertised.from,
    successor: (present) => (advertised.from === "interface" ? successor(network, bound, present) : Effect.undefined),
    hasInterface: ({ address }) =>
      Effect.map(network.interfaces, (all) => {
        const text = NetAddress.formatIp(address)
        return all.some((other) => NetAddress.formatIp(other) === text)
      }),
    counters,
    receiveDropped: () => dropped + current.reader.dropped(),
    queued: () => queue.size,
    flushed: idle.await,
    send,
    sendsBothForms: mode === "accept",
    keyRing,
    setMembers: (test) => {
      intake.isMember = test
    },
    onRejected: (listener) => {
      intake.rejectionListeners.push(listener)
    },
    onLimited: (listener) => {
      intake.limitedListeners.push(listener)
    },
    sources: () => ({ members: intake.limiter.members, strangers: intake.limiter.strangers }),
    probePort,
    route,
    run
  })
})
