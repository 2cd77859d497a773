/** What a scenario can do and wait for. */
import type { Duration, Effect, Types } from "effect"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import type * as Message from "../wire/Message.ts"
import type { PayloadTooLarge } from "../wire/WireError.ts"
import type { InvariantBroken, NotInTime, WrongCondition } from "./SimulationError.ts"
import type { Level0SimNode } from "./level0/Level0SimNode.ts"
import type { VirtualNetwork } from "./network/VirtualNetwork.ts"
import type { KnownStatus, NodeBase, RestartOptions, StartFailure } from "./NodeBase.ts"
import type { AnyNode, NodeLayer, SimNode } from "./SimNode.ts"
import type { Timeline } from "./time/Timeline.ts"

/**
 * How nodes start.
 *
 * @category models
 * @since 0.2.0
 */
export interface StartOptions {
  /** The configuration, beyond that of the whole simulation. */
  readonly config?: ClusterConfig.ClusterOptions
  /** The address family; 4 by default. */
  readonly family?: 4 | 6
}

/**
 * Source and destination of a datagram that no node sends.
 *
 * @category models
 * @since 0.2.0
 */
export interface Envelope {
  /** The source address that it carries, with port. */
  readonly from: string
  readonly to: AnyNode | string
}

/**
 * Callbacks for what happens to nodes.
 *
 * @category models
 * @since 0.2.0
 */
export interface SimulationObserver {
  readonly started?: (node: AnyNode) => void
  /** A node froze, thawed, or began to leave. */
  readonly changed?: (node: AnyNode) => void
  /** A node left, was killed or crashed. */
  readonly ended?: (node: AnyNode) => void
  /** A verb was carried out. `subjects` are names of nodes. */
  readonly verb?: (verb: string, subjects: ReadonlyArray<string>, detail: string) => void
}

/**
 * A condition to wait for.
 *
 * @category models
 * @since 0.2.0
 */
export type UntilCondition<E = never, R = never> = (() => boolean) | Effect.Effect<boolean, E, R>

/**
 * A node whose next life is a node of type `N`. Every `SimNode` and `AnyNode` is one.
 *
 * @category models
 * @since 0.2.0
 */
export interface Restartable<out N extends NodeBase> extends NodeBase {
  readonly restart: (options: RestartOptions) => Effect.Effect<N, StartFailure>
}

/**
 * The verbs and waiters of a scenario. All times are virtual.
 *
 * **Gotchas**
 *
 * A verb that needs a node in a certain condition fails with `WrongCondition` otherwise, and does nothing.
 *
 * @category models
 * @since 0.2.0
 */
export interface Verbs {
  readonly seed: string
  /** The network. Its conditions may be changed at any time. */
  readonly network: VirtualNetwork
  readonly timeline: Timeline
  /** The newest life of every machine, in the order of their numbers. */
  readonly nodes: ReadonlyArray<AnyNode>
  /** Milliseconds since the beginning of the simulation. */
  readonly now: () => number

  /**
   * Starts nodes on new machines: `n1` at 10.0.0.1:7946 and so on. Their numbers are their ids, and the first node is the
   * bootstrap peer of all others unless `config` has `peers`. It does not wait for them to join.
   */
  readonly start: <const N extends number>(
    count: N,
    options?: StartOptions
  ) => Effect.Effect<Types.TupleOf<N, SimNode>, StartFailure>
  /** Like `start`, with a layer on each node that may use `Membership` and the other services of the node. */
  readonly startWith: <R, E, const N extends number>(
    layer: NodeLayer<R, E>,
    count: N,
    options?: StartOptions
  ) => Effect.Effect<Types.TupleOf<N, SimNode<R>>, StartFailure | E>
  /** Like `start`, with nodes of extension level 0: they speak version 1 only, as the older implementation does. */
  readonly startLevel0: <const N extends number>(
    count: N
  ) => Effect.Effect<Types.TupleOf<N, Level0SimNode>, StartFailure>
  /**
   * Makes nodes members of one cluster at once, without a datagram and without changes left to disseminate. Start them
   * with `config: { peers: [] }`, so that they do not join as well.
   */
  readonly introduce: (nodes: ReadonlyArray<SimNode>) => Effect.Effect<void>
  /** Lets a node leave, and waits until its process has ended. Needs a node that is up. */
  readonly stop: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /**
   * Ends the process of a node, as SIGKILL does: no finalizer runs and nobody is told. The machine stays, so it refuses
   * datagrams. Needs a node that has not ended.
   */
  readonly kill: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /**
   * Ends the machine of a node, as a power failure does: no finalizer runs and nobody is told. Datagrams to it get no
   * answer of any kind. Needs a node that has not ended.
   */
  readonly crash: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Starts a node again on the same machine with the same layer. A node that has not ended is killed first. */
  readonly restart: <N extends NodeBase>(
    node: Restartable<N>,
    options?: RestartOptions
  ) => Effect.Effect<N, StartFailure>
  /** Stops the process, as SIGSTOP does: timers and datagrams wait. Needs a node that is up. */
  readonly freeze: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Continues a frozen process: all due timers run first, then it reads its datagrams. */
  readonly thaw: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Lets datagrams to the node wait, while its timers run. Needs a node that is up. */
  readonly blockIo: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Ends `blockIo`. */
  readonly unblockIo: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Partitions the network into groups of nodes. Nodes in no group form one more group. Replaces an earlier partition. */
  readonly partition: (...groups: ReadonlyArray<ReadonlyArray<AnyNode>>) => Effect.Effect<void>
  /** Cuts one direction: nothing that `from` sends reaches `to`. */
  readonly cut: (from: AnyNode, to: AnyNode) => Effect.Effect<void>
  /**
   * Rejects one direction, as a firewall does: nothing that `from` sends reaches `to`, and `from` is told by ICMP that the
   * port is unreachable, although the process of `to` runs.
   */
  readonly reject: (from: AnyNode, to: AnyNode) => Effect.Effect<void>
  /** Ends partitions, cuts and rejections. */
  readonly heal: Effect.Effect<void>
  /** Adds a delay to everything from and to a node, in each direction. */
  readonly slow: (node: AnyNode, by: Duration.Input) => Effect.Effect<void>
  /** Sets the rate of a node's clock: 1.05 is 5 % fast. */
  readonly skew: (node: AnyNode, rate: number) => Effect.Effect<void>
  /** Sends recorded bytes. */
  readonly replay: (payload: Uint8Array, envelope: Envelope) => Effect.Effect<void>
  /** Sends a message that no node sent. */
  readonly forge: (message: Message.Message, envelope: Envelope) => Effect.Effect<void, PayloadTooLarge>

  /** Waits until a condition holds. It is checked every 10 ms. `awaited` names it in the error. */
  readonly until: <E = never, R = never>(
    awaited: string,
    condition: UntilCondition<E, R>,
    within: Duration.Input
  ) => Effect.Effect<void, NotInTime | E, R>
  /** Waits until all nodes that are up, or the given ones, see each other alive and see nobody else. */
  readonly untilConverged: (within: Duration.Input, nodes?: ReadonlyArray<AnyNode>) => Effect.Effect<void, NotInTime>
  /** Waits until all other nodes that are up see a node in this status, or in one of these. */
  readonly untilEveryoneSees: (
    node: AnyNode,
    status: KnownStatus | ReadonlyArray<KnownStatus>,
    within: Duration.Input
  ) => Effect.Effect<void, NotInTime>
  /** Runs an effect that needs real time, such as a promise. Virtual time stands still meanwhile. */
  readonly inRealTime: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Adds an observer. Observers cannot be removed. */
  readonly observe: (observer: SimulationObserver) => void
  /** Tells observers about something that is no verb. `subjects` are names of nodes. */
  readonly notify: (verb: string, subjects: ReadonlyArray<string>, detail?: string) => void
  /** Ends the simulation at the present event with this failure. */
  readonly fail: (broken: InvariantBroken) => void
}
