/** One life of one node in a simulation: a real node on a virtual machine. */
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { NetAddress } from "effect/net"
import * as Cluster from "../cluster/Cluster.ts"
import type { StartError } from "../cluster/Cluster.ts"
import { type Bound, Metrics } from "../metrics/Metrics.ts"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Membership } from "../membership/Membership.ts"
import { Mark, Phase } from "../membership/MemberTable.ts"
import { NodeClock } from "../time/NodeClock.ts"
import type { Condition, Control, Known, NodeBase, RestartOptions, StartFailure } from "./NodeBase.ts"
import type { OldSimNode } from "./level0/OldSimNode.ts"
import * as Machine from "./Machine.ts"
import type { MachineOptions, MachineServices, World } from "./Machine.ts"

/** The services of a node. */
export type NodeServices = Cluster.Services

/** A node of any kind. */
export type AnyNode = SimNode | OldSimNode

/** What else runs on a node. */
export type NodeLayer<R, E> = Layer.Layer<R, E, NodeServices | MachineServices>

/** A node of this project with what runs on it: `R`. */
export interface SimNode<in R = never> extends NodeBase {
  readonly kind: "node"
  readonly config: ClusterConfig.ClusterConfig
  /** What of the node can grow, and how far. */
  readonly bounds: ReadonlyArray<Bound>
  /** Loops of the node that ended though they must not. */
  readonly deadLoops: ReadonlySet<string>
  readonly membership: Membership["Service"]
  /** The node's own table, for what measures it. */
  readonly view: ClusterView
  readonly again: (options: RestartOptions) => Effect.Effect<SimNode<R>, StartFailure>
  /** All services on the node. */
  readonly context: Context.Context<NodeServices | R>
  /** Runs an effect on the node: with its services and clock. Interrupted if the node is killed meanwhile. */
  readonly run: <A, E, R2>(
    effect: Effect.Effect<A, E, R2>
  ) => Effect.Effect<A, E, Exclude<R2, NodeServices | MachineServices | R>>
}

/** Which machine a node starts on, and how. */
export interface Birth<R, E> extends MachineOptions {
  readonly config: ClusterConfig.ClusterConfig
  /** What else runs on the node. */
  readonly layer: NodeLayer<R, E>
  readonly again: (options: RestartOptions) => Effect.Effect<SimNode<R>, StartFailure>
}

/** Starts a node. */
export const start = Effect.fnUntraced(function* <R, E>(
  world: World,
  options: Birth<R, E>
): Effect.fn.Return<SimNode<R>, StartError | E> {
  const { again, config, host, layer, life, number } = options
  const machine = yield* Machine.make(world, options)
  const { clock, services: surroundings } = machine
  const killed = yield* Deferred.make<never>()
  let condition: Condition = "up"

  const nodeScope = yield* Scope.make()
  const layerScope = yield* Scope.make()
  const core = yield* Layer.buildWithScope(
    Layer.fresh(
      Cluster.layerParts.pipe(
        Layer.provideMerge(Layer.succeed(CurrentConfig, config)),
        Layer.provide(Layer.succeed(Cluster.LeaveOnClose, "acknowledged"))
      )
    ),
    nodeScope
  ).pipe(
    Effect.provideContext(surroundings),
    Effect.onError(() => Scope.close(nodeScope, Exit.void))
  )
  const above = yield* Layer.buildWithScope(Layer.fresh(layer), layerScope).pipe(
    Effect.provideContext(Context.merge(surroundings, core)),
    Effect.onError(() => Effect.sync(machine.fail))
  )
  const context = Context.merge(core, above)
  const onNode = Context.merge(surroundings, context)
  const view = Context.get(core, LocalView)

  // The time of a killed node has ended: what it still wants to do never comes, and is not to be waited for.
  const unlessKilled = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.forkDetach(effect, { startImmediately: true }),
      (fiber) => Effect.raceFirst(Fiber.join(fiber), Deferred.await(killed)),
      (fiber) => Effect.exit(Effect.raceFirst(Fiber.interrupt(fiber), Deferred.await(killed)))
    )

  const closing = yield* Effect.cached(
    Effect.gen(function* () {
      condition = "leaving"
      yield* Scope.close(layerScope, Exit.void)
      yield* Scope.close(nodeScope, Exit.void)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          host.detach()
          if (condition === "leaving") condition = "left"
        })
      ),
      Effect.provideContext(surroundings),
      Effect.uninterruptible
    )
  )

  const control: Control = {
    stop: closing,
    kill: () => {
      machine.fail()
      condition = "killed"
      Deferred.doneUnsafe(killed, Exit.interrupt())
    },
    freeze: () => {
      condition = "frozen"
      machine.freeze()
    },
    thaw: () => {
      condition = "up"
      machine.thaw()
    },
    abandon: Scope.close(layerScope, Exit.void).pipe(Effect.provideContext(surroundings))
  }

  const node: SimNode<R> = {
    kind: "node",
    config,
    bounds: Context.get(core, Metrics).bounds,
    deadLoops: Context.get(core, NodeClock).failedLoops,
    number,
    life,
    name: host.name,
    id: view.selfId,
    address: NetAddress.formatInet(Context.get(core, Cluster.Cluster).advertised),
    host,
    clock,
    control,
    startedAt: world.timeline.millis,
    get condition() {
      return condition
    },
    get fibers() {
      return machine.fibers()
    },
    knows: (id) => knownIn(view, id),
    onLearned: (learned) =>
      view.observe({
        transition: ({ cause, kind, slot }) =>
          learned(view.idOf(slot), knownAt(view, slot), {
            kind,
            incarnation: view.table.incarnation[slot]!,
            cause: cause._tag
          })
      }),
    live: () => ({ alive: view.table.alive, suspect: view.table.suspects.length }),
    membership: Context.get(core, Membership),
    view,
    again,
    context,
    run: (effect) => unlessKilled(Effect.provideContext(effect, onNode))
  }

  return node
})

const knownAt = ({ table }: ClusterView, slot: number): Known => {
  switch (table.status[slot]) {
    case Claim.Alive:
      return "alive"
    case Claim.Suspect:
      return "suspect"
    default:
      return table.has(slot, Mark.Left) ? "left" : "dead"
  }
}

/** What a view knows of a node. */
const knownIn = (view: ClusterView, id: NodeId): Known => {
  const slot = view.slotOf(id)
  return slot < 0 || view.table.phase[slot] === Phase.Tombstone ? "unknown" : knownAt(view, slot)
}
