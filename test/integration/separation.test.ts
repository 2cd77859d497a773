/** Layers build as many nodes as they are values, nodes in one process share nothing, and a closed node leaves nothing. */
import { createSocket, type Socket } from "node:dgram"
import { assert, describe, it } from "@effect/vitest"
import { NodeDatagramSocket } from "@effect/platform-node"
import { Context, Effect, Exit, Layer, Logger, Metric, Result, Scope } from "effect"
import { NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Membership } from "../../src/membership/Membership.ts"
import { NodeCluster, NodeNetwork } from "../../src/node/index.ts"
import { Network } from "../../src/transport/Network.ts"
import { converged, nodeNetwork, reserve, start, until, untilTrue, withQuick } from "./RealNodes.ts"

interface Pair {
  readonly cluster: Cluster.Cluster["Service"]
  readonly membership: Membership["Service"]
}

class First extends Context.Service<First, Pair>()("test/integration/First") {}
class Second extends Context.Service<Second, Pair>()("test/integration/Second") {}

const pair = Effect.gen(function* () {
  return { cluster: yield* Cluster.Cluster, membership: yield* Membership }
})

const configOf = (options: ClusterConfig.ClusterOptions = {}) =>
  Effect.fromResult(ClusterConfig.make(withQuick(options)))

const membersOf = ({ membership }: Pair) =>
  Effect.map(membership.members, (members) => members.map(({ id }) => id).sort())

/** Each is a node by itself: its own socket and its own members, which the other does not know. */
const areTwoNodes = Effect.fnUntraced(function* (one: Pair, other: Pair) {
  assert.notStrictEqual(one.cluster.bound.port, other.cluster.bound.port)
  assert.deepStrictEqual(yield* membersOf(one), [one.cluster.id])
  assert.deepStrictEqual(yield* membersOf(other), [other.cluster.id])
  for (const [mine, theirs] of [
    [one, other],
    [other, one]
  ] as const) {
    const before = yield* membersOf(theirs)
    const guest = yield* start({ peers: [NetAddress.formatInet(mine.cluster.bound)] })
    yield* until("the guest is known", membersOf(mine), (ids) => ids.includes(guest.id))
    assert.deepStrictEqual(yield* membersOf(theirs), before)
    yield* guest.stop
  }
  yield* one.cluster.leave
  assert.strictEqual((yield* one.membership.self).status, "left")
  assert.strictEqual((yield* other.membership.self).status, "alive")
})

/** Two users of layers, each with the services that it is given. */
const usersOf = <E, R>(first: Layer.Layer<Cluster.Cluster | Membership, E, R>, second: typeof first) =>
  Effect.map(
    Layer.build(
      Layer.mergeAll(
        Layer.provide(Layer.effect(First, pair), first),
        Layer.provide(Layer.effect(Second, pair), second)
      ).pipe(Layer.provide(NodeNetwork.layer))
    ),
    (both): readonly [Pair, Pair] => [Context.get(both, First), Context.get(both, Second)]
  )

describe("one layer value is one node", () => {
  // At a fixed port, a second node would fail with EADDRINUSE.
  const values: ReadonlyArray<readonly [name: string, layer: typeof NodeCluster.layer]> = [
    ["NodeCluster.layer", NodeCluster.layer],
    [
      "NodeCluster.layerResolved",
      (options = {}) => NodeCluster.layerResolved(Result.getOrThrow(ClusterConfig.make(options)))
    ],
    ["Cluster.layerOptions", (options = {}) => Layer.provide(Cluster.layerOptions(options), NodeNetwork.layer)],
    [
      "Cluster.layer",
      (options = {}) => Layer.provide(Cluster.layer(Result.getOrThrow(ClusterConfig.make(options))), NodeNetwork.layer)
    ]
  ]

  it.live.each(values)("of %s, for two users side by side", ([, layer]) =>
    Effect.gen(function* () {
      const [bind = ""] = yield* reserve(1)
      const node = layer(withQuick({ bind }))
      const [first, second] = yield* usersOf(node, node)
      assert.strictEqual(NetAddress.formatInet(first.cluster.bound), bind)
      assert.strictEqual(first.cluster, second.cluster)
      assert.strictEqual(first.membership, second.membership)
    })
  )

  it.live("for users at two depths of one program", () =>
    Effect.gen(function* () {
      const [bind = ""] = yield* reserve(1)
      const node = NodeCluster.layer(withQuick({ bind }))
      const inner = Layer.provide(Layer.effect(Second, pair), node)
      const both = yield* Layer.build(Layer.effect(First, pair).pipe(Layer.provideMerge(inner), Layer.provide(node)))
      assert.strictEqual(Context.get(both, First).cluster, Context.get(both, Second).cluster)
    })
  )

  it.live("and the node lives as long as one of its users", () =>
    Effect.gen(function* () {
      const [bind = ""] = yield* reserve(1)
      const node = NodeCluster.layer(withQuick({ bind }))
      const memoMap = yield* Layer.makeMemoMap
      const [longer, shorter] = [yield* Scope.make(), yield* Scope.make()]
      const build = (scope: Scope.Scope) =>
        Effect.map(Layer.buildWithMemoMap(node, memoMap, scope), Context.get(Membership))
      const membership = yield* build(longer)
      yield* build(shorter)
      yield* Scope.close(shorter, Exit.void)
      assert.strictEqual((yield* membership.self).status, "alive")
      yield* Scope.close(longer, Exit.void)
      assert.strictEqual((yield* membership.self).status, "left")
    })
  )
})

describe("two calls are two nodes", () => {
  it.live("side by side, of one configuration", () =>
    Effect.gen(function* () {
      const config = yield* configOf()
      const [first, second] = yield* usersOf(Cluster.layer(config), Cluster.layer(config))
      assert.notStrictEqual(first.cluster.id, second.cluster.id)
      yield* areTwoNodes(first, second)
    })
  )

  it.live("with one id, if the configuration has one", () =>
    Effect.gen(function* () {
      const nodeId = NodeId.fromWords(0, 99)
      const config = yield* configOf({ nodeId })
      const [first, second] = yield* usersOf(NodeCluster.layerResolved(config), NodeCluster.layerResolved(config))
      assert.strictEqual(first.cluster.id, nodeId)
      assert.strictEqual(second.cluster.id, nodeId)
      yield* areTwoNodes(first, second)
    })
  )

  it.live("one inside the other", () =>
    Effect.gen(function* () {
      const config = yield* configOf()
      const inner = Layer.provide(Layer.effect(Second, pair), Cluster.layer(config))
      const outer = Layer.effect(First, pair)
      // The inner one is built where every service of the outer one is provided.
      const both = yield* Layer.build(
        Layer.mergeAll(outer, inner).pipe(Layer.provide(Cluster.layer(config)), Layer.provide(NodeNetwork.layer))
      )
      yield* areTwoNodes(Context.get(both, First), Context.get(both, Second))
    })
  )

  it.live("one built by a program that runs in the other", () =>
    Effect.gen(function* () {
      const config = yield* configOf()
      yield* Effect.gen(function* () {
        const first = yield* pair
        const second = yield* Effect.provide(pair, yield* Layer.build(Cluster.layer(config)))
        yield* areTwoNodes(first, second)
      }).pipe(Effect.provide(Cluster.layer(config)), Effect.provide(NodeNetwork.layer))
    })
  )
})

describe("two nodes of two configurations", () => {
  it.live("have their own ids, addresses and times", () =>
    Effect.gen(function* () {
      const [one = "", other = ""] = yield* reserve(2)
      const ids = [NodeId.fromWords(1, 1), NodeId.fromWords(2, 2)] as const
      const [first, second] = yield* usersOf(
        Cluster.layer(yield* configOf({ nodeId: ids[0], bind: one, probes: { deadRetention: 100 } })),
        Cluster.layer(yield* configOf({ nodeId: ids[1], bind: other, probes: { deadRetention: "1 hour" } }))
      )
      assert.deepStrictEqual([first.cluster.id, second.cluster.id], [...ids])
      assert.strictEqual(NetAddress.formatInet(first.cluster.bound), one)
      assert.strictEqual(NetAddress.formatInet(second.cluster.bound), other)
      // Both see the same member leave. One forgets it soon, and the other keeps it.
      const guest = yield* start({ peers: [one, other] })
      yield* until("both know the guest", Effect.all([membersOf(first), membersOf(second)]), (views) =>
        views.every((view) => view.includes(guest.id))
      )
      yield* guest.stop
      yield* until("the first forgot the guest", membersOf(first), (view) => !view.includes(guest.id))
      assert.include(yield* membersOf(second), guest.id)
    })
  )
})

// --- what a closed node leaves -----------------------------------------------------

/** How many resources of a kind keep this thread alive, seen from a timer that has just fired. */
const resources = Effect.andThen(
  Effect.sleep(5),
  Effect.sync(() => {
    const counts = { UDPWrap: 0, Timeout: 0, Immediate: 0 }
    for (const kind of process.getActiveResourcesInfo()) if (kind in counts) counts[kind as keyof typeof counts]++
    return counts
  })
)

describe("a closed node", () => {
  it.live("leaves no socket, no timer and no fiber", () =>
    Effect.gen(function* () {
      let fibers = 0
      const counting = Metric.FiberRuntimeMetrics.of({
        recordFiberStart: () => void fibers++,
        recordFiberEnd: () => void fibers--
      })
      const before = yield* resources
      const scope = yield* Scope.make()
      const nodes = yield* Effect.gen(function* () {
        const hub = yield* start()
        const others = yield* Effect.forEach([1, 2, 3], () => start({ peers: [hub.address, "127.0.0.1:9"] }))
        const nodes = [hub, ...others]
        yield* converged(nodes)
        return nodes
      }).pipe(Scope.provide(scope), Effect.provideService(Metric.FiberRuntimeMetrics, counting))
      const open = yield* resources
      assert.isAtLeast(open.UDPWrap, before.UDPWrap + nodes.length)
      assert.isAbove(open.Timeout, before.Timeout)
      assert.isAbove(fibers, nodes.length)
      yield* Scope.close(scope, Exit.void)
      yield* untilTrue("all fibers have ended", () => fibers === 0)
      yield* until("all is as it was before", resources, (after) =>
        (["UDPWrap", "Timeout", "Immediate"] as const).every((kind) => after[kind] <= before[kind])
      )
      // The ports are free.
      const again = yield* Effect.forEach(nodes, ({ address }) => start({ bind: address }))
      assert.deepStrictEqual(
        again.map(({ address }) => address),
        nodes.map(({ address }) => address)
      )
    })
  )

  it.live("leaves nothing when its start fails", () =>
    Effect.gen(function* () {
      const taken = yield* start()
      const before = yield* resources
      for (let i = 0; i < 10; i++) yield* Effect.flip(start({ bind: taken.address }))
      yield* until("all is as it was before", resources, (after) => after.UDPWrap <= before.UDPWrap)
    })
  )

  it.live("leaves nothing when it is interrupted while it starts", () =>
    Effect.gen(function* () {
      const before = yield* resources
      const network = yield* nodeNetwork
      for (let i = 0; i < 10; i++) {
        const opening = Effect.scoped(Effect.andThen(start({}, network), Effect.never))
        yield* Effect.timeoutOption(opening, i)
      }
      yield* until("all is as it was before", resources, (after) => after.UDPWrap <= before.UDPWrap)
    })
  )
})

// --- sockets that break ------------------------------------------------------

/** The network of this machine, with access to its native sockets. */
const breakable = Effect.map(nodeNetwork, (network) => {
  const sockets: Array<Socket> = []
  let refuse = 0
  const openError = new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketOpenError({ kind: "AddressInUse", cause: "the test refuses it" })
  })
  return {
    sockets,
    /** Lets the next attempts to open a socket fail. */
    refuse: (attempts: number) => {
      refuse = attempts
    },
    network: Network.of({
      interfaces: network.interfaces,
      socket: (address) =>
        NodeDatagramSocket.fromSocket(
          Effect.callback<Socket, DatagramSocket.DatagramSocketError>((resume) => {
            if (refuse-- > 0) return resume(Effect.fail(openError))
            const socket = createSocket("udp4")
            sockets.push(socket)
            socket.bind(address.port, NetAddress.formatIp(address.address), () => resume(Effect.succeed(socket)))
          })
        )
    })
  }
})

/** Collects the messages that a program logs, and prints none. */
const collecting = (messages: Array<string>) =>
  Logger.layer([Logger.make(({ logLevel, message }) => messages.push(`${logLevel} ${String(message)}`))])

describe("a socket that breaks", () => {
  it.live("is opened again at the same port, with as many attempts as needed, and the node goes on", () => {
    const logged: Array<string> = []
    return Effect.gen(function* () {
      const { network, refuse, sockets } = yield* breakable
      const node = yield* start({}, network)
      const other = yield* start({ peers: [node.address] })
      yield* converged([node, other])
      const { incarnation } = yield* node.membership.self
      assert.lengthOf(sockets, 1)

      for (const [round, refusals] of [0, 3].entries()) {
        refuse(refusals)
        sockets.at(-1)?.close()
        yield* untilTrue("it was opened again", () => node.counters.reopened === round + 1)
        assert.lengthOf(sockets, round + 2)
        assert.lengthOf(logged, round + 1)
        assert.include(logged.at(-1), "Warn")
        assert.include(logged.at(-1), node.address)
        assert.strictEqual(sockets.at(-1)?.address().port, node.bound.port)
        // It receives and sends: a new node joins through it.
        const guest = yield* start({ peers: [node.address] })
        yield* converged([node, other, guest])
        yield* guest.stop
        yield* converged([node, other])
      }
      assert.strictEqual((yield* node.membership.self).address.port, node.bound.port)
      assert.strictEqual(node.id, (yield* node.membership.self).id)
      assert.isAtLeast((yield* node.membership.self).incarnation, incarnation)
      yield* node.stop
      yield* converged([other])
    }).pipe(Effect.provide(collecting(logged)))
  })

  it.live("is closed with the node even while it is broken", () =>
    Effect.gen(function* () {
      const { network, refuse, sockets } = yield* breakable
      const node = yield* start({}, network)
      const other = yield* start({ peers: [node.address] })
      yield* converged([node, other])
      refuse(Infinity)
      sockets.at(-1)?.close()
      yield* node.stop
      assert.lengthOf(sockets, 1)
      refuse(0)
      yield* start({ bind: node.address })
    }).pipe(Effect.provide(collecting([])))
  )
})
