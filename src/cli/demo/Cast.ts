/** The nodes of the demo: real ones, each in a network that can be cut, and all they say written into one scene. */
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
import * as Narration from "./Narration.ts"
import * as Scene from "./Scene.ts"
import * as SwitchableNetwork from "./SwitchableNetwork.ts"

/** Which settings the nodes run with: the defaults, or such that an audience need not wait so long. */
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

/** How often the views are read without a change: the one thing that no change tells is that a member was forgotten. */
const RefreshInterval = 500

/** Members through which a new node may join. */
const MaxPeers = 3

/** A node that runs. */
interface Role {
  readonly membership: Membership["Service"]
  readonly network: SwitchableNetwork.SwitchableNetwork
  readonly scope: Scope.Closeable
  readonly watch: Fiber.Fiber<void>
}

export class Cast extends Context.Service<
  Cast,
  {
    /** All that there is to see. */
    readonly scene: SubscriptionRef.SubscriptionRef<Scene.Scene>
    /** Starts a node that joins through those that run; one of an id that was there before comes back. */
    readonly start: (id: NodeId) => Effect.Effect<void, StartError>
    /** Ends a node without a word: its network is cut for ever, and what it says in its last moments is lost. */
    readonly kill: (id: NodeId) => Effect.Effect<void>
    /** Lets a node leave, and waits until it is gone. */
    readonly leave: (id: NodeId) => Effect.Effect<void>
    /** Cuts a node off: it lives, but hears nobody and is not heard. */
    readonly cut: (id: NodeId) => Effect.Effect<void>
    /** Heals every cut. */
    readonly heal: Effect.Effect<void>
    /** Writes something into the log. */
    readonly note: (text: string) => Effect.Effect<void>
  }
>()("effect-gossip/cli/demo/Cast") {}

/** No node yet. Closing the layer heals the cuts and lets all nodes leave at once. */
export const layer = (timing: Timing): Layer.Layer<Cast, never, Dns.Dns | Network> => Layer.effect(Cast, make(timing))

const make = Effect.fnUntraced(function* (timing: Timing) {
  const clock = yield* Clock.Clock
  const services = yield* Effect.context<Dns.Dns | Network>()
  const startedAt = clock.currentTimeMillisUnsafe()
  const scene = yield* SubscriptionRef.make(Scene.empty(describe(timing), startedAt))
  const roles = new Map<NodeId, Role>()
  const castScope = yield* Scope.fork(yield* Effect.scope, "parallel")

  const update = (change: (scene: Scene.Scene) => Scene.Scene) =>
    SubscriptionRef.updateSome(scene, (scene) => {
      const changed = change(scene)
      return changed === scene ? Option.none() : Option.some(changed)
    })

  const note = (text: string) =>
    Effect.suspend(() => {
      const at = clock.currentTimeMillisUnsafe()
      return update((scene) => Scene.withEvent(scene, { _tag: "Done", at, text }))
    })

  const read = (id: NodeId, { membership }: Pick<Role, "membership">) =>
    Effect.flatMap(membership.members, (members) => update((scene) => Scene.withView(scene, id, members)))

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
      return update((scene) => Scene.withEvent(scene, { _tag: "Logged", at, text }))
    }),
    Effect.forever,
    Effect.forkScoped
  )

  // --- nodes -----------------------------------------------------------------

  const perform = Effect.fnUntraced(function* (id: NodeId, scope: Scope.Closeable) {
    const network = yield* Effect.provide(SwitchableNetwork.make, services)
    const peers = Scene.reachable(SubscriptionRef.getUnsafe(scene))
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

  const witness = (id: NodeId, membership: Membership["Service"], change: Change) =>
    Effect.flatMap(membership.members, (members) =>
      update((scene) => {
        const at = "at" in change ? change.at.epochMilliseconds : clock.currentTimeMillisUnsafe()
        const event: Scene.Event = { _tag: "Changed", at, observer: id, change }
        return Scene.withEvent(Scene.withView(scene, id, members), event)
      })
    )

  const start = Effect.fnUntraced(function* (id: NodeId) {
    const scope = yield* Scope.fork(castScope)
    const { cluster, membership, network } = yield* Effect.onError(perform(id, scope), (cause) =>
      Scope.close(scope, Exit.failCause(cause))
    )
    const { port } = cluster.bound
    yield* update((scene) => {
      const again = scene.actors.some((actor) => actor.id === id)
      const at = clock.currentTimeMillisUnsafe()
      const text = `${Scene.nameOf(id)} ${again ? "comes back" : "starts"} on port ${port}`
      return Scene.withEvent(Scene.withActor(scene, { id, port, condition: "running" }), { _tag: "Done", at, text })
    })
    // Subscribed before anything else may run, so that no change is missed.
    const watch = yield* membership.changes.pipe(
      Stream.runForEach((change) => witness(id, membership, change)),
      Effect.forkIn(castScope, { startImmediately: true })
    )
    roles.set(id, { membership, network, scope, watch })
    yield* read(id, { membership })
  }, Effect.uninterruptible)

  /** Takes a node that runs off the stage: nobody listens to it any more. */
  const take = (id: NodeId): Role | undefined => {
    const role = roles.get(id)
    roles.delete(id)
    return role
  }

  const kill = Effect.fnUntraced(function* (id: NodeId) {
    const role = take(id)
    if (role === undefined) return
    yield* role.network.cut
    yield* note(`${Scene.nameOf(id)} dies without a word`)
    yield* update((scene) => Scene.withCondition(scene, id, "killed"))
    yield* Fiber.interrupt(role.watch)
    yield* Scope.close(role.scope, Exit.void).pipe(Effect.uninterruptible, Effect.forkIn(castScope))
  })

  const leave = Effect.fnUntraced(function* (id: NodeId) {
    const role = take(id)
    if (role === undefined) return
    yield* note(`${Scene.nameOf(id)} leaves`)
    yield* update((scene) => Scene.withCondition(scene, id, "leaving"))
    yield* Fiber.interrupt(role.watch)
    yield* Scope.close(role.scope, Exit.void)
    yield* update((scene) => Scene.withCondition(scene, id, "left"))
  }, Effect.uninterruptible)

  const cut = Effect.fnUntraced(function* (id: NodeId) {
    const role = roles.get(id)
    if (role === undefined) return
    yield* role.network.cut
    yield* note(`${Scene.nameOf(id)} is cut off: it lives, but nothing gets in or out`)
    yield* update((scene) => Scene.withCondition(scene, id, "cut"))
  })

  const heal = Effect.gen(function* () {
    for (const { condition, id } of SubscriptionRef.getUnsafe(scene).actors) {
      const role = roles.get(id)
      if (condition !== "cut" || role === undefined) continue
      yield* role.network.heal
      yield* note(`${Scene.nameOf(id)} is connected again`)
      yield* update((scene) => Scene.withCondition(scene, id, "running"))
    }
  })
  // A node that is cut off would wait for answers to its goodbye.
  yield* Effect.addFinalizer(() => heal)

  yield* Effect.gen(function* () {
    yield* Effect.sleep(RefreshInterval)
    for (const [id, role] of roles) yield* read(id, role)
    yield* update(Scene.withoutForgotten)
  }).pipe(Effect.forever, Effect.forkScoped)

  return Cast.of({ scene, start, kill, leave, cut, heal, note })
})

/** The settings in words. */
const describe = (timing: Timing): string => {
  const { gossip, probes } = settings[timing]
  const jitter = Duration.toMillis(probes.suspectJitter)
  const shortest = suspicionTimeout(
    { timeout: Duration.toMillis(probes.suspectTimeout), multiplier: probes.suspectMultiplier, jitter },
    5
  )
  const span = (duration: Duration.Duration) => Narration.span(Duration.toMillis(duration))
  return (
    `${timing === "fast" ? "faster settings than the default" : "default settings"}: ` +
    `probes every ${span(probes.interval)}, answers within ${span(probes.timeout)}, ` +
    `suspicions of ${Narration.span(shortest)} to ${Narration.span(shortest + jitter)}, ` +
    `healing tried every ${span(gossip.healInterval)}`
  )
}
