/**
 * Datagrams in and out. One fiber reads and hands each message on synchronously;
 * one fiber sends. None per packet.
 */
import { Context, Effect, Exit, FiberHandle, Latch, Layer, Option, Order, Schedule, Schema, Scope } from "effect"
import { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import * as Arr from "effect/Array"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as NodeId from "../domain/NodeId.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { readU32 } from "../wire/Bytes.ts"
import { Kind } from "../wire/Header.ts"
import { Inbound } from "../wire/Inbound.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type * as WireError from "../wire/WireError.ts"
import { AllowList } from "./AllowList.ts"
import type { KeyRing } from "../crypto/KeyRing.ts"
import { Keys } from "./Keys.ts"
import { Network } from "./Network.ts"
import { noLimitWarning, RateLimiter, Verdict } from "./RateLimiter.ts"
import { type RejectionReason, Rejections } from "./Rejections.ts"
import { SendQueue } from "./SendQueue.ts"
import * as SealedDatagram from "../crypto/SealedDatagram.ts"

/** Waits between attempts to open a broken socket again, in ms: doubled from the first to the last. */
const ReopenFirst = 100
const ReopenLast = 5000

/**
 * The socket could not be opened at the address it was asked for.
 *
 * @see DatagramSocketOpenError for the kinds
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

/** The wildcard was bound, and this machine has no address that others could use. */
export class AdvertiseError extends Schema.TaggedError<AdvertiseError>()("AdvertiseError", {
  bound: Schema.InetAddress
}) {
  override get message(): string {
    return (
      `${NetAddress.formatInet(this.bound)} is every address of this machine, and none was found for others to ` +
      `use: set the address to advertise`
    )
  }
}

/** Where a datagram goes: an address, or back to where one came from, which is cheaper. */
export type Destination = NetAddress.InetAddress | DatagramSocket.Datagram

/** A handler of messages. The message is valid only until it returns; `datagram` may be kept to reply to. */
export type Receive = (inbound: Inbound, datagram: DatagramSocket.Datagram) => void

/** Why a datagram went no further. */
export type DropReason =
  | WireError.WireError["_tag"]
  | SealedDatagram.Fault["_tag"]
  /** An IPv6 zone that appeared after the socket was opened. */
  | "UnknownSource"
  /** Its address is in none of the allowed networks. */
  | "NotAllowed"
  /** All sources together sent too much. */
  | "GlobalLimit"
  /** This source sent too much. */
  | "SourceLimit"

/** A source whose datagrams cannot be read. */
export interface Rejection {
  readonly reason: RejectionReason
  readonly address: NetAddress.InetAddress
  /** Who it says it is; nobody vouches for that. */
  readonly id: NodeId.NodeId
}

/** Datagrams and their bytes, as they are on the wire, by the `Kind` byte of the message inside. */
export interface TrafficByKind {
  readonly datagrams: Float64Array
  readonly bytes: Float64Array
}

const trafficByKind = (): TrafficByKind => {
  const length = Math.max(...Object.values(Kind)) + 1
  return { datagrams: new Float64Array(length), bytes: new Float64Array(length) }
}

/** Plain counters, read when metrics are scraped. */
export interface TransportCounters {
  datagramsIn: number
  bytesIn: number
  datagramsOut: number
  bytesOut: number
  /** Messages handed on; what was dropped before is in `datagramsIn` and `bytesIn` only. */
  readonly received: TrafficByKind
  /** Messages taken into the send queue. */
  readonly sent: TrafficByKind
  /** Datagrams that were not let in, did not open, or were no message, by reason. */
  readonly dropped: Record<DropReason, number>
  /** Datagrams that found the send queue full. */
  overflow: number
  /** Failed writes by kind. */
  readonly writeErrors: Record<string, number>
  /** How often the socket broke and was opened again. */
  reopened: number
}

interface Open {
  readonly scope: Scope.Closeable
  readonly reader: DatagramSocket.Reader
  readonly writer: DatagramSocket.Writer
}

/** How the advertised address came about. */
export type AdvertiseSource = "configured" | "bound" | "interface"

export class Transport extends Context.Service<
  Transport,
  {
    /** The bound address. */
    readonly bound: NetAddress.InetAddress
    /** The address that others are to use, in canonical form. */
    readonly advertised: NetAddress.InetAddress
    readonly advertisedFrom: AdvertiseSource
    readonly counters: TransportCounters
    /** Datagrams that the receive buffers of all our sockets so far had no room for. */
    readonly receiveDropped: () => number
    /** Datagrams that wait to be sent, at most `MaxQueued`. */
    readonly queued: () => number
    /**
     * Queues a message. Never waits and never fails: a full queue drops it and counts. `sealed` says whether the
     * receiver is known to read sealed datagrams, which matters only while a cluster moves to encryption.
     */
    readonly send: (message: Uint8Array, to: Destination, sealed: boolean) => void
    /** Succeeds when no message waits to be sent any more, or at once while the socket is broken. */
    readonly flushed: Effect.Effect<void>
    /** Whether messages to somebody unknown go out both sealed and in the clear: while a cluster moves to encryption. */
    readonly sendsBothForms: boolean
    /** Turns a packed address into one that `send` takes cheapest; keep it. */
    readonly route: (packed: Uint8Array, at: number) => NetAddress.InetAddress
    /** The keys, if there are any. */
    readonly keyRing: Option.Option<KeyRing["Service"]>
    /** Tells which packed addresses are members', whose datagrams strangers cannot crowd out. */
    readonly setMembers: (isMember: (packed: Uint8Array) => boolean) => void
    /** `listener` hears of sources whose datagrams cannot be read, now and then. */
    readonly onRejected: (listener: (rejection: Rejection, now: number) => void) => void
    /** Addresses that have a token bucket. */
    readonly sources: () => { readonly members: number; readonly strangers: number }
    /** Reads for ever. To be run once. */
    readonly run: (receive: Receive) => Effect.Effect<never>
  }
>()("effect-gossip/transport/Transport") {}

export const layer: Layer.Layer<Transport, BindError | AdvertiseError, CurrentConfig | Keys | Network | NodeClock> =
  Layer.effect(
    Transport,
    Effect.suspend(() => make)
  )

const bindError =
  (address: NetAddress.InetAddress) =>
  (error: DatagramSocket.DatagramSocketError): BindError => {
    const { reason } = error
    return reason._tag === "DatagramSocketOpenError"
      ? new BindError({ address, kind: reason.kind, cause: reason.cause })
      : new BindError({ address, kind: "Unknown", cause: reason })
  }

const count = ({ bytes, datagrams }: TrafficByKind, kind: number, length: number): void => {
  datagrams[kind] = datagrams[kind]! + 1
  bytes[kind] = bytes[kind]! + length
}

/** Packs a datagram's source, or returns `false` for one of an IPv6 zone that appeared after the socket was opened. */
const readSource = (datagram: DatagramSocket.Datagram, into: Uint8Array): boolean => {
  try {
    PackedAddress.write(datagram.address, into, 0)
    return true
  } catch {
    return false
  }
}

/** The address that others can use, and where it comes from. */
const chooseAdvertised = Effect.fnUntraced(function* (
  bound: NetAddress.InetAddress,
  configured: NetAddress.InetAddress | undefined
): Effect.fn.Return<readonly [NetAddress.InetAddress, AdvertiseSource], AdvertiseError, Network> {
  if (configured !== undefined) {
    const port = configured.port === 0 ? bound.port : configured.port
    return [NetAddress.toCanonical(NetAddress.inetAddressUnsafe(configured.address, port)), "configured"]
  }
  if (!NetAddress.isUnspecified(bound.address)) return [NetAddress.toCanonical(bound), "bound"]
  const network = yield* Network
  const dual = NetAddress.isIpv6Address(bound.address)
  const usable = (yield* network.interfaces).filter(
    (address) =>
      (dual || NetAddress.isIpv4Address(address)) &&
      !NetAddress.isLinkLocal(address) &&
      !NetAddress.isMulticast(address)
  )
  // An IPv4 address reaches nodes of both families' sockets; loopback is the last resort.
  const rank = (address: NetAddress.IpAddress) =>
    (NetAddress.isLoopback(address) ? 2 : 0) + (NetAddress.isIpv4Address(address) ? 0 : 1)
  const best = Arr.sortWith(usable, rank, Order.Number)[0]
  if (best === undefined) return yield* new AdvertiseError({ bound })
  return [NetAddress.inetAddressUnsafe(best, bound.port), "interface"]
})

const make = Effect.gen(function* () {
  const { limits, network: options } = yield* CurrentConfig
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
  // A socket that broke comes back where the others know it.
  const rebind = NetAddress.inetAddressUnsafe(options.bind.address, bound.port)
  const [advertised, advertisedFrom] = yield* chooseAdvertised(bound, options.advertise)
  const dual = NetAddress.isIpv6Address(bound.address)

  const counters: TransportCounters = {
    datagramsIn: 0,
    bytesIn: 0,
    datagramsOut: 0,
    bytesOut: 0,
    received: trafficByKind(),
    sent: trafficByKind(),
    dropped: {
      Truncated: 0,
      UnsupportedVersion: 0,
      LengthMismatch: 0,
      ChecksumMismatch: 0,
      UnknownKind: 0,
      MalformedPayload: 0,
      Plaintext: 0,
      TooShort: 0,
      TooLong: 0,
      NotOpened: 0,
      Forged: 0,
      UnknownSource: 0,
      NotAllowed: 0,
      GlobalLimit: 0,
      SourceLimit: 0
    },
    overflow: 0,
    writeErrors: {},
    reopened: 0
  }

  // --- sending -------------------------------------------------------------

  const queue = new SendQueue()
  const waiting = Latch.makeUnsafe(false)
  /** Open while nothing waits to be written or is being written. */
  const idle = Latch.makeUnsafe(true)

  const ring = Option.getOrUndefined(keyRing)
  const mode = ring === undefined ? "off" : options.encryption

  const send = (message: Uint8Array, to: Destination, sealed: boolean): void => {
    if (queue.isFull) {
      counters.overflow++
      return
    }
    const seals = ring !== undefined && (mode === "required" || (mode === "accept" && sealed))
    const payload = seals ? ring.seal(message) : message
    queue.add({ payload, address: to })
    count(counters.sent, message[1]!, payload.length)
    idle.closeUnsafe()
    waiting.openUnsafe()
  }

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

  const inbound = new Inbound()
  const { source } = inbound
  const allowed = new AllowList(options.allow)
  if (options.maxInboundRate === 0) yield* Effect.logWarning(noLimitWarning)
  const limiter = new RateLimiter({
    maxInboundRate: options.maxInboundRate,
    sourceCapacity: options.inboundPeerCapacity,
    sourceRefill: options.inboundPeerRefillRate,
    maxSources: limits.sources,
    seed
  })
  const rejections = new Rejections()
  const rejectionListeners: Array<(rejection: Rejection, now: number) => void> = []
  let isMember: (packed: Uint8Array) => boolean = () => false

  /** Makes a source that cannot be read visible. Its id stands in the clear, at another place if it is sealed. */
  const reject = (reason: RejectionReason, payload: Uint8Array, idAt: number): void => {
    const at = now()
    if (payload.length < idAt + 8 || !rejections.report(reason, source, at)) return
    const rejection = {
      reason,
      address: PackedAddress.read(source, 0),
      id: NodeId.fromWords(readU32(payload, idAt), readU32(payload, idAt + 4))
    }
    for (const listener of rejectionListeners) listener(rejection, at)
  }

  /** The message in a datagram, opened where it is sealed, or `undefined` if it is of no use. */
  const messageIn = (payload: Uint8Array): Uint8Array | undefined => {
    inbound.sealed = false
    if (mode === "off" || ring === undefined) return payload
    const opened = ring.open(payload)
    if (opened instanceof Uint8Array) {
      inbound.sealed = true
      return opened
    }
    if (opened._tag === "Plaintext") {
      if (mode === "accept") return payload
      // A live member that says it sealed too does not know yet what we read. One that cannot seal is soon no member.
      if (!isMember(source)) reject("Plaintext", payload, SealedDatagram.IdInHeader)
    } else if (opened._tag === "NotOpened") reject("OtherKey", payload, SealedDatagram.IdInClear)
    counters.dropped[opened._tag]++
    return undefined
  }

  /** Each check is cheaper than the next, so that what is unwanted costs least. */
  const take = (datagram: DatagramSocket.Datagram, receive: Receive): void => {
    const { payload } = datagram
    counters.datagramsIn++
    counters.bytesIn += payload.length
    if (!readSource(datagram, source)) {
      counters.dropped.UnknownSource++
      return
    }
    if (!allowed.all && !allowed.has(source, 0)) {
      counters.dropped.NotAllowed++
      return
    }
    const verdict = limiter.admit(source, 0, isMember(source), now())
    if (verdict !== Verdict.Admitted) {
      counters.dropped[verdict === Verdict.GlobalLimit ? "GlobalLimit" : "SourceLimit"]++
      return
    }
    const message = messageIn(payload)
    if (message === undefined) return
    const fault = inbound.decode(message)
    if (fault !== undefined) {
      counters.dropped[fault._tag]++
      return
    }
    count(counters.received, inbound.header.kind, payload.length)
    receive(inbound, datagram)
  }

  const read = Effect.fnUntraced(function* (reader: DatagramSocket.Reader, receive: Receive) {
    while (true) {
      const batch = yield* reader.pull
      for (const datagram of batch) take(datagram, receive)
      // `pull` resumes inline per datagram; yielding lets a batch gather, and others run.
      yield* Effect.yieldNow
    }
  })

  /** What former sockets had no room for. */
  let dropped = 0

  const reopen = Effect.gen(function* () {
    // A write to a socket without a reader waits for ever, so nobody may be in one meanwhile.
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
    advertised,
    advertisedFrom,
    counters,
    receiveDropped: () => dropped + current.reader.dropped(),
    queued: () => queue.size,
    flushed: idle.await,
    send,
    sendsBothForms: mode === "accept",
    keyRing,
    setMembers: (test) => {
      isMember = test
    },
    onRejected: (listener) => {
      rejectionListeners.push(listener)
    },
    sources: () => ({ members: limiter.members, strangers: limiter.strangers }),
    route,
    run
  })
})
