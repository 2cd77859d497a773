/** Real nodes on a virtual network, on whatever clock the test runs on. */
import {
  type Array as Arr,
  Clock,
  Context,
  Effect,
  Exit,
  Fiber,
  Layer,
  Random,
  type Redacted,
  Result,
  Scope,
  Stream
} from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { AntiEntropy } from "../../src/anti-entropy/AntiEntropy.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { FailureDetector } from "../../src/failure-detector/FailureDetector.ts"
import type { Change } from "../../src/domain/Change.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Gossip } from "../../src/gossip/Gossip.ts"
import { Join } from "../../src/join/Join.ts"
import { Outbox } from "../../src/outbox/Outbox.ts"
import { JoinState } from "../../src/membership/JoinState.ts"
import { LocalView } from "../../src/membership/LocalView.ts"
import { Membership } from "../../src/membership/Membership.ts"
import type { Conditions } from "../../src/simulation/network/Conditions.ts"
import type { PacketDropReason, Packet } from "../../src/simulation/network/Packet.ts"
import type { Host } from "../../src/simulation/network/Host.ts"
import * as VirtualNetwork from "../../src/simulation/network/VirtualNetwork.ts"
import * as MonotonicTime from "../../src/time/MonotonicTime.ts"
import { NodeClock } from "../../src/time/NodeClock.ts"
import * as Aead from "../../src/crypto/Aead.ts"
import * as KeyRing from "../../src/crypto/KeyRing.ts"
import { Transport } from "../../src/transport/Transport.ts"
import * as Message from "../../src/wire/Message.ts"

/**
 * Nodes that speak version 1 and follow its rules, to the millisecond: what nodes of every level do to each other when one
 * of them does not speak more. Scenarios of extension level 1 set `extensions: {}`.
 */
export const version1 = {
  level1: false,
  accusations: false,
  secondOpinions: false,
  proof: false,
  damping: false,
  earlyFailure: false,
  digest: false,
  smallProbes: false
} as const

/** LEAVE and its retries are over by then, with the default configuration, in ms. */
const LongestGoodbye = 3000

/** A datagram that was sent, and what became of it so far: it is carried until it is dropped. */
export interface Sighting {
  /** When it was sent, in ms. */
  readonly at: number
  readonly from: string
  readonly to: string
  readonly payload: Uint8Array
  readonly fate: "carried" | PacketDropReason
}

/** A sighting, decoded. */
export interface Seen extends Sighting {
  readonly message: Message.Message
  /** The length of the datagram, seal included. */
  readonly bytes: number
  readonly sealed: boolean
}

/** A change with the time, in ms, at which it happened. */
export type Timed = Change & { readonly ms: number }

export interface LabNode {
  readonly name: string
  readonly host: Host
  readonly scope: Scope.Closeable
  readonly context: Context.Context<Cluster.Services>
  readonly changes: Array<Timed>
  readonly id: bigint
  readonly address: string
}

/** A socket without a node behind it: it says what it is told to say, and keeps what it hears. */
export interface Puppet {
  readonly host: Host
  readonly address: NetAddress.InetAddress
  /** What arrived, with the time in ms. */
  readonly received: Array<Received>
  /** Sends a message, well-formed but as untrue as may be, to a node or address. */
  readonly send: (message: Message.Message, to: LabNode | string) => Effect.Effect<void>
  /** Sends any bytes. */
  readonly sendBytes: (payload: Uint8Array, to: LabNode | string) => Effect.Effect<void>
}

/** A ring of keys that belongs to the test. */
export type Ring = KeyRing.KeyRing["Service"]

export interface Received {
  readonly at: number
  readonly from: string
  readonly message: Message.Message
  readonly bytes: number
}

type KeyRingKeys = Arr.NonEmptyReadonlyArray<Redacted.Redacted<ClusterKey.ClusterKey>>

export class Lab {
  readonly network: VirtualNetwork.VirtualNetwork
  readonly seen: Array<Seen> = []
  /** Datagrams that are no message, or are sealed with none of the `rings`. */
  readonly unread: Array<Sighting> = []
  /** Reads sealed datagrams along. Without any, every datagram must be a message in the clear. */
  readonly rings: Array<Ring> = []
  /** Whether `seen` and `unread` take note; without, a flood is cheap. */
  watching = true
  readonly #clock: Clock.Clock
  readonly #scopes: Array<Scope.Closeable> = []

  constructor(network: VirtualNetwork.VirtualNetwork, clock: Clock.Clock) {
    this.network = network
    this.#clock = clock
    const noted = new WeakMap<Packet, { fate: Sighting["fate"] }>()
    network.observe({
      sent: (packet) => {
        if (!this.watching) return
        const { from, payload, sentAt, to } = packet
        const read = this.read(payload)
        const sighting: Sighting = { at: sentAt, from, to, payload, fate: "carried" }
        if (read === undefined) {
          this.unread.push(sighting)
          noted.set(packet, sighting)
        } else {
          const seen: Seen = { ...sighting, ...read, bytes: payload.length }
          this.seen.push(seen)
          noted.set(packet, seen)
        }
      },
      dropped: (packet, reason) => {
        const sighting = noted.get(packet)
        if (sighting !== undefined) sighting.fate = reason
      }
    })
  }

  /** The message in a datagram, opened with the first of the `rings` that fits. */
  read(payload: Uint8Array): { readonly message: Message.Message; readonly sealed: boolean } | undefined {
    const plain = Message.decode(payload)
    if (Result.isSuccess(plain)) return { message: plain.success, sealed: false }
    if (this.rings.length === 0) throw plain.failure
    for (const ring of this.rings) {
      const opened = ring.open(payload)
      if (!(opened instanceof Uint8Array)) continue
      const message = Message.decode(opened)
      if (Result.isSuccess(message)) return { message: message.success, sealed: true }
    }
    return undefined
  }

  /** A ring of these keys for the test's own use. */
  static readonly ring = (keys: KeyRingKeys, clusterName = ""): Effect.Effect<Ring> =>
    Effect.orDie(
      Effect.provide(
        KeyRing.KeyRing,
        Layer.fresh(
          Layer.provide(
            KeyRing.layer({ keys, clusterName }),
            Layer.mergeAll(Aead.layerNoble, Kdf.layerWebCrypto, SecureRandom.layerWebCrypto)
          )
        )
      )
    )

  /** Sends bytes to a node with a source address that is not the sender's own. */
  forge(payload: Uint8Array, from: string, to: LabNode) {
    return Effect.sync(() => {
      if (!this.network.inject(payload, from, to.address)) throw new Error(`${from} is no address with a port`)
    })
  }

  /**
   * A network with 1 ms from host to host, unless `conditions` says otherwise. With the
   * test's scope all nodes end, and the clock moves on for as long as goodbyes take.
   */
  static readonly make = (conditions: Partial<Conditions> = {}) =>
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.make(conditions)
      const lab = new Lab(network, yield* Clock.Clock)
      yield* Effect.addFinalizer(() => lab.end)
      return lab
    })

  /** Ends all nodes. */
  get end() {
    return Effect.gen({ self: this }, function* () {
      const closing = yield* Effect.forEach(this.#scopes, (scope) => Scope.close(scope, Exit.void), {
        concurrency: "unbounded"
      }).pipe(Effect.forkChild({ startImmediately: true }))
      yield* TestClock.adjust(LongestGoodbye)
      yield* Fiber.join(closing)
    })
  }

  /** Milliseconds by the test's clock. */
  get now(): number {
    return MonotonicTime.millis(this.#clock)
  }

  /**
   * Starts a node called `n1`, `n2`, … with that number as its id, on a host of its
   * own at 10.0.0.number, port 7946.
   */
  start(number: number, options: ClusterConfig.ClusterOptions = {}, clock: Clock.Clock = this.#clock) {
    const name = `n${number}`
    const address = `10.0.0.${number}`
    return this.startAt(
      name,
      this.network.host(name, [address]),
      {
        bind: `${address}:7946`,
        nodeId: String(number),
        ...options
      },
      clock
    )
  }

  /** `layerOf` makes the node, for one with other components than the default ones. */
  startAt(
    name: string,
    host: Host,
    options: ClusterConfig.ClusterOptions,
    clock: Clock.Clock = this.#clock,
    layerOf: (
      config: ClusterConfig.ClusterConfig
    ) => Layer.Layer<Cluster.Services, Cluster.StartError, Layer.Success<Host["layer"]>> = (config) =>
      Cluster.layer(config, { leave: "acknowledged" })
  ) {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.make()
      this.#scopes.push(scope)
      const config = Result.getOrThrow(ClusterConfig.make({ extensions: version1, ...options }))
      const context = yield* Layer.buildWithScope(Layer.provide(layerOf(config), host.layer), scope).pipe(
        Random.withSeed(name),
        Effect.provideService(Clock.Clock, clock)
      )
      const cluster = Context.get(context, Cluster.Cluster)
      const changes: Array<Timed> = []
      yield* Context.get(context, Membership).changes.pipe(
        Stream.runForEach((change) => Effect.sync(() => changes.push({ ...change, ms: this.now }))),
        Effect.forkIn(scope, { startImmediately: true })
      )
      const node: LabNode = {
        name,
        host,
        scope,
        context,
        changes,
        id: cluster.id,
        address: NetAddress.formatInet(cluster.advertised)
      }
      return node
    })
  }

  /** Opens a socket at 10.0.0.`number`:7946, or elsewhere, for messages made by hand. */
  puppet(number: number, at: string = `10.0.0.${number}:7946`) {
    return Effect.gen({ self: this }, function* () {
      const address = NetAddress.inetAddressFromStringUnsafe(at)
      const host = this.network.host(`n${number}`, [NetAddress.formatIp(address.address)])
      const scope = yield* Scope.make()
      this.#scopes.push(scope)
      const socket = yield* host.network.socket(address)
      const reader = yield* Scope.provide(socket.reader, scope)
      const writer = yield* Scope.provide(socket.writer, scope)
      const received: Array<Received> = []
      yield* reader.pull.pipe(
        Effect.flatMap((batch) =>
          Effect.sync(() => {
            for (const { address, payload } of batch) {
              const read = this.read(payload)
              if (read === undefined) continue
              received.push({
                at: this.now,
                from: NetAddress.formatInet(address),
                message: read.message,
                bytes: payload.length
              })
            }
          })
        ),
        Effect.forever,
        Effect.ignore,
        Effect.forkIn(scope, { startImmediately: true })
      )
      const sendBytes = (payload: Uint8Array, to: LabNode | string) => {
        const destination = typeof to === "string" ? to : to.address
        return Effect.orDie(writer.write({ payload, address: NetAddress.inetAddressFromStringUnsafe(destination) }))
      }
      const puppet: Puppet = {
        host,
        address,
        received,
        send: (message, to) => sendBytes(bytesOf(message), to),
        sendBytes
      }
      return puppet
    })
  }

  /** Starts to end a node politely; it needs time to hear that its LEAVE arrived. */
  stop(node: LabNode) {
    return Effect.forkDetach(Scope.close(node.scope, Exit.void), { startImmediately: true })
  }

  /** Ends a node without a word: unplugged first, so that its LEAVE reaches nobody. */
  kill(node: LabNode) {
    node.host.detach()
    return this.stop(node)
  }

  /** What a node sees of another: `alive`, `suspect`, `dead`, `left`, or `unknown`. */
  status(observer: LabNode, subject: LabNode | bigint) {
    const id = typeof subject === "bigint" ? subject : subject.id
    return Effect.map(membersOf(observer), (members) => members.find((member) => member.id === id)?.status ?? "unknown")
  }

  /** Datagrams seen since `from` ms that satisfy a predicate. */
  sent(predicate: (seen: Seen) => boolean, from = 0): ReadonlyArray<Seen> {
    return this.seen.filter((seen) => seen.at >= from && predicate(seen))
  }
}

const causeOf = (change: Change): string => {
  const { cause } = change
  switch (cause._tag) {
    case "Claimed":
      return `Claimed by ${cause.by}`
    case "DeathConfirmed":
      return `DeathConfirmed by ${cause.by} after ${cause.pings}`
    default:
      return cause._tag
  }
}

const tellChange = (change: Change): string => {
  switch (change._tag) {
    case "Missed":
      return `Missed ${change.count}`
    case "Conflict":
      return `Conflict ${change.kind} ${change.id} at ${NetAddress.formatInet(change.address)}`
    case "Unreadable":
      return `Unreadable ${change.cause._tag} ${change.id} at ${NetAddress.formatInet(change.address)}`
    default:
      return `${change._tag} ${change.member.id}: ${causeOf(change)}`
  }
}

/** What became of whom in a node's eyes: ms since `from`, and for example `Died 3: SuspicionExpired`. */
export const story = (node: LabNode, from = 0): ReadonlyArray<readonly [number, string]> =>
  node.changes
    .filter(({ ms }) => ms >= from)
    // To a microsecond: late on the calendar, milliseconds have no more digits than that.
    .map((change) => [Math.round((change.ms - from) * 1000) / 1000, tellChange(change)])

/** An entry of a message made by hand. */
export const claim = (
  status: Message.MessageEntry["status"],
  id: number | bigint,
  address: string,
  incarnation = 0,
  heartbeat = 0
): Message.MessageEntry => ({
  nodeId: NodeId.fromWords(Number(BigInt(id) >> 32n), Number(BigInt(id) & 0xffffffffn)),
  incarnation,
  heartbeat,
  status,
  address: NetAddress.inetAddressFromStringUnsafe(address)
})

/**
 * The header of a message made by hand. With the id of a member that has spoken,
 * and numbers that are old, it is a replay: it says nothing of its sender, and its
 * entries are heard all the same.
 */
export const sender = (id: number | bigint, incarnation = 0, heartbeat = 0, flags = 0): Message.Sender => ({
  senderId: NodeId.fromWords(Number(BigInt(id) >> 32n), Number(BigInt(id) & 0xffffffffn)),
  incarnation,
  heartbeat,
  flags,
  level: 0
})

/** A message as a datagram in the clear. */
export const bytesOf = (message: Message.Message): Uint8Array => Result.getOrThrow(Message.encode(message))

/** A key of the cluster, by number. */
export const keyOf = (n: number): Redacted.Redacted<ClusterKey.ClusterKey> =>
  ClusterKey.fromBytes(new Uint8Array(ClusterKey.Length).fill(n))

/** The entries of a message; none of a PING_REQ or LEAVE. */
export const entriesOf = (message: Message.Message): ReadonlyArray<Message.MessageEntry> =>
  "entries" in message ? message.entries : []

export const membersOf = (node: LabNode) => Context.get(node.context, Membership).members

export const countsOf = (node: LabNode) => Context.get(node.context, Membership).counts

/** The inside of a node. */
export const parts = (node: LabNode) => ({
  antiEntropy: Context.get(node.context, AntiEntropy),
  detector: Context.get(node.context, FailureDetector),
  gossip: Context.get(node.context, Gossip),
  join: Context.get(node.context, Join),
  joinState: Context.get(node.context, JoinState),
  outbox: Context.get(node.context, Outbox),
  view: Context.get(node.context, LocalView),
  clock: Context.get(node.context, NodeClock),
  transport: Context.get(node.context, Transport)
})
