/** Nodes on real loopback sockets, each in a scope of its own, and the conditions that tests wait for. */
import { createSocket } from "node:dgram"
import type { AddressInfo } from "node:net"
import { inspect } from "node:util"
import { Context, Effect, Exit, Layer, Option, Predicate, Schedule, Scope, Stream } from "effect"
import { NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import type { Change } from "../../src/domain/Change.ts"
import type { Member, MemberStatus } from "../../src/domain/Member.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as NodeAdmin from "../../src/node/NodeAdmin.ts"
import * as NodeNetwork from "../../src/node/NodeNetwork.ts"
import { Network } from "../../src/transport/Network.ts"
import { Transport } from "../../src/transport/Transport.ts"
import type { TransportCounters } from "../../src/transport/Transport.ts"

// --- conditions --------------------------------------------------------------

/** How long a condition may take, in ms: far beyond what the slowest machine needs. */
const Limit = 25_000

/** Repeats `ask` until the answer holds, and returns it. Dies with the last answer after the time limit. */
export const until = <A, E, R>(
  what: string,
  ask: Effect.Effect<A, E, R>,
  holds: (answer: A) => boolean
): Effect.Effect<A, E, R> => {
  let last: unknown = "nothing"
  return ask.pipe(
    Effect.tap((answer) => Effect.sync(() => (last = answer))),
    Effect.repeat({ until: holds, schedule: Schedule.spaced("10 millis") }),
    Effect.timeoutOption(Limit),
    Effect.flatMap(
      Option.match({
        onNone: () =>
          Effect.die(new Error(`did not happen: ${what}; the last answer was ${inspect(last, { depth: 5 })}`)),
        onSome: Effect.succeed
      })
    )
  )
}

/** Waits until a plain condition holds. */
export const untilTrue = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(until(what, Effect.sync(holds), (yes) => yes))

// --- the network, with a tap on it -------------------------------------------

/** What a node used its network for, and a way to cut it. */
export interface Tap {
  readonly network: Network["Service"]
  /** The addresses that sockets were opened at, one for each socket. */
  readonly opened: ReadonlyArray<NetAddress.InetAddress>
  /** Datagrams that were written, and the bytes of the largest. */
  readonly sent: () => number
  readonly largest: () => number
  /** Closes the sockets as the end of a process does: nothing is sent or received any more, without notice. */
  readonly cut: Effect.Effect<void>
}

const tapped = (inner: Network["Service"]): Tap => {
  const opened: Array<NetAddress.InetAddress> = []
  const scopes = new Set<Scope.Closeable>()
  let cut = false
  let sent = 0
  let largest = 0
  const note = ({ payload }: DatagramSocket.OutgoingDatagram) => {
    sent++
    largest = Math.max(largest, payload.length)
  }
  const network = Network.of({
    interfaces: inner.interfaces,
    socket: (address) =>
      Effect.map(inner.socket(address), (socket) =>
        DatagramSocket.make({
          reader: Effect.gen(function* () {
            const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
            scopes.add(scope)
            const reader = yield* Scope.provide(socket.reader, scope)
            opened.push(reader.address)
            return {
              address: reader.address,
              dropped: () => reader.dropped(),
              joinMulticast: (options) => reader.joinMulticast(options),
              pull: Effect.suspend(() =>
                cut ? Effect.never : Effect.catch(reader.pull, (error) => (cut ? Effect.never : Effect.fail(error)))
              )
            }
          }),
          writer: Effect.map(socket.writer, (writer) => ({
            write: (datagram) =>
              Effect.suspend(() => {
                if (cut) return Effect.void
                note(datagram)
                return writer.write(datagram)
              }),
            writeAll: (datagrams) =>
              Effect.suspend(() => {
                if (cut) return Effect.void
                for (const datagram of datagrams) note(datagram)
                return writer.writeAll(datagrams)
              })
          }))
        })
      )
  })
  return {
    network,
    opened,
    sent: () => sent,
    largest: () => largest,
    cut: Effect.suspend(() => {
      cut = true
      return Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.void), { discard: true })
    })
  }
}

// --- nodes -------------------------------------------------------------------

/** Short times, for quick tests. No test depends on them: each waits for its condition. */
const quick = {
  bind: "127.0.0.1:0",
  reliableAckTimeout: 200,
  gossip: { interval: 50, heartbeatInterval: 100, antiEntropyInterval: "1 second", healInterval: "1 second" },
  probes: {
    interval: 300,
    timeout: 150,
    suspectTimeout: 600,
    suspectJitter: 200,
    deadRetention: "1 minute"
  }
} satisfies ClusterConfig.ClusterOptions

/** Options on top of the quick ones. */
export const withQuick = (options: ClusterConfig.ClusterOptions): ClusterConfig.ClusterOptions => ({
  ...quick,
  ...options,
  gossip: { ...quick.gossip, ...options.gossip },
  probes: { ...quick.probes, ...options.probes }
})

/** A node that sends only answers. */
export const silent: ClusterConfig.ClusterOptions = {
  reliableAckTimeout: 20,
  reliableMaxRetries: 0,
  gossip: { interval: "1 hour", antiEntropyInterval: 0, healInterval: "1 hour" },
  probes: { interval: "1 hour", timeout: "30 minutes" }
}

/** One running node. */
export interface RealNode {
  readonly id: NodeId.NodeId
  readonly cluster: Cluster.Cluster["Service"]
  readonly membership: Membership["Service"]
  readonly services: Context.Context<Cluster.Services>
  readonly scope: Scope.Closeable
  /** The bound address, and its text for a peer list. */
  readonly bound: NetAddress.InetAddress
  readonly address: string
  readonly counters: TransportCounters
  /** Every change since shortly after the start. */
  readonly changes: ReadonlyArray<Change>
  readonly tap: Tap
  /** Leaves the cluster and closes the node. */
  readonly stop: Effect.Effect<void>
  /** Ends the node as a crash does: without LEAVE, and its port is free. */
  readonly crash: Effect.Effect<void>
}

/** The network of this machine, for tests that change a part of it. */
export const nodeNetwork = Effect.map(Layer.build(NodeNetwork.layer), Context.get(Network))

/** Starts a node, on the network of this machine unless `network` is given. It ends with the test at the latest. */
export const start = Effect.fnUntraced(function* (
  options: ClusterConfig.ClusterOptions = {},
  network?: Network["Service"]
) {
  const config = yield* Effect.fromResult(ClusterConfig.make(withQuick(options)))
  const outer = yield* Effect.scope
  const tap = tapped(network ?? (yield* nodeNetwork))
  const scope = yield* Scope.fork(outer)
  const services = yield* Layer.buildWithScope(
    Cluster.layer(config, { leave: "acknowledged" }).pipe(
      Layer.provide(Layer.succeed(Network, tap.network)),
      Layer.provide(NodeNetwork.layer)
    ),
    scope
  )
  const cluster = Context.get(services, Cluster.Cluster)
  const membership = Context.get(services, Membership)
  const changes: Array<Change> = []
  yield* membership.changes.pipe(
    Stream.runForEach((change) => Effect.sync(() => changes.push(change))),
    Effect.forkIn(scope, { startImmediately: true })
  )
  const node: RealNode = {
    id: cluster.id,
    cluster,
    membership,
    services,
    scope,
    bound: cluster.bound,
    address: NetAddress.formatInet(cluster.bound),
    counters: Context.get(services, Transport).counters,
    changes,
    tap,
    stop: Scope.close(scope, Exit.void),
    crash: Effect.andThen(tap.cut, Effect.asVoid(Effect.forkIn(Scope.close(scope, Exit.void), outer)))
  }
  return node
})

const loopback = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")

/** Starts a node with an HTTP server, on a free port of loopback unless `admin` says otherwise. */
export const startServed = Effect.fnUntraced(function* (
  options: ClusterConfig.ClusterOptions = {},
  admin: NodeAdmin.Options = {}
) {
  const node = yield* start(options)
  const served = yield* Layer.buildWithScope(
    Layer.provide(NodeAdmin.layer({ address: loopback, ...admin }), Layer.succeedContext(node.services)),
    node.scope
  )
  const server = Context.get(served, NodeAdmin.NodeAdmin)
  return {
    ...node,
    server,
    /** `http://127.0.0.1:port`. */
    url: Option.match(server.address, {
      onNone: () => "",
      onSome: (address) => `http://${NetAddress.formatInet(address)}`
    })
  }
})

// --- what nodes see ----------------------------------------------------------

const ids = (members: ReadonlyArray<{ readonly id: NodeId.NodeId }>): string =>
  members
    .map(({ id }) => NodeId.format(id))
    .sort()
    .join(" ")

/** Waits until each of these nodes sees exactly these members alive. */
export const converged = (
  nodes: ReadonlyArray<RealNode>,
  expected: ReadonlyArray<{ readonly id: NodeId.NodeId }> = nodes
): Effect.Effect<void> =>
  until(
    `${nodes.length} nodes see the same ${expected.length} alive`,
    Effect.forEach(nodes, ({ membership }) => membership.alive),
    (views) => views.every((alive) => ids(alive) === ids(expected))
  ).pipe(Effect.asVoid)

/** The member as a node sees it, or `undefined`. */
export const seenBy = (node: RealNode, id: NodeId.NodeId): Effect.Effect<Member | undefined> =>
  Effect.map(node.membership.get(id), Option.getOrUndefined)

/** Waits until each of these nodes sees a member in this status. */
export const held = (nodes: ReadonlyArray<RealNode>, id: NodeId.NodeId, status: MemberStatus): Effect.Effect<void> =>
  until(
    `all hold ${NodeId.format(id)} ${status}`,
    Effect.forEach(nodes, (node) => seenBy(node, id)),
    (members) => members.every((member) => member?.status === status)
  ).pipe(Effect.asVoid)

/** A node's changes about one member. */
export const changesAbout = (node: RealNode, id: NodeId.NodeId) =>
  node.changes.filter((change) => Predicate.hasProperty(change, "member")).filter(({ member }) => member.id === id)

/** Waits until a node has emitted this number of changes, which takes a moment after they happen. */
export const heardOf = (node: RealNode, count: number): Effect.Effect<void> =>
  untilTrue(`${count} changes have come`, () => node.changes.length >= count)

/** Waits until these nodes have emitted a change of a member. */
export const heard = (
  nodes: ReadonlyArray<RealNode>,
  id: NodeId.NodeId,
  tag: "Died" | "Left" | "Recovered"
): Effect.Effect<void> =>
  untilTrue(`all heard ${tag} of ${NodeId.format(id)}`, () =>
    nodes.every((node) => changesAbout(node, id).some(({ _tag }) => _tag === tag))
  )

// --- ports -------------------------------------------------------------------

const bindOnce = (host: string) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createSocket>>((resume) => {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4")
      socket.bind(0, host, () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
  )

const textOf = ({ address, family, port }: AddressInfo): string =>
  family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`

/** Free loopback addresses: ports that were bound and released. */
export const reserve = (count: number, host = "127.0.0.1"): Effect.Effect<ReadonlyArray<string>> =>
  Effect.scoped(
    Effect.map(Effect.all(Array.from({ length: count }, () => bindOnce(host))), (sockets) =>
      sockets.map((socket) => textOf(socket.address()))
    )
  )
