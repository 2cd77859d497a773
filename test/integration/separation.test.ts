/** Nodes in one process share nothing, and a closed one leaves nothing behind. */
import { createSocket, type Socket } from "node:dgram"
import { assert, describe, it } from "@effect/vitest"
import { NodeDatagramSocket } from "@effect/platform-node"
import { Context, Effect, Exit, Layer, Logger, Metric, Scope } from "effect"
import { NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Membership } from "../../src/membership/Membership.ts"
import { NodeCluster, NodeNetwork } from "../../src/node/index.ts"
import { Network } from "../../src/transport/Network.ts"
import { converged, nodeNetwork, reserve, start, until, untilTrue, withQuick } from "./RealCluster.ts"

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

/** Each is a node by itself: its own socket, its own table, of which the other hears nothing. */
const areStrangers = Effect.fnUntraced(function* (one: Pair, other: Pair) {
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

describe("two nodes of one configuration", () => {
  it.live("side by side are two nodes", () =>
    Effect.gen(function* () {
      const config = yield* configOf()
      const both = yield* Layer.build(
        Layer.mergeAll(
          Layer.provide(Layer.effect(First, pair), Cluster.layer(config)),
          Layer.provide(Layer.effect(Second, pair), Cluster.layer(config))
        ).pipe(Layer.provide(NodeNetwork.layer))
      )
      const first = Context.get(both, First)
      const second = Context.get(both, Second)
      assert.notStrictEqual(first.cluster.id, second.cluster.id)
      yield* areStrangers(first, second)
    })
  )

  it.live("of one and the same layer are two nodes too", () =>
    Effect.gen(function* () {
      const node = Cluster.layer(yield* configOf())
      const both = yield* Layer.build(
        Layer.mergeAll(
          Layer.provide(Layer.effect(First, pair), node),
          Layer.provide(Layer.effect(Second, pair), node)
        ).pipe(Layer.provide(NodeNetwork.layer))
      )
      yield* areStrangers(Context.get(both, First), Context.get(both, Second))
    })
  )

  it.live("are two nodes with one id, if it gives one", () =>
    Effect.gen(function* () {
      const nodeId = NodeId.fromWords(0, 99)
      const config = yield* configOf({ nodeId })
      const both = yield* Layer.build(
        Layer.mergeAll(
          Layer.provide(Layer.effect(First, pair), NodeCluster.layerConfig(config)),
          Layer.provide(Layer.effect(Second, pair), NodeCluster.layerConfig(config))
        )
      )
      const first = Context.get(both, First)
      const second = Context.get(both, Second)
      assert.strictEqual(first.cluster.id, nodeId)
      assert.strictEqual(second.cluster.id, nodeId)
      yield* areStrangers(first, second)
    })
  )

  it.live("one inside the other are two nodes", () =>
    Effect.gen(function* () {
      const config = yield* configOf()
      const inner = Layer.provide(Layer.effect(Second, pair), Cluster.layer(config))
      const outer = Layer.effect(First, pair)
      // The inner one is built with everything of the outer one in reach, its components included.
      const both = yield* Layer.build(
        Layer.mergeAll(outer, inner).pipe(
          Layer.provide(Cluster.layerComponents(config)),
          Layer.provide(NodeNetwork.layer)
        )
      )
      yield* areStrangers(Context.get(both, First), Context.get(both, Second))
    })
  )

  it.live("one built by a program inside the other are two nodes", () =>
    Effect.gen(function* () {
      const config = yield* configOf()
      yield* Effect.gen(function* () {
        const first = yield* pair
        const second = yield* Effect.provide(pair, yield* Layer.build(Cluster.layer(config)))
        yield* areStrangers(first, second)
      }).pipe(Effect.provide(Cluster.layerComponents(config)), Effect.provide(NodeNetwork.layer))
    })
  )
})

describe("two nodes of two configurations", () => {
  it.live("have each their own id, address and times", () =>
    Effect.gen(function* () {
      const [one = "", other = ""] = yield* reserve(2)
      const ids = [NodeId.fromWords(1, 1), NodeId.fromWords(2, 2)] as const
      const configs = [
        yield* configOf({ nodeId: ids[0], bind: one, probes: { deadRetention: 100 } }),
        yield* configOf({ nodeId: ids[1], bind: other, probes: { deadRetention: "1 hour" } })
      ] as const
      const both = yield* Layer.build(
        Layer.mergeAll(
          Layer.provide(Layer.effect(First, pair), Cluster.layer(configs[0])),
          Layer.provide(Layer.effect(Second, pair), Cluster.layer(configs[1]))
        ).pipe(Layer.provide(NodeNetwork.layer))
      )
      const first = Context.get(both, First)
      const second = Context.get(both, Second)
      assert.deepStrictEqual([first.cluster.id, second.cluster.id], [...ids])
      assert.strictEqual(NetAddress.formatInet(first.cluster.bound), one)
      assert.strictEqual(NetAddress.formatInet(second.cluster.bound), other)
      // Both see the same goodbye; one forgets it soon, and the other keeps it.
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

// --- what is left behind -----------------------------------------------------

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

/** This machine's network, with its native sockets in the hand of the test. */
const breakable = Effect.map(nodeNetwork, (network) => {
  const sockets: Array<Socket> = []
  let refuse = 0
  const openError = new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketOpenError({ kind: "AddressInUse", cause: "the test says so" })
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
  it.live("is opened again at the same port, as often as it takes, and the node goes on", () => {
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
        // It hears and is heard: somebody new gets to know it, and it them.
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
