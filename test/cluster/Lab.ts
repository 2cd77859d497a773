/**
 * Tests of nodes in virtual time: `Simulation`, with a record of every datagram, sockets without a node, and nodes at any
 * address.
 */
import { it } from "@effect/vitest"
import {
  type Array as Arr,
  Clock,
  Context,
  type Duration,
  Effect,
  Layer,
  Logger,
  type Redacted,
  Result,
  type Scope,
  Stream
} from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { NetAddress } from "effect/net"
import { AntiEntropy } from "../../src/anti-entropy/AntiEntropy.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { FailureDetector, FirstRound } from "../../src/failure-detector/FailureDetector.ts"
import type { Change } from "../../src/domain/Change.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Gossip } from "../../src/gossip/Gossip.ts"
import { Join } from "../../src/join/Join.ts"
import { Outbox } from "../../src/outbox/Outbox.ts"
import { JoinState } from "../../src/membership/JoinState.ts"
import { LocalView } from "../../src/membership/LocalView.ts"
import { Membership } from "../../src/membership/Membership.ts"
import { TagPool } from "../../src/membership/TagPool.ts"
import type { Conditions } from "../../src/simulation/network/Conditions.ts"
import type { PacketDropReason, Packet } from "../../src/simulation/network/Packet.ts"
import type { Host } from "../../src/simulation/network/Host.ts"
import type { VirtualNetwork } from "../../src/simulation/network/VirtualNetwork.ts"
import * as NodeStart from "../../src/simulation/NodeStart.ts"
import type { SimNode } from "../../src/simulation/SimNode.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import type { Timeline } from "../../src/simulation/time/Timeline.ts"
import { Beginning, VirtualClock } from "../../src/simulation/time/VirtualClock.ts"
import type { Verbs } from "../../src/simulation/Verbs.ts"
import { NodeClock } from "../../src/time/NodeClock.ts"
import * as Aead from "../../src/crypto/Aead.ts"
import * as KeyRing from "../../src/crypto/KeyRing.ts"
import { Transport } from "../../src/transport/Transport.ts"
import * as Message from "../../src/wire/Message.ts"

/**
 * Nodes that speak version 1 and follow its rules, to the millisecond: what two nodes do when at
 * least one of them is of level 0. Scenarios of extension level 1 set `extensions: {}`.
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

export interface VirtualOptions {
  /** The wall clock of every node at the beginning, in ms since 1970; 0 by default, which makes every incarnation begin at 0. */
  readonly wallClock?: number
  /** Another history of the same test. */
  readonly seed?: number
}

/** Runs a test in virtual time. At its end no node runs on. */
export const virtual = <A, E, R>(
  test: Effect.Effect<A, E, R>,
  { seed = 1, wallClock = 0 }: VirtualOptions = {}
): Effect.Effect<A, E, Exclude<Exclude<R, Scope.Scope>, Simulation.Simulation>> =>
  Simulation.run(
    Effect.flatMap(Simulation.Simulation, ({ timeline }) =>
      Effect.provideService(Effect.scoped(test), Clock.Clock, new VirtualClock(timeline, Beginning - wallClock))
    ),
    // These tests forge messages, which breaks invariants.
    { seed, invariants: false }
  ).pipe(Effect.catchTag(["InvariantBroken", "VirtualTimeStuck"], Effect.die))

/** Makes tests in virtual time with this wall clock at the beginning, in ms since 1970. */
export const scenarioAt =
  (wallClock: number) =>
  <A, E>(title: string, test: () => Effect.Effect<A, E, Simulation.Simulation | Scope.Scope>) =>
    it.effect(title, () => virtual(Effect.suspend(test), { wallClock }))

/** A test in virtual time. */
export const scenario = scenarioAt(0)

/** Lets time pass, until everything at the last instant has happened. */
export const pass = (time: Duration.Input): Effect.Effect<void, never, Simulation.Simulation> =>
  Effect.flatMap(Simulation.Simulation, ({ timeline }) => passOn(timeline, time))

const passOn = (timeline: Timeline, time: Duration.Input): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.sleep(time)
    // Events of one instant happen in the order in which they were added. When the end of this sleep was the only event,
    // none is left.
    let before: number
    do {
      before = timeline.events
      yield* Effect.sleep(0)
    } while (timeline.events > before + 1)
  })

/** A logger for a node, and the lines that it gets. */
export const journal = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return { lines, layer: Logger.layer([logger]) }
}

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
  readonly node: SimNode
  readonly context: Context.Context<Cluster.Services>
  readonly changes: Array<Timed>
  readonly id: bigint
  readonly address: string
}

/** A socket without a node: it sends what the test tells it to, and keeps what it receives. */
export interface Puppet {
  readonly host: Host
  readonly address: NetAddress.InetAddress
  /** What arrived, with the time in ms. */
  readonly received: Array<Received>
  /** Sends a well-formed message, true or not, to a node or address. */
  readonly send: (message: Message.Message, to: LabNode | string) => Effect.Effect<void>
  /** Sends any bytes. */
  readonly sendBytes: (payload: Uint8Array, to: LabNode | string) => Effect.Effect<void>
}

export interface StartOptions {
  /** How far the wall clock of this node is behind that of the others, in ms. */
  readonly clockBehind?: number
  /** The components of the node, instead of `Cluster.layerParts`. */
  readonly parts?: NodeStart.Parts | undefined
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
  readonly network: VirtualNetwork
  readonly seen: Array<Seen> = []
  /** Datagrams that are no message, or are sealed with none of the `rings`. */
  readonly unread: Array<Sighting> = []
  /** Opens sealed datagrams for the record. Without any, every datagram must be a message in the clear. */
  readonly rings: Array<Ring> = []
  /**
   * Whether every node takes the address of each member for proved, so that invented members, which answer nothing, are
   * told everything.
   */
  believing = false
  /** Whether `seen` and `unread` are filled. Without, a flood costs less. */
  watching = true
  readonly #verbs: Verbs
  /** How far the wall clocks of nodes are behind that of a simulation, in ms. */
  readonly #clockBehind: number
  #lives = 0

  constructor(verbs: Verbs, clockBehind: number) {
    const { network } = verbs
    this.network = network
    this.#verbs = verbs
    this.#clockBehind = clockBehind
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
  static readonly ring = (keys: KeyRingKeys, clusterName = ""): Effect.Effect<Ring, never, Simulation.Simulation> =>
    Effect.flatMap(Simulation.Simulation, ({ inRealTime }) =>
      KeyRing.KeyRing.pipe(
        Effect.provide(
          Layer.fresh(
            Layer.provide(
              KeyRing.layer({ keys, clusterName }),
              Layer.mergeAll(Aead.layerNoble, Kdf.layerWebCrypto, SecureRandom.layerWebCrypto)
            )
          )
        ),
        Effect.orDie,
        inRealTime
      )
    )

  /** Sends bytes to a node with a source address that is not the sender's own. */
  forge(payload: Uint8Array, from: string, to: LabNode) {
    return Effect.sync(() => {
      if (!this.network.inject(payload, from, to.address)) throw new Error(`${from} is no address with a port`)
    })
  }

  /** The simulation that the test runs in, with 1 ms from host to host, unless `conditions` says otherwise. */
  static readonly make = (conditions: Partial<Conditions> = {}) =>
    Effect.gen(function* () {
      const verbs = yield* Simulation.Simulation
      const clock = yield* Clock.Clock
      Object.assign(verbs.network.defaults, conditions)
      return new Lab(verbs, Beginning + verbs.now() - clock.currentTimeMillisUnsafe())
    })

  /** The same, with nodes that believe in invented members. */
  static readonly believing = (conditions: Partial<Conditions> = {}) =>
    Effect.map(Lab.make(conditions), (lab) => Object.assign(lab, { believing: true }))

  /** Lets time pass, as `pass` does. */
  pass(time: Duration.Input) {
    return passOn(this.#verbs.timeline, time)
  }

  /** Milliseconds since the beginning of the test. */
  get now(): number {
    return this.#verbs.now()
  }

  /**
   * Starts a node called `n1`, `n2`, … with that number as its id, on a host of its
   * own at 10.0.0.number, port 7946.
   */
  start(number: number, options: ClusterConfig.ClusterOptions = {}, more: StartOptions = {}) {
    const name = `n${number}`
    const address = `10.0.0.${number}`
    return this.startAt(
      name,
      this.network.host(name, [address]),
      { bind: `${address}:7946`, nodeId: String(number), ...options },
      more
    )
  }

  /** Starts a node with any name and addresses. It follows the rules of version 1 unless `extensions` is given. */
  startAt(
    name: string,
    host: Host,
    options: ClusterConfig.ClusterOptions,
    { clockBehind = 0, parts = Cluster.layerParts }: StartOptions = {}
  ): Effect.Effect<LabNode, Cluster.StartError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const { inRealTime, network, seed, timeline } = this.#verbs
      const node: SimNode = yield* NodeStart.start(
        { timeline, network, seed: `${seed} ${name}`, logs: true, tagPool: new TagPool(), inRealTime },
        {
          number: Number(name.replace(/\D/g, "")),
          life: ++this.#lives,
          host,
          clockBehind: this.#clockBehind + clockBehind,
          config: Result.getOrThrow(ClusterConfig.make({ extensions: version1, ...options })),
          layer: Layer.empty,
          // Scenarios know when each probe is sent.
          parts: Layer.provide(parts, Layer.succeed(FirstRound, 1)),
          restart: () => Effect.die("start it with `start`")
        }
      )
      yield* Effect.addFinalizer(() => Effect.sync(node.control.crash))
      const { table } = node.view
      if (this.believing) node.view.observe({ transition: ({ slot }) => table.markProved(slot) })
      const changes: Array<Timed> = []
      yield* node
        .run(
          Stream.runForEach(node.membership.changes, (change) =>
            Effect.sync(() => changes.push({ ...change, ms: this.now }))
          )
        )
        .pipe(Effect.forkScoped({ startImmediately: true }))
      return { name, host, node, context: node.context, changes, id: node.id, address: node.address }
    })
  }

  /** Opens a socket at 10.0.0.`number`:7946, or elsewhere, for messages made by hand. */
  puppet(number: number, at: string = `10.0.0.${number}:7946`) {
    return Effect.gen({ self: this }, function* () {
      const address = NetAddress.inetAddressFromStringUnsafe(at)
      const host = this.network.host(`n${number}`, [NetAddress.formatIp(address.address)])
      const socket = yield* host.network.socket(address)
      const reader = yield* socket.reader
      const writer = yield* socket.writer
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
        Effect.forkScoped({ startImmediately: true })
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

  /** Starts to let a node leave; it needs time to hear that its LEAVE arrived. */
  stop({ node }: LabNode) {
    return Effect.forkDetach(node.control.stop, { startImmediately: true })
  }

  /** Ends a node and its machine. Nobody is told. */
  kill({ node }: LabNode) {
    return Effect.sync(node.control.crash)
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

/** The changes that a node saw of others: ms since `from`, and for example `Died 3: SuspicionExpired`. */
export const story = (node: LabNode, from = 0): ReadonlyArray<readonly [number, string]> =>
  node.changes
    .filter((change) => change.ms >= from && !("member" in change && change.member.self))
    // To a microsecond, since the fractions are rounded.
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

/** The components of a node. */
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
