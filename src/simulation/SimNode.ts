/** One life of one node in a simulation: a real node on a virtual machine. */
import { Clock, Context, Deferred, type Duration, Effect, Exit, Layer, Logger, Metric, Random, Scope } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { Dns, NetAddress } from "effect/net"
import { Cluster, type Components, type StartError } from "../cluster/Cluster.ts"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import type { MemberStatus } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Membership } from "../membership/Membership.ts"
import { Mark, Phase } from "../membership/MemberTable.ts"
import type { TransitionKind } from "../membership/ViewObserver.ts"
import { Network } from "../transport/Network.ts"
import type { Timeline } from "./Timeline.ts"
import { VirtualClock } from "./VirtualClock.ts"
import type { Host } from "./VirtualHost.ts"
import type { VirtualNetwork } from "./VirtualNetwork.ts"

/** How a node is. */
export type Condition =
  /** It runs. */
  | "up"
  /** Its process is stopped, as by SIGSTOP. */
  | "frozen"
  /** It says goodbye. */
  | "leaving"
  /** It left, and nothing of it is there any more. */
  | "left"
  /** It ended without a word. */
  | "killed"

/** What a node knows of a member; `unknown` also once a dead one is listed no more. */
export type Known = MemberStatus | "unknown"

/** What a node learned of a member. */
export interface Learned {
  readonly kind: TransitionKind
  readonly incarnation: number
  /** How it came to know: the tag of the change's cause. */
  readonly cause: string
}

/** What the simulation can do to a node, whatever its condition is. */
export interface Control {
  /** Ends its life without a word. */
  readonly kill: () => void
  /** Leaves, and ends when nothing of the node is left. */
  readonly stop: Effect.Effect<void>
  readonly freeze: () => void
  readonly thaw: () => void
  /** Ends what runs on the node besides it, and tells nobody. */
  readonly abandon: Effect.Effect<void>
}

/** A node of any kind, as waiters, verbs and measurements see it. */
export interface AnyNode {
  /** Counts machines from 1. */
  readonly number: number
  /** Which life of its machine this is, from 1. */
  readonly life: number
  /** `n` and the number. */
  readonly name: string
  readonly id: NodeId
  /** Address and port that the others are told. */
  readonly address: string
  readonly host: Host
  readonly clock: VirtualClock
  readonly condition: Condition
  readonly control: Control
  /** When its life began, in ms of virtual time. */
  readonly startedAt: number
  /** How many fibers it has. */
  readonly fibers: number
  /** What it knows of a member. */
  readonly knows: (id: NodeId) => Known
  /** Calls back with every change of what it knows of a member; a dead one that it lists no more stays dead. */
  readonly onLearned: (learned: (id: NodeId, known: Known, learned: Learned) => void) => void
  /** How many members it holds alive and suspect, itself included. */
  readonly live: () => { readonly alive: number; readonly suspect: number }
  /** The node's own table, for what measures it; nodes of another kind have none. */
  readonly view: ClusterView | undefined
  /** Starts the next life of its machine. */
  readonly again: (options: RestartOptions) => Effect.Effect<AnyNode, StartFailure>
}

/** How a node starts again. */
export interface RestartOptions {
  /** Whether it has the id of its former life, as by default, or one that was never there. */
  readonly identity?: "same" | "new"
  /** How far its wall clock is behind; by default it is not. */
  readonly clockBehind?: Duration.Input
  /** Beyond what the former life had. */
  readonly config?: ClusterConfig.ClusterOptions
}

/** Why a node does not start. */
export type StartFailure = StartError | ClusterConfig.ClusterConfigError

/** The services of a machine, for what runs on it. */
export type Machine = Network | Dns.Dns | Kdf.Kdf | SecureRandom.SecureRandom

/** The services of a node. */
export type NodeServices = Cluster | Membership | Components

/** What else runs on a node. */
export type NodeLayer<R, E> = Layer.Layer<R, E, NodeServices | Machine>

/** A node of this project with what runs on it: `R`. */
export interface SimNode<in R = never> extends AnyNode {
  readonly membership: Membership["Service"]
  readonly view: ClusterView
  readonly again: (options: RestartOptions) => Effect.Effect<SimNode<R>, StartFailure>
  /** All services on the node. */
  readonly context: Context.Context<NodeServices | R>
  /** Runs an effect on the node: with its services and clock. Interrupted if the node is killed meanwhile. */
  readonly run: <A, E, R2>(
    effect: Effect.Effect<A, E, R2>
  ) => Effect.Effect<A, E, Exclude<R2, NodeServices | Machine | R>>
}

/** What all nodes of one simulation share. */
export interface World {
  readonly timeline: Timeline
  readonly network: VirtualNetwork
  readonly seed: string
  /** Whether what nodes log is to be seen. */
  readonly logs: boolean
  /** See `outsideOf`. */
  readonly outside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Which machine a node starts on, and how. */
export interface Birth<R, E> {
  readonly number: number
  readonly life: number
  readonly host: Host
  readonly config: ClusterConfig.ClusterConfig
  /** How far the machine's wall clock is behind, in ms. */
  readonly clockBehind: number
  /** What else runs on the node. */
  readonly layer: NodeLayer<R, E>
  readonly again: (options: RestartOptions) => Effect.Effect<SimNode<R>, StartFailure>
}

const secureRandom = (random: Random.Random): SecureRandom.SecureRandom["Service"] =>
  SecureRandom.make((size) => Uint8Array.from({ length: size }, () => Math.floor(random.nextDoubleUnsafe() * 256)))

/** The service of an effect's own generator, seeded. */
export const seeded = (seed: string): Effect.Effect<Random.Random> =>
  Random.withSeed(Effect.service(Random.Random), seed)

/** Starts a node. */
export const start = Effect.fnUntraced(function* <R, E>(
  world: World,
  { again, clockBehind, config, host, layer, life, number }: Birth<R, E>
): Effect.fn.Return<SimNode<R>, StartError | E> {
  const { network, outside, seed, timeline } = world
  const clock = new VirtualClock(timeline, clockBehind)
  const random = yield* seeded(`${seed} ${number} ${life}`)
  const kdf = yield* Effect.provide(Kdf.Kdf, Kdf.layerWebCrypto)
  const killed = yield* Deferred.make<never>()
  let condition: Condition = "up"
  let fibers = 0

  /** The machine: what of it every effect on the node finds. */
  const machine = Context.empty().pipe(
    Context.add(Clock.Clock, clock),
    Context.add(Random.Random, random),
    Context.add(Network, host.network),
    Context.add(Dns.Dns, network.dns),
    Context.add(Kdf.Kdf, Kdf.Kdf.of({ derive: (...derivation) => outside(kdf.derive(...derivation)) })),
    Context.add(SecureRandom.SecureRandom, secureRandom(random)),
    Context.add(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => {
        fibers++
      },
      recordFiberEnd: () => {
        fibers--
      }
    })
  )
  const surroundings = world.logs ? machine : Context.add(machine, Logger.CurrentLoggers, new Set())

  const nodeScope = yield* Scope.make()
  const layerScope = yield* Scope.make()
  const core = yield* Layer.buildWithScope(Cluster.layerComponents(config), nodeScope).pipe(
    Effect.provideContext(surroundings),
    Effect.onError(() => Scope.close(nodeScope, Exit.void))
  )
  const above = yield* Layer.buildWithScope(Layer.fresh(layer), layerScope).pipe(
    Effect.provideContext(Context.merge(surroundings, core)),
    Effect.onError(() => Effect.sync(() => clock.end()))
  )
  const context = Context.merge(core, above)
  const onNode = Context.merge(surroundings, context)
  const view = Context.get(core, LocalView)

  const closing = yield* Effect.cached(
    Effect.gen(function* () {
      condition = "leaving"
      yield* Scope.close(layerScope, Exit.void)
      yield* Scope.close(nodeScope, Exit.void)
      host.detach()
      condition = "left"
    }).pipe(Effect.provideContext(surroundings), Effect.uninterruptible)
  )

  const control: Control = {
    stop: closing,
    kill: () => {
      host.detach()
      clock.end()
      condition = "killed"
      Deferred.doneUnsafe(killed, Exit.interrupt())
    },
    freeze: () => {
      condition = "frozen"
      clock.freeze()
      host.hold()
    },
    thaw: () => {
      condition = "up"
      // As in an event loop that wakes: timers first, then what the socket has.
      clock.thaw()
      host.release()
    },
    abandon: Scope.close(layerScope, Exit.void).pipe(Effect.provideContext(surroundings))
  }

  const node: SimNode<R> = {
    number,
    life,
    name: host.name,
    id: view.selfId,
    address: NetAddress.formatInet(Context.get(core, Cluster).advertised),
    host,
    clock,
    control,
    startedAt: timeline.millis,
    get condition() {
      return condition
    },
    get fibers() {
      return fibers
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
    run: (effect) => Effect.raceFirst(Effect.provideContext(effect, onNode), Deferred.await(killed))
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
