/** What a scenario can do and wait for. */
import type { Duration, Effect, Types } from "effect"
import type * as ClusterConfig from "../config/ClusterConfig.ts"
import type * as Message from "../wire/Message.ts"
import type { PayloadTooLarge } from "../wire/WireError.ts"
import type { InvariantBroken, NotInTime, WrongCondition } from "./Errors.ts"
import type { OldSimNode } from "./level0/OldSimNode.ts"
import type { AnyNode, NodeLayer, SimNode } from "./SimNode.ts"
import type { Known, NodeBase, RestartOptions, StartFailure } from "./NodeBase.ts"
import type { Timeline } from "./time/Timeline.ts"
import type { VirtualNetwork } from "./network/VirtualNetwork.ts"

/** How a node starts. */
export interface StartOptions {
  /** Beyond what every node has. */
  readonly config?: ClusterConfig.ClusterOptions
  /** 6 for an IPv6 address. */
  readonly family?: 4 | 6
}

/** Where a made-up or repeated datagram comes from and goes to. */
export interface Journey {
  /** The address that it bears as its source, with port. */
  readonly from: string
  readonly to: AnyNode | string
}

/** Watches what befalls nodes. */
export interface Watcher {
  readonly started?: (node: AnyNode) => void
  /** A node froze, thawed, or began to leave. */
  readonly changed?: (node: AnyNode) => void
  /** A node left or was killed. */
  readonly ended?: (node: AnyNode) => void
  /** A verb was carried out; `subjects` are the names of nodes. */
  readonly verb?: (verb: string, subjects: ReadonlyArray<string>, detail: string) => void
}

/** A condition that is waited for. */
export type Condition<E = never, R = never> = (() => boolean) | Effect.Effect<boolean, E, R>

/** A node whose next life is a node of type `N`: any `SimNode`, and what is known only as `AnyNode` too. */
export interface Restartable<out N extends NodeBase> extends NodeBase {
  readonly again: (options: RestartOptions) => Effect.Effect<N, StartFailure>
}

/** The verbs and waiters of a scenario. Everything happens in virtual time. */
export interface Verbs {
  readonly seed: string
  /** The network, to be changed at will. */
  readonly network: VirtualNetwork
  readonly timeline: Timeline
  /** The newest life of every machine, by number. */
  readonly nodes: ReadonlyArray<AnyNode>
  /** Milliseconds since the beginning. */
  readonly now: () => number

  /**
   * Starts nodes on machines of their own: `n1` at 10.0.0.1:7946 and so on, with
   * their numbers as ids. The first is everybody's bootstrap peer, unless `peers`
   * says otherwise. It does not wait until they have found each other.
   */
  readonly start: <const N extends number>(
    count: N,
    options?: StartOptions
  ) => Effect.Effect<Types.TupleOf<N, SimNode>, StartFailure>
  /** The same with something more on each node: a layer built on its `Membership` and the like. */
  readonly startWith: <R, E, const N extends number>(
    layer: NodeLayer<R, E>,
    count: N,
    options?: StartOptions
  ) => Effect.Effect<Types.TupleOf<N, SimNode<R>>, StartFailure | E>
  /** The same with nodes that speak version 1 only, as the older implementation does. */
  readonly startOld: <const N extends number>(count: N) => Effect.Effect<Types.TupleOf<N, OldSimNode>, StartFailure>
  /**
   * Makes nodes know each other at once, as if they had met long ago and had nothing
   * left to tell. Start them with `config: { peers: [] }`, so that they do not join besides.
   */
  readonly acquaint: (nodes: ReadonlyArray<SimNode>) => Effect.Effect<void>
  /** Has the node say goodbye, and waits until nothing is left of it. */
  readonly stop: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /**
   * Ends a node as a power failure does: nobody is told, and no finalizer runs, not
   * those of what else runs on the node either.
   */
  readonly kill: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Starts a node again on the same machine with the same layer, after it ended; one that is up is killed first. */
  readonly restart: <N extends NodeBase>(
    node: Restartable<N>,
    options?: RestartOptions
  ) => Effect.Effect<N, StartFailure>
  /** Stops the process, as by SIGSTOP: timers and datagrams wait. */
  readonly freeze: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Lets a frozen process go on: first its timers rush, then its datagrams. */
  readonly thaw: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Datagrams to the node wait, while its timers run. */
  readonly blockIo: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  readonly unblockIo: (node: AnyNode) => Effect.Effect<void, WrongCondition>
  /** Splits the network: nodes of different groups do not reach each other. Who is in no group is in one with the others that are in none. */
  readonly partition: (...groups: ReadonlyArray<ReadonlyArray<AnyNode>>) => Effect.Effect<void>
  /** Cuts one way: nothing of `from` reaches `to`. */
  readonly cut: (from: AnyNode, to: AnyNode) => Effect.Effect<void>
  /** Ends partitions and cuts. */
  readonly heal: Effect.Effect<void>
  /** Makes everything from and to a node take this much longer, each way. */
  readonly slow: (node: AnyNode, by: Duration.Input) => Effect.Effect<void>
  /** Makes a node's clock run at this rate: 1.05 is 5 % fast. */
  readonly skew: (node: AnyNode, rate: number) => Effect.Effect<void>
  /** Sends bytes that were recorded before. */
  readonly replay: (payload: Uint8Array, journey: Journey) => Effect.Effect<void>
  /** Sends a message that nobody said. */
  readonly forge: (message: Message.Message, journey: Journey) => Effect.Effect<void, PayloadTooLarge>

  /** Waits until a condition holds, looked at every 10 ms. `awaited` names it in the error. */
  readonly until: <E = never, R = never>(
    awaited: string,
    condition: Condition<E, R>,
    within: Duration.Input
  ) => Effect.Effect<void, NotInTime | E, R>
  /** Waits until all nodes that are up, or these, hold each other alive and nobody else. */
  readonly untilConverged: (within: Duration.Input, nodes?: ReadonlyArray<AnyNode>) => Effect.Effect<void, NotInTime>
  /** Waits until all other nodes that are up know a node as this. */
  readonly untilEveryoneSees: (
    node: AnyNode,
    status: Known | ReadonlyArray<Known>,
    within: Duration.Input
  ) => Effect.Effect<void, NotInTime>
  /** Waits for something that does not happen in virtual time, which stands still meanwhile: a promise, for example. */
  readonly outside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly watch: (watcher: Watcher) => void
  /** Tells watchers of something that no verb did; `subjects` are the names of nodes. */
  readonly tell: (verb: string, subjects: ReadonlyArray<string>, detail?: string) => void
  /** Ends the simulation at this very event. */
  readonly fail: (broken: InvariantBroken) => void
}
