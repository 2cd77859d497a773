/**
 * Datagrams in and out. One fiber reads and hands each message on synchronously;
 * one fiber sends. None per packet.
 */
import { Context, Effect, Exit, FiberHandle, Latch, Layer, Order, Schedule, Schema, Scope } from "effect"
import { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import * as Arr from "effect/Array"
import { Inbound } from "../wire/Inbound.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type * as WireError from "../wire/WireError.ts"
import { Network } from "./Network.ts"

/** Datagrams that may wait to be sent; beyond, new ones are dropped and counted. */
const MaxQueued = 8192
/** Datagrams handed to the socket at once. */
const SendBatch = 64
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

/** Plain counters, read when metrics are scraped. */
export interface TransportCounters {
  datagramsIn: number
  bytesIn: number
  datagramsOut: number
  bytesOut: number
  /** Datagrams that were no message, by reason. */
  readonly dropped: Record<WireError.WireError["_tag"] | "UnknownSource", number>
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

export interface TransportOptions {
  /** The address to bind; port 0 lets the platform choose. */
  readonly bind: NetAddress.InetAddress
  /** The address that others are told, if not the bound one. Port 0 stands for the bound port. */
  readonly advertise: NetAddress.InetAddress | undefined
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
    /** Datagrams that the socket's receive buffer had no room for. */
    readonly receiveDropped: () => number
    /** Queues a datagram. Never waits and never fails: a full queue drops it and counts. */
    readonly send: (payload: Uint8Array, to: Destination) => void
    /** Turns a packed address into one that `send` takes cheapest; keep it. */
    readonly route: (packed: Uint8Array, at: number) => NetAddress.InetAddress
    /** Waits until everything queued before has been handed to the socket. */
    readonly flush: Effect.Effect<void>
    /** Reads for ever. To be run once. */
    readonly run: (receive: Receive) => Effect.Effect<never>
  }
>()("effect-gossip/transport/Transport") {
  static readonly layer = (options: TransportOptions): Layer.Layer<Transport, BindError | AdvertiseError, Network> =>
    Layer.effect(Transport, make(options))
}

const bindError =
  (address: NetAddress.InetAddress) =>
  (error: DatagramSocket.DatagramSocketError): BindError => {
    const { reason } = error
    return reason._tag === "DatagramSocketOpenError"
      ? new BindError({ address, kind: reason.kind, cause: reason.cause })
      : new BindError({ address, kind: "Unknown", cause: reason })
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

const make = Effect.fnUntraced(function* (options: TransportOptions) {
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
    dropped: {
      Truncated: 0,
      UnsupportedVersion: 0,
      LengthMismatch: 0,
      ChecksumMismatch: 0,
      UnknownKind: 0,
      MalformedPayload: 0,
      UnknownSource: 0
    },
    overflow: 0,
    writeErrors: {},
    reopened: 0
  }

  // --- sending -------------------------------------------------------------

  let queue: Array<DatagramSocket.OutgoingDatagram> = []
  const waiting = Latch.makeUnsafe(false)
  const drained = Latch.makeUnsafe(true)

  const send = (payload: Uint8Array, to: Destination): void => {
    if (queue.length >= MaxQueued) {
      counters.overflow++
      return
    }
    queue.push({ payload, address: to })
    waiting.openUnsafe()
    drained.closeUnsafe()
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
      const batch = queue.length <= SendBatch ? queue : queue.slice(0, SendBatch)
      queue = queue.length <= SendBatch ? [] : queue.slice(SendBatch)
      for (const datagram of batch) counters.bytesOut += datagram.payload.length
      counters.datagramsOut += batch.length
      yield* write(batch)
      if (queue.length > 0) continue
      waiting.closeUnsafe()
      drained.openUnsafe()
    }
  })
  const sender = yield* FiberHandle.make()
  yield* FiberHandle.run(sender, drain)

  // --- receiving -----------------------------------------------------------

  const inbound = new Inbound()

  const take = (datagram: DatagramSocket.Datagram, receive: Receive): void => {
    counters.datagramsIn++
    counters.bytesIn += datagram.payload.length
    const fault = inbound.decode(datagram.payload)
    if (fault !== undefined) {
      counters.dropped[fault._tag]++
      return
    }
    if (!readSource(datagram, inbound.source)) {
      counters.dropped.UnknownSource++
      return
    }
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

  const reopen = Effect.gen(function* () {
    // A write to a socket without a reader waits for ever, so nobody may be in one meanwhile.
    yield* FiberHandle.clear(sender)
    yield* Scope.close(current.scope, Exit.void)
    const schedule = Schedule.min([Schedule.exponential(ReopenFirst), Schedule.spaced(ReopenLast)])
    current = yield* open(rebind).pipe(Effect.retry(schedule), Effect.orDie)
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
    receiveDropped: () => current.reader.dropped(),
    send,
    route,
    flush: drained.await,
    run
  })
})
