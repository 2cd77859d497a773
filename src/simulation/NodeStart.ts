/** Starts one life of a node on a virtual machine. */
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { NetAddress } from "effect/net"
import * as Cluster from "../cluster/Cluster.ts"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Membership } from "../membership/Membership.ts"
import { Mark, Phase } from "../membership/MemberTable.ts"
import { Metrics } from "../metrics/Metrics.ts"
import { NodeClock } from "../time/NodeClock.ts"
import * as Machine from "./Machine.ts"
import type { KnownStatus, NodeCondition, NodeControl, RestartOptions, StartFailure } from "./NodeBase.ts"
import type { NodeLayer, SimNode } from "./SimNode.ts"

/** The components of a node. */
export type Parts = typeof Cluster.layerParts

export interface SimNodeOptions<R, E> extends Machine.MachineOptions {
  readonly config: ClusterConfig.ClusterConfig
  /** The components of the node; by default those of every node. */
  readonly parts?: Parts | undefined
  /** What else runs on the node. */
  readonly layer: NodeLayer<R, E>
  readonly restart: (options: RestartOptions) => Effect.Effect<SimNode<R>, StartFailure>
}

/** Starts a node. */
export const start = Effect.fnUntraced(function* <R, E>(
  environment: Machine.SharedEnvironment,
  options: SimNodeOptions<R, E>
): Effect.fn.Return<SimNode<R>, Cluster.StartError | E> {
  const { config, host, layer, life, number, parts = Cluster.layerParts, restart } = options
  const machine = yield* Machine.make(environment, options)
  const { clock, services: surroundings } = machine
  const ended = yield* Deferred.make<never>()
  let condition: NodeCondition = "up"

  const nodeScope = yield* Scope.make()
  const layerScope = yield* Scope.make()
  const core = yield* Layer.buildWithScope(
    Layer.fresh(
      parts.pipe(
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
    Effect.onError(() => Effect.sync(machine.crash))
  )
  const context = Context.merge(core, above)
  const onNode = Context.merge(surroundings, context)
  const view = Context.get(core, LocalView)

  // After a kill the node's clock wakes nobody, so its fibers never end and must not be waited for.
  const unlessEnded = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.forkDetach(effect, { startImmediately: true }),
      (fiber) => Effect.raceFirst(Fiber.join(fiber), Deferred.await(ended)),
      (fiber) => Effect.exit(Effect.raceFirst(Fiber.interrupt(fiber), Deferred.await(ended)))
    )

  const stop = yield* Effect.cached(
    Effect.gen(function* () {
      condition = "leaving"
      yield* Scope.close(layerScope, Exit.void)
      yield* Scope.close(nodeScope, Exit.void)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          if (condition !== "leaving") return
          host.exit()
          condition = "left"
        })
      ),
      Effect.provideContext(surroundings),
      Effect.uninterruptible
    )
  )

  const control: NodeControl = {
    stop,
    kill: () => {
      machine.kill()
      condition = "killed"
      Deferred.doneUnsafe(ended, Exit.interrupt())
    },
    crash: () => {
      machine.crash()
      condition = "crashed"
      Deferred.doneUnsafe(ended, Exit.interrupt())
    },
    freeze: () => {
      condition = "frozen"
      machine.freeze()
    },
    thaw: () => {
      condition = "up"
      machine.thaw()
    },
    closeLayer: Scope.close(layerScope, Exit.void).pipe(Effect.provideContext(surroundings))
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
    startedAt: environment.timeline.millis,
    firstIncarnation: view.incarnation,
    get condition() {
      return condition
    },
    get fibers() {
      return machine.fibers()
    },
    statusOf: (id) => statusIn(view, id),
    onViewChange: (listener) =>
      view.observe({
        transition: ({ cause, kind, slot }) =>
          listener(view.idOf(slot), statusAt(view, slot), {
            kind,
            incarnation: view.table.incarnation(slot),
            cause: cause._tag
          })
      }),
    liveCounts: () => ({ alive: view.table.alive, suspect: view.table.suspect }),
    membership: Context.get(core, Membership),
    view,
    restart,
    context,
    run: (effect) => unlessEnded(Effect.provideContext(effect, onNode))
  }

  return node
})

const statusAt = ({ table }: ClusterView, slot: number): KnownStatus => {
  switch (table.status(slot)) {
    case Claim.Alive:
      return "alive"
    case Claim.Suspect:
      return "suspect"
    default:
      return table.has(slot, Mark.Left) ? "left" : "dead"
  }
}

const statusIn = (view: ClusterView, id: NodeId): KnownStatus => {
  const slot = view.slotOf(id)
  return slot < 0 || view.table.phase(slot) === Phase.Tombstone ? "unknown" : statusAt(view, slot)
}
