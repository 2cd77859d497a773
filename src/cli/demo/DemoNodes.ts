/** The nodes of the demo: real nodes, each in a network that can be cut, whose views and changes go to one state. */
import {
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Queue,
  Result,
  Scope,
  Stream,
  SubscriptionRef
} from "effect"
import { type Dns, NetAddress } from "effect/net"
import * as Cluster from "../../cluster/Cluster.ts"
import type { StartError } from "../../cluster/Cluster.ts"
import * as ClusterConfig from "../../config/ClusterConfig.ts"
import { suspicionTimeout } from "../../failure-detector/SuspicionTiming.ts"
import type { Change } from "../../domain/Change.ts"
import type { NodeId } from "../../domain/NodeId.ts"
import { Membership } from "../../membership/Membership.ts"
import { Network } from "../../transport/Network.ts"
import * as DemoText from "./DemoText.ts"
import * as DemoState from "./DemoState.ts"
import * as SwitchableNetwork from "./SwitchableNetwork.ts"

/** The settings of the nodes: the defaults, or faster ones for a shorter demo. */
export type Timing = "fast" | "default"

const settings: Readonly<Record<Timing, ClusterConfig.ClusterConfig>> = {
  fast: Result.getOrThrow(
    ClusterConfig.make({
      reliableAckTimeout: 250,
      gossip: { healInterval: "2 seconds" },
      probes: { interval: 500, timeout: 250, suspectTimeout: "1.5 seconds", suspectJitter: 500 }
    })
  ),
  default: ClusterConfig.defaults
}

/** How often the views are read without a change, in ms. */
const RefreshInterval = 500

/** Members through which a new node may join. */
const MaxPeers = 3

/** A running node. */
interface Running {
  readonly membership: Membership["Service"]
  readonly network: SwitchableNetwork.SwitchableNetwork
  readonly scope: Scope.Closeable
  readonly watch: Fiber.Fiber<void>
}

export class DemoNodes extends Context.Service<
  DemoNodes,
  {
    /** Everything that the demo shows. */
    readonly state: SubscriptionRef.SubscriptionRef<DemoState.DemoState>
    /** Starts a node that joins through the running ones; one with the id of an earlier node comes back. */
    readonly start: (id: NodeId) => Effect.Effect<void, StartError>
    /** Ends a node as a crash does: its network is cut first, so that its LEAVE is lost. */
    readonly kill: (id: NodeId) => Effect.Effect<void>
    /** Makes a node leave, and waits until it is gone. */
    readonly leave: (id: NodeId) => Effect.Effect<void>
    /** Cuts a node off: it runs, but no datagram reaches or leaves it. */
    readonly cut: (id: NodeId) => Effect.Effect<void>
    /** Heals every cut. */
    readonly heal: Effect.Effect<void>
    /** Writes a line to the log. */
    readonly note: (text: string) => Effect.Effect<void>
  }
>()("effect-gossip/cli/demo/DemoNodes") {}

/** No node yet. Closing the layer heals the cuts and makes all nodes leave at once. */
export const layer = (timing: Timing): Layer.Layer<DemoNodes, never, Dns.Dns | Network> =>
  Layer.effect(DemoNodes, make(timing))

const make = Effect.fnUntraced(function* (timing: Timing) {
  const clock = yield* Clock.Clock
  const services = yield* Effect.context<Dns.Dns | Network>()
  const startedAt = clock.currentTimeMillisUnsafe()
  const state = yield* SubscriptionRef.make(DemoState.empty(describe(timing), startedAt))
  const running = new Map<NodeId, Running>()
  const nodesScope = yield* Scope.fork(yield* Effect.scope, "parallel")

  const update = (change: (state: DemoState.DemoState) => DemoState.DemoState) =>
    SubscriptionRef.updateSome(state, (state) => {
      const changed = change(state)
      return changed === state ? Option.none() : Option.some(changed)
    })

  const note = (text: string) =>
    Effect.suspend(() => {
      const at = clock.currentTimeMillisUnsafe()
      return update((state) => DemoState.withEvent(state, { _tag: "Done", at, text }))
    })

  const read = (id: NodeId, { membership }: Pick<Running, "membership">) =>
    Effect.flatMap(membership.members, (members) => update((state) => DemoState.withView(state, id, members)))

  // --- what the nodes log ----------------------------------------------------

  const logged = yield* Queue.unbounded<string>()
  const logger = Logger.layer([
    Logger.make(({ message }) => {
      Queue.offerUnsafe(logged, Array.isArray(message) ? message.map(String).join(" ") : String(message))
    })
  ])
  yield* Queue.take(logged).pipe(
    Effect.flatMap((text) => {
      const at = clock.currentTimeMillisUnsafe()
      return update((state) => DemoState.withEvent(state, { _tag: "Logged", at, text }))
    }),
    Effect.forever,
    Effect.forkScoped
  )

  // --- nodes -----------------------------------------------------------------

  const perform = Effect.fnUntraced(function* (id: NodeId, scope: Scope.Closeable) {
    const network = yield* Effect.provide(SwitchableNetwork.make, services)
    const peers = DemoState.reachable(SubscriptionRef.getUnsafe(state))
      .slice(0, MaxPeers)
      .map(({ port }) => NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, port))
    const { network: own, ...others } = settings[timing]
    const node = yield* Cluster.layer(
      { ...others, network: { ...own, nodeId: id, peers } },
      { leave: "acknowledged" }
    ).pipe(
      Layer.provide(Layer.succeed(Network, network.network)),
      Layer.provide(logger),
      Layer.buildWithScope(scope),
      Effect.provide(services)
    )
    return { cluster: Context.get(node, Cluster.Cluster), membership: Context.get(node, Membership), network }
  })

  const record = (id: NodeId, membership: Membership["Service"], change: Change) =>
    Effect.flatMap(membership.members, (members) =>
      update((state) => {
        const at = "at" in change ? change.at.epochMilliseconds : clock.currentTimeMillisUnsafe()
        const event: DemoState.Event = { _tag: "Changed", at, observer: id, change }
        return DemoState.withEvent(DemoState.withView(state, id, members), event)
      })
    )

  const start = Effect.fnUntraced(function* (id: NodeId) {
    const scope = yield* Scope.fork(nodesScope)
    const { cluster, membership, network } = yield* Effect.onError(perform(id, scope), (cause) =>
      Scope.close(scope, Exit.failCause(cause))
    )
    const { port } = cluster.bound
    yield* update((state) => {
      const again = state.nodes.some((node) => node.id === id)
      const at = clock.currentTimeMillisUnsafe()
      const text = `${DemoState.nameOf(id)} ${again ? "comes back" : "starts"} on port ${port}`
      return DemoState.withEvent(DemoState.withNode(state, { id, port, condition: "running" }), {
        _tag: "Done",
        at,
        text
      })
    })
    // Subscribed before anything else runs, so that no change is missed.
    const watch = yield* membership.changes.pipe(
      Stream.runForEach((change) => record(id, membership, change)),
      Effect.forkIn(nodesScope, { startImmediately: true })
    )
    running.set(id, { membership, network, scope, watch })
    yield* read(id, { membership })
  }, Effect.uninterruptible)

  /** Takes a node out of the running ones: its changes are no longer shown. */
  const take = (id: NodeId): Running | undefined => {
    const node = running.get(id)
    running.delete(id)
    return node
  }

  const kill = Effect.fnUntraced(function* (id: NodeId) {
    const node = take(id)
    if (node === undefined) return
    yield* node.network.cut
    yield* note(`${DemoState.nameOf(id)} fails without notice`)
    yield* update((state) => DemoState.withCondition(state, id, "killed"))
    yield* Fiber.interrupt(node.watch)
    yield* Scope.close(node.scope, Exit.void).pipe(Effect.uninterruptible, Effect.forkIn(nodesScope))
  })

  const leave = Effect.fnUntraced(function* (id: NodeId) {
    const node = take(id)
    if (node === undefined) return
    yield* note(`${DemoState.nameOf(id)} leaves`)
    yield* update((state) => DemoState.withCondition(state, id, "leaving"))
    yield* Fiber.interrupt(node.watch)
    yield* Scope.close(node.scope, Exit.void)
    yield* update((state) => DemoState.withCondition(state, id, "left"))
  }, Effect.uninterruptible)

  const cut = Effect.fnUntraced(function* (id: NodeId) {
    const node = running.get(id)
    if (node === undefined) return
    yield* node.network.cut
    yield* note(`${DemoState.nameOf(id)} is cut off: it runs, but no datagram gets in or out`)
    yield* update((state) => DemoState.withCondition(state, id, "cut"))
  })

  const heal = Effect.gen(function* () {
    for (const { condition, id } of SubscriptionRef.getUnsafe(state).nodes) {
      const node = running.get(id)
      if (condition !== "cut" || node === undefined) continue
      yield* node.network.heal
      yield* note(`${DemoState.nameOf(id)} is connected again`)
      yield* update((state) => DemoState.withCondition(state, id, "running"))
    }
  })
  // A node that is cut off would wait for acknowledgements of its LEAVE.
  yield* Effect.addFinalizer(() => heal)

  yield* Effect.gen(function* () {
    yield* Effect.sleep(RefreshInterval)
    for (const [id, node] of running) yield* read(id, node)
    yield* update(DemoState.withoutForgotten)
  }).pipe(Effect.forever, Effect.forkScoped)

  return DemoNodes.of({ state, start, kill, leave, cut, heal, note })
})

/** The settings in words. */
const describe = (timing: Timing): string => {
  const { gossip, probes } = settings[timing]
  const jitter = Duration.toMillis(probes.suspectJitter)
  const longest =
    jitter +
    suspicionTimeout(
      { timeout: Duration.toMillis(probes.suspectTimeout), multiplier: probes.suspectMultiplier, jitter },
      5
    )
  const span = (duration: Duration.Duration) => DemoText.duration(Duration.toMillis(duration))
  return (
    `${timing === "fast" ? "faster settings than the default" : "default settings"}: ` +
    `probes every ${span(probes.interval)}, answers within ${span(probes.timeout)}, ` +
    `suspicions of at most ${DemoText.duration(longest)}, ` +
    `healing every ${span(gossip.healInterval)}`
  )
}
