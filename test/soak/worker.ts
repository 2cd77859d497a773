/** A process of the soak test, with some nodes that do what its parent says. */
import { setTimeout as sleep } from "node:timers/promises"
import { Context, Effect, Exit, Layer, Metric, Option, Result, Scope, Stream } from "effect"
import { NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import { Events } from "../../src/events/Events.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as NodeNetwork from "../../src/node/NodeNetwork.ts"
import { Network } from "../../src/transport/Network.ts"
import type { Answer, Numbered, Order, Usage, View } from "./Orders.ts"

/** Two bytes of the addresses of this run. */
const [subnet = "0.0"] = process.argv.slice(2)

/** Every node has an address of its own, whose last byte is its number. */
const addressOf = (node: number): string => `127.${subnet}.${node}:7946`

let fibers = 0
const counted = Effect.provideService(Metric.FiberRuntimeMetrics, {
  recordFiberStart: () => {
    fibers++
  },
  recordFiberEnd: () => {
    fibers--
  }
})

// --- the network, which can be split ------------------------------------------

let side: ReadonlySet<number> = new Set()
/** Nodes that have crashed: their sockets are open until they are closed, and silent. */
const crashed = new Set<Network["Service"]>()

const real = await Effect.runPromise(Effect.scoped(Effect.map(Layer.build(NodeNetwork.layer), Context.get(Network))))

const splittable = (node: number): Network["Service"] => {
  const isLost = (address: DatagramSocket.OutgoingDatagram["address"] | NetAddress.InetAddress): boolean => {
    if (crashed.has(network)) return true
    if (address === undefined || !NetAddress.isInetAddressV4(address)) return false
    return side.has(node) !== side.has(NetAddress.ipv4ToOctets(address.address)[3])
  }
  const { probePort } = real
  const network = Network.of({
    interfaces: real.interfaces,
    socket: (address) =>
      Effect.map(real.socket(address), (socket) =>
        DatagramSocket.make({
          reader: socket.reader,
          writer: Effect.map(socket.writer, (writer) => ({
            write: (datagram) => (isLost(datagram.address) ? Effect.void : writer.write(datagram)),
            writeAll: (datagrams) =>
              Effect.forEach(datagrams, (one) => (isLost(one.address) ? Effect.void : writer.write(one)), {
                discard: true
              })
          }))
        })
      ),
    probePort: (probe) =>
      probePort === undefined || isLost(probe.target)
        ? Effect.as(Effect.sleep(probe.timeout), { _tag: "Silent" as const })
        : probePort(probe)
  })
  return network
}

// --- nodes ----------------------------------------------------------------------

interface Running {
  readonly scope: Scope.Closeable
  readonly network: Network["Service"]
  readonly services: Context.Context<Cluster.Services>
  readonly heard: Set<string>
  twice: number
}

const nodes = new Map<number, Running>()

const running = (node: number): Running => {
  const found = nodes.get(node)
  if (found === undefined) throw new Error(`node ${node} does not run`)
  return found
}

const start = Effect.fnUntraced(function* ({ key, node, peers, tags }: Extract<Order, { readonly do: "start" }>) {
  const config = yield* Effect.fromResult(
    ClusterConfig.make({
      profile: "local",
      bind: addressOf(node),
      nodeId: String(node),
      peers: peers.map(addressOf),
      clusterKey: key,
      tags,
      gossip: { healInterval: "1 second" }
    })
  )
  const scope = yield* Scope.make()
  const network = splittable(node)
  const services = yield* Layer.buildWithScope(
    Cluster.layer(config, { leave: "acknowledged" }).pipe(
      Layer.provide(Layer.succeed(Network, network)),
      Layer.provide(NodeNetwork.layer)
    ),
    scope
  ).pipe(Effect.onError(() => Scope.close(scope, Exit.void)))
  const started: Running = { scope, network, services, heard: new Set(), twice: 0 }
  nodes.set(node, started)
  yield* Stream.runForEach(Context.get(services, Events).all, ({ payload }) =>
    Effect.sync(() => {
      // No two events have the same payload.
      const name = Buffer.from(payload).toString()
      if (started.heard.has(name)) started.twice++
      started.heard.add(name)
    })
  ).pipe(Effect.forkIn(scope, { startImmediately: true }))
})

const end = (node: number, crash: boolean): Effect.Effect<void> => {
  const { network, scope } = running(node)
  nodes.delete(node)
  if (crash) crashed.add(network)
  return Effect.ensuring(
    Scope.close(scope, Exit.void),
    Effect.sync(() => crashed.delete(network))
  )
}

const rotate = Effect.fnUntraced(function* (step: "add" | "use" | "remove", text: string) {
  const key = Result.getOrThrow(ClusterKey.fromText(text))
  for (const { services } of nodes.values()) {
    const ring = Option.getOrThrow(Context.get(services, Cluster.Cluster).keyRing)
    // A key that is there already stays as it is.
    const fingerprint = yield* ring.add(key)
    if (step === "use") yield* ring.use(fingerprint)
    if (step === "remove") yield* ring.remove(fingerprint)
  }
})

const look = Effect.fnUntraced(function* (node: number) {
  const { heard, services, twice } = running(node)
  const members = yield* Context.get(services, Membership).members
  const listed = members.filter(({ status }) => status !== "dead" && status !== "left")
  const view: View = {
    members: Object.fromEntries(listed.map(({ id, status, tags }) => [String(id), { status, tags }])),
    events: heard.size,
    twice
  }
  return view
})

const measure = async (): Promise<Usage> => {
  for (let n = 0; n < 3; n++) {
    globalThis.gc?.()
    await sleep(50)
  }
  const { heapUsed } = process.memoryUsage()
  return { nodes: nodes.size, heap: heapUsed, handles: process.getActiveResourcesInfo().length, fibers }
}

const carryOut = (order: Order): Effect.Effect<unknown, unknown> => {
  switch (order.do) {
    case "start":
      return start(order)
    case "stop":
      return end(order.node, false)
    case "crash":
      return end(order.node, true)
    case "split":
      return Effect.sync(() => {
        side = new Set(order.side)
      })
    case "tags":
      return Context.get(running(order.node).services, Membership).setTags(order.tags)
    case "publish":
      return Context.get(running(order.node).services, Events).publishBytes("soak", Buffer.from(order.payload))
    case "rotate":
      return rotate(order.step, order.key)
    case "look":
      return look(order.node)
    case "measure":
      return Effect.tryPromise(measure)
  }
}

process.on("message", ({ number, order }: Numbered) => {
  const answer = (answer: Answer): void => {
    process.send?.(answer)
  }
  Effect.runPromise(counted(Effect.suspend(() => carryOut(order)))).then(
    (value) => answer({ number, value }),
    (error: unknown) => answer({ number, error: String(error) })
  )
})
// The parent is gone.
process.on("disconnect", () => process.exit(0))
process.send?.({ number: 0 })
