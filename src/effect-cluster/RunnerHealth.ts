/**
 * The health of the runners of `effect/cluster`, by gossip.
 *
 * @since 0.2.0
 */
import { Clock, Duration, Effect, Layer, Option, type Scope, Stream } from "effect"
import { type RunnerAddress, RunnerHealth, ShardingConfig } from "effect/cluster"
import { isLive, type Member } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { Membership } from "../membership/Membership.ts"
import type { TagsError } from "../domain/Tags.ts"
import * as MonotonicTime from "../time/MonotonicTime.ts"

/**
 * How runners are found among the members, and how long one may be unknown.
 *
 * @category models
 * @since 0.2.0
 */
export interface GossipOptions {
  /** The key of the tag that holds the address of a member's runner. By default `runner`. */
  readonly tag?: string | undefined
  /**
   * How long a runner that no member has named counts as alive: it may have registered before its member was heard of. By
   * default 30 seconds.
   */
  readonly grace?: Duration.Input | undefined
}

const textOf = ({ host, port }: RunnerAddress.RunnerAddress): string => `${host}:${port}`

/**
 * Judges runners by the members of the cluster that this node belongs to.
 *
 * **When to use**
 *
 * Use it to have the shards of a runner that crashed move to others as soon as gossip
 * knows of the crash, without pinging every runner. Each runner's process runs a node.
 *
 * **Details**
 *
 * The node tells the address of its runner, that of `ShardingConfig`, by a tag. A
 * runner is alive while a member that is alive or suspect names it, and is not when
 * such a member died, left, or was removed. A runner that nobody has named is alive
 * for `grace`, and then not.
 *
 * **Gotchas**
 *
 * `effect/cluster` asks every `runnerHealthCheckInterval`, 60 seconds by default. Asking
 * costs nothing here, so set it to a second. Where its storage locks shards by rows,
 * as with SQLite, the locks of a crashed runner also have to expire
 * (`shardLockExpiration`, 35 seconds by default).
 *
 * @category constructors
 * @since 0.2.0
 */
export const makeGossip = Effect.fnUntraced(function* ({
  grace = "30 seconds",
  tag = "runner"
}: GossipOptions = {}): Effect.fn.Return<
  RunnerHealth.RunnerHealth["Service"],
  TagsError,
  Membership | Scope.Scope | ShardingConfig.ShardingConfig
> {
  const { events, self, setTags } = yield* Membership
  const { runnerAddress } = yield* ShardingConfig.ShardingConfig
  const clock = yield* Clock.Clock
  const longest = Duration.toMillis(grace)
  if (Option.isSome(runnerAddress)) {
    const { tags } = yield* self
    yield* setTags({ ...tags, [tag]: textOf(runnerAddress.value) })
  }

  /** The members that named each runner and are not gone, by the address of the runner. */
  const runners = new Map<string, Set<NodeId>>()
  /** The runner that each member names. */
  const named = new Map<NodeId, string>()
  /** When each runner that nobody has named was first asked for, in ms. */
  const unknownSince = new Map<string, number>()

  const forget = (id: NodeId): void => {
    const runner = named.get(id)
    if (runner !== undefined) runners.get(runner)?.delete(id)
    named.delete(id)
  }
  const note = (member: Member): void => {
    const { id, tags } = member
    const runner = tags[tag]
    if (named.get(id) !== runner) forget(id)
    if (runner === undefined) return
    const members = runners.get(runner) ?? new Set<NodeId>()
    runners.set(runner, members)
    named.set(id, runner)
    if (isLive(member)) members.add(id)
    else members.delete(id)
  }

  yield* events.pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event._tag === "Snapshot") {
          // After a gap, whoever is not in the snapshot is gone.
          const listed = new Set(event.members.map(({ id }) => id))
          for (const id of named.keys()) if (!listed.has(id)) forget(id)
          event.members.forEach(note)
        } else if (event._tag === "Removed") forget(event.member.id)
        else if ("member" in event) note(event.member)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )

  return RunnerHealth.RunnerHealth.of({
    isAlive: (address) =>
      Effect.sync(() => {
        const runner = textOf(address)
        const members = runners.get(runner)
        if (members !== undefined) {
          unknownSince.delete(runner)
          return members.size > 0
        }
        const now = MonotonicTime.millis(clock)
        const since = unknownSince.get(runner) ?? now
        unknownSince.set(runner, since)
        return now - since < longest
      })
  })
})

/**
 * Judges runners by the members of the cluster, as `makeGossip` says.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { RunnerHealth } from "effect-gossip/cluster"
 * import { NodeCluster } from "effect-gossip/node"
 *
 * // For the runner's layers, such as `SocketRunner.layer`, in place of `RunnerHealth.layerPing`.
 * const Health = RunnerHealth.layerGossip().pipe(
 *   Layer.provide(NodeCluster.layer({ peers: ["10.0.0.1:7946"] }))
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerGossip = (
  options?: GossipOptions
): Layer.Layer<RunnerHealth.RunnerHealth, TagsError, Membership | ShardingConfig.ShardingConfig> =>
  Layer.effect(RunnerHealth.RunnerHealth, makeGossip(options))
