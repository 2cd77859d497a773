/**
 * What a node keeps from run to run, so that it comes back as itself: its id, its incarnation, the version of its tags, and
 * where the members were that it knew.
 *
 * @since 0.2.0
 */
import {
  Clock,
  Context,
  Duration,
  Effect,
  Fiber,
  Layer,
  Option,
  Queue,
  Random,
  Result,
  Schema,
  type Scope
} from "effect"
import type { NetAddress } from "effect/net"
import type { ClusterConfig } from "../config/ConfigTable.ts"
import * as Incarnation from "../domain/Incarnation.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { Block, IncarnationReserve } from "./IncarnationReserve.ts"
import { MaxMembers, type SavedState } from "./SavedState.ts"

export type { IncarnationReserve } from "./IncarnationReserve.ts"
export { SavedState } from "./SavedState.ts"

/** The first wait before a state that could not be saved is saved again, and the longest; it doubles until then. */
const FirstRetry = Duration.seconds(1)
const LongestRetry = Duration.seconds(30)

/** A save that takes longer than this counts as failed until it ends: the node does not wait for it. */
const Patience = Duration.seconds(1)

/** How long a start waits for the disk. */
const StartPatience = Duration.seconds(10)

/** What follows while the state is not saved. */
const Risk = "until then a crash may bring this node back with an incarnation that it has used"

/** The shortest time between two saves, so that nobody can keep the disk busy with claims about us. */
const Pause = Duration.millis(50)

/**
 * A state could not be saved.
 *
 * **Details**
 *
 * `message` is the end of a sentence. `lasting`: only a person can mend it, such as a directory that may not be written. A
 * node does not start then; of any other failure, such as a full disk, it warns, goes on, and tries again.
 *
 * @category errors
 * @since 0.2.0
 */
export class SaveError extends Schema.TaggedError<SaveError>()("SaveError", {
  reason: Schema.String,
  lasting: Schema.Boolean
}) {
  override get message(): string {
    return this.reason
  }
}

/**
 * The state that was kept cannot be used, or none can be kept. `message` says what to do.
 *
 * @category errors
 * @since 0.2.0
 */
export class NodeStateError extends Schema.TaggedError<NodeStateError>()("NodeStateError", {
  /** Where the state is kept. */
  where: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `state of this node in ${this.where}: ${this.reason}`
  }
}

/**
 * Does something that a node needs from its disk when it starts, and fails if the disk does not answer within 10 s.
 *
 * **When to use**
 *
 * Use it for what comes before `load` in a store of your own, such as opening it. `load` is bounded by this already.
 *
 * **Details**
 *
 * An operation of the system that has begun cannot be taken back, so it goes on in the background.
 *
 * @category constructors
 * @since 0.2.0
 */
export const withinPatience = <A, E, R>(
  where: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | NodeStateError, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDetach(effect, { startImmediately: true })
    const done = yield* Effect.timeoutOption(Fiber.join(fiber), StartPatience)
    if (Option.isSome(done)) return done.value
    const seconds = Duration.toSeconds(StartPatience)
    const reason = `the disk does not answer for ${seconds} s; mend it, or start the node with another directory, as another node`
    return yield* new NodeStateError({ where, reason })
  })

/**
 * Where a state is kept.
 *
 * **When to use**
 *
 * Use `StateDirectory.layer` of `effect-gossip/node` to keep it in a directory. Write one to keep it elsewhere.
 *
 * @category models
 * @since 0.2.0
 */
export interface Store<out E = never> {
  /** The name of the place, for messages. */
  readonly where: string
  /** What was saved last; none only if nothing was ever saved. */
  readonly load: Effect.Effect<Option.Option<SavedState>, E>
  /** Saves a state. When it succeeds, the state survives the end of the process and of the machine. */
  readonly save: (state: SavedState) => Effect.Effect<void, SaveError>
}

/**
 * What a node knows of itself from before.
 *
 * @category models
 * @since 0.2.0
 */
export interface Kept {
  /** The id of the node, the same in every run. */
  readonly id: NodeId.NodeId
  /** The first incarnation of this run. It is higher than any of a former run. */
  readonly incarnation: number
  /** The first version of the node's own tags in this run. */
  readonly tagVersion: number
  /** Where members were that the node knew before. */
  readonly members: ReadonlyArray<NetAddress.InetAddress>
  /** The incarnations that may be used, because they are saved. */
  readonly incarnations: IncarnationReserve
  /** Replaces the version of the own tags and the addresses of members, which are saved in the background. */
  readonly remember: (tagVersion: number, members: ReadonlyArray<NetAddress.InetAddress>) => void
  /** Why the newest state is not saved; undefined if it is. */
  readonly trouble: () => string | undefined
  readonly counters: { readonly saved: number; readonly failed: number }
}

/**
 * What the node keeps from run to run: nothing, unless a layer of this module is provided.
 *
 * **Details**
 *
 * Without it a node has a new id at each start, unless one is configured, and then its incarnation begins at the seconds
 * since 2020.
 *
 * @category references
 * @since 0.2.0
 */
export const NodeState: Context.Reference<Option.Option<Kept>> = Context.Reference<Option.Option<Kept>>(
  "effect-gossip/state/NodeState",
  { defaultValue: () => Option.none() }
)

/** The first incarnation of a run. */
const firstIncarnation = (former: SavedState | undefined, unixMillis: number): number => {
  const now = Incarnation.starting(unixMillis)
  if (former === undefined) return now
  const next = SerialNumber.add(former.incarnation, 1)
  return SerialNumber.compare(now, next) > 0 ? now : next
}

/** Why the state of a former run is not that of a node of this configuration, if it is not. */
const mismatch = ({ cluster, id }: SavedState, { network }: Pick<ClusterConfig, "network">): string | undefined => {
  if (cluster !== network.cluster) {
    const names = `it belongs to the cluster ${JSON.stringify(cluster)}, and this node to ${JSON.stringify(network.cluster)}`
    return `${names}; give each cluster a directory of its own, or correct \`network.cluster\``
  }
  if (network.nodeId !== undefined && network.nodeId !== id) {
    const ids = `it is that of node ${id}, and \`network.node_id\` is ${network.nodeId}`
    return `${ids}; leave out \`network.node_id\`, or give each node a directory of its own`
  }
  return undefined
}

/**
 * Takes what was kept, saves a limit above the first incarnation of this run, and then saves what changes until the scope
 * closes. At the end it gives back the incarnations below the limit.
 */
const make = Effect.fnUntraced(function* <E>(
  store: Store<E>,
  config: Pick<ClusterConfig, "network">
): Effect.fn.Return<Kept, E | NodeStateError, Scope.Scope> {
  const { where } = store
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const former = Option.getOrUndefined(yield* withinPatience(where, store.load))
  const wrong = former === undefined ? undefined : mismatch(former, config)
  if (wrong !== undefined) return yield* new NodeStateError({ where, reason: wrong })

  const { cluster, nodeId } = config.network
  const id = former?.id ?? nodeId ?? NodeId.random(() => random.nextDoubleUnsafe())
  const incarnation = firstIncarnation(former, clock.currentTimeMillisUnsafe())
  const tagVersion = SerialNumber.add(former?.tagVersion ?? 0, 1)
  const members = former?.members ?? []
  let state = { cluster, id, incarnation: SerialNumber.add(incarnation, Block), tagVersion, members }
  let saves = former?.saves ?? 0
  const counters = { saved: 0, failed: 0 }
  let trouble: string | undefined
  let running: Fiber.Fiber<Result.Result<void, SaveError>> | undefined

  const failed = (reason: string) =>
    Effect.suspend(() => {
      const isNew = trouble === undefined
      trouble = `cannot save the state of this node in ${where}: ${reason}`
      return isNew ? Effect.logWarning(`${trouble}; keeps trying; ${Risk}`) : Effect.void
    })
  const mended = Effect.suspend(() => {
    const wasFailing = trouble !== undefined
    trouble = undefined
    return wasFailing ? Effect.logInfo(`the state of this node is saved in ${where} again`) : Effect.void
  })
  const slow = Effect.sleep(Patience).pipe(
    Effect.andThen(failed("the disk does not answer")),
    Effect.andThen(Effect.sync(() => incarnations.grant(state.incarnation))),
    Effect.andThen(Effect.never)
  )
  /** Saves once. Whatever comes of it, the node may use the incarnations that it waits for. */
  const save = Effect.gen(function* () {
    const attempted = state
    saves++
    // An operation of the system that has begun cannot be taken back, and the next must not run beside it.
    running = yield* Effect.forkDetach(Effect.result(store.save({ ...attempted, saves })), { startImmediately: true })
    const result = yield* Effect.raceFirst(Fiber.join(running), slow)
    running = undefined
    if (Result.isFailure(result)) {
      counters.failed++
      yield* failed(result.failure.reason)
      incarnations.grant(state.incarnation)
    } else {
      counters.saved++
      if (attempted === state) yield* mended
      incarnations.grant(attempted.incarnation)
    }
    return result
  })

  const wishes = yield* Queue.sliding<void>(1)
  const change = (changed: Partial<typeof state>): void => {
    state = { ...state, ...changed }
    Queue.offerUnsafe(wishes, undefined)
  }
  const incarnations = new IncarnationReserve(incarnation, state.incarnation, (limit) => {
    change({ incarnation: limit })
    return trouble !== undefined
  })

  yield* Effect.logInfo(
    former === undefined
      ? `node ${id} keeps its state in ${where}`
      : `node ${id} is back from ${where}, with incarnation ${incarnation} and the addresses of ${members.length} members`
  )
  // A disk that is full does not hold up the start, and neither does one that does not take the first state.
  const beginning = yield* Effect.forkScoped(save, { startImmediately: true })
  const begun = Option.getOrUndefined(yield* Effect.timeoutOption(Fiber.join(beginning), StartPatience))
  if (begun !== undefined && Result.isFailure(begun) && begun.failure.lasting) {
    return yield* new NodeStateError({ where, reason: begun.failure.reason })
  }
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      if (running !== undefined) yield* Fiber.await(running)
      change({ incarnation: incarnations.used })
      yield* save
    }).pipe(Effect.timeoutOption(Patience))
  )
  let wait = FirstRetry
  const saveNext = Effect.gen(function* () {
    yield* trouble === undefined ? Queue.take(wishes) : Effect.sleep(wait)
    const result = yield* save
    wait = Result.isSuccess(result) ? FirstRetry : Duration.min(Duration.times(wait, 2), LongestRetry)
    yield* Effect.sleep(Pause)
  })
  yield* Effect.forkScoped(Effect.andThen(Fiber.await(beginning), Effect.forever(saveNext)))

  return {
    id,
    incarnation,
    tagVersion,
    members,
    incarnations,
    remember: (tagVersion, members) => change({ tagVersion, members: members.slice(0, MaxMembers) }),
    trouble: () => trouble,
    counters
  }
})

/**
 * Keeps the state of a node in a store.
 *
 * **When to use**
 *
 * Provide it to `Cluster.layer` or to a node that you compose, to keep the state elsewhere than in a directory. The option
 * `stateDir` of `NodeCluster.layer` does it in a directory.
 *
 * **Details**
 *
 * Before the node starts, a limit of its incarnations is saved; the node uses no incarnation above the limit, which rises in
 * the background. When the state cannot be saved any more, the node goes on, warns, and tries again.
 *
 * **Gotchas**
 *
 * A state is that of one node: each node needs a layer and a store of its own.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <E>(
  store: Store<E>,
  config: Pick<ClusterConfig, "network">
): Layer.Layer<never, E | NodeStateError> => Layer.effect(NodeState, Effect.asSome(make(store, config)))

/**
 * A store that keeps a state as long as the process runs, and nothing at first.
 *
 * **When to use**
 *
 * Use it in tests and simulations, where a node comes back within the process.
 *
 * @category constructors
 * @since 0.2.0
 */
export const storeMemory = (): Store => {
  let kept: Option.Option<SavedState> = Option.none()
  return {
    where: "memory",
    load: Effect.sync(() => kept),
    save: (state) =>
      Effect.sync(() => {
        kept = Option.some(state)
      })
  }
}
