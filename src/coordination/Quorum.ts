/**
 * Which part of a split cluster may act.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Equal, Layer, Stream, SubscriptionRef } from "effect"
import type { Member } from "../domain/Member.ts"
import { oldestOf } from "../domain/Seniority.ts"
import { FailureDetector } from "../failure-detector/FailureDetector.ts"
import { Membership } from "../membership/Membership.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { type MinorityReason, QuorumRules, type Strategy } from "./QuorumRules.ts"
import { whileTrue } from "./WhileTrue.ts"

export type { MinorityReason, QuorumView, Strategy } from "./QuorumRules.ts"

/** How often a node looks whether it was paused and whether it is well, in ms. */
const LookEvery = 200

/** How long there must be no further change before a decision, in ms: changes come in bursts. */
const Settle = 20

/**
 * The local health score from which a node may be the one that is cut off: its newest
 * probes failed, and no relay said that it was the target's fault.
 */
const Unwell = 2

/**
 * This node belongs to the part of the cluster that may act.
 *
 * **Details**
 *
 * `members` are those that may still act, this node included. A member that died is
 * one of them until it has been dead for `stableAfter`: only then may the others take
 * over what it did.
 *
 * @category models
 * @since 0.2.0
 */
export interface Active {
  readonly _tag: "Active"
  readonly members: ReadonlyArray<Member>
}

/**
 * This node must not act.
 *
 * **Details**
 *
 * `Starting`: it has not seen a stable quorum yet. `TooFew`: the strategy is not met.
 * `CannotTell`: its own probes fail, so it may be the one that is cut off. `WasPaused`:
 * its process did not run for a while, and others may have taken over.
 *
 * @category models
 * @since 0.2.0
 */
export interface Minority {
  readonly _tag: "Minority"
  readonly reason: MinorityReason
  readonly members: ReadonlyArray<Member>
}

/**
 * Whether this node may act.
 *
 * @category models
 * @since 0.2.0
 */
export type State = Active | Minority

/**
 * Which part may act, and how long a state must last before it counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface QuorumOptions {
  readonly strategy: Strategy
  /**
   * How long the quorum must be held before this node may act, and how long a member must have been dead before it counts
   * as gone. The part that must not act has this time to notice that. By default 10 seconds.
   */
  readonly stableAfter?: Duration.Input | undefined
  /**
   * How long a dead member is one of those that the strategy counts from, in the part that may act. By default 1 hour. It
   * should be longer than a cluster is ever split: parts that forget each other can both become large enough when they are
   * split anew. A member that left, or that was replaced by a new one at its address or with its name, does not count.
   */
  readonly forgetAfter?: Duration.Input | undefined
  /** Which members count. By default all. This node must be one of them to be active. */
  readonly filter?: ((member: Member) => boolean) | undefined
}

/**
 * Says whether this node belongs to the part of its cluster that may act.
 *
 * **When to use**
 *
 * Use it for work that at most one part of a split cluster must do: a leader, the
 * owner of a shard, a job that must not run twice.
 *
 * **Details**
 *
 * A node stops to be active at once when the members that answer become too few, when
 * its own probes fail, and after its process was paused. It becomes active when the
 * strategy has been met for `stableAfter`. Suspected members do not count.
 *
 * **Gotchas**
 *
 * Gossip gives no consensus. A part that is cut off notices it after some probes, in
 * a few seconds, and `stableAfter` makes the other part wait for longer than that.
 * Work that a node started before it noticed may still be on its way: what must never
 * happen twice needs a fencing token at the resource.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Quorum } from "effect-gossip"
 * import { NodeCluster } from "effect-gossip/node"
 *
 * const job = Effect.log("working").pipe(Effect.delay("1 second"), Effect.forever)
 *
 * const program = Effect.flatMap(Quorum.Quorum, (quorum) => quorum.whileActive(job))
 *
 * program.pipe(
 *   Effect.provide(
 *     Layer.provide(
 *       Quorum.layer({ strategy: Quorum.keepMajority }),
 *       NodeCluster.layer({ peers: ["10.0.0.1:7946"] })
 *     )
 *   )
 * )
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Quorum extends Context.Service<
  Quorum,
  {
    /** Whether this node may act now. */
    readonly state: Effect.Effect<State>
    /** The state now, and every later one. It ends with the quorum. */
    readonly states: Stream.Stream<State>
    /**
     * Runs an effect while this node may act: starts it when the node becomes active and interrupts it when it stops to
     * be. Succeeds with what the effect gives when it ends, and fails as it fails.
     */
    readonly whileActive: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("effect-gossip/coordination/Quorum") {}

/**
 * At least `size` members must be reachable.
 *
 * **When to use**
 *
 * Use it for a cluster of a fixed size, with `size` more than half of it. It is the
 * only strategy that also protects a cluster whose parts start apart.
 *
 * **Gotchas**
 *
 * In a cluster of more than `2 * size - 1` members two parts could be large enough, so
 * no node is active there. Members that died count for `forgetAfter`.
 *
 * @category strategies
 * @since 0.2.0
 */
export const staticQuorum = (size: number): Strategy => ({
  name: `staticQuorum(${size})`,
  isMet: ({ known, reachable }) => reachable.length >= size && known.length < 2 * size
})

/**
 * More than half of the members must be reachable, or half of them with the lowest
 * id among them.
 *
 * **When to use**
 *
 * Use it for a cluster that grows and shrinks. Members that leave count no longer, and
 * neither do those that have been dead for `forgetAfter`.
 *
 * **Gotchas**
 *
 * When half of the members crash within `forgetAfter`, no node is active until some are
 * back or replaced. Nodes that start apart do not know of each other, and each part
 * is whole for itself.
 *
 * @category strategies
 * @since 0.2.0
 */
export const keepMajority: Strategy = {
  name: "keepMajority",
  isMet: ({ known, reachable }) => {
    const double = 2 * reachable.length
    if (double !== known.length) return double > known.length
    const lowest = known.reduce((low, member) => (member.id < low.id ? member : low))
    return reachable.some(({ id }) => id === lowest.id)
  }
}

/**
 * The oldest member must be reachable, with at least one other unless it is the only
 * member. When only the oldest is not reachable, all others may act.
 *
 * **When to use**
 *
 * Use it where the oldest member leads anyway, so that a split moves nothing away from
 * it, and where the size of the cluster says little.
 *
 * **Gotchas**
 *
 * The part with the oldest member may be small. When the oldest member crashes
 * together with another, no node is active until one of them is back.
 *
 * @category strategies
 * @since 0.2.0
 */
export const keepOldest: Strategy = {
  name: "keepOldest",
  isMet: ({ known, reachable }) => {
    const oldest = oldestOf(known)
    return reachable.some((member) => member.id === oldest?.id)
      ? reachable.length > 1 || known.length === 1
      : reachable.length > 0 && reachable.length === known.length - 1
  }
}

/**
 * Says whether this node may act, until the scope closes.
 *
 * **When to use**
 *
 * Use it for several strategies in one program. For one, use `layer`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function* ({
  filter = () => true,
  forgetAfter = "1 hour",
  stableAfter = "10 seconds",
  strategy
}: QuorumOptions) {
  const { members, views } = yield* Membership
  const { health } = yield* FailureDetector
  const { now } = yield* NodeClock
  const stable = Duration.toMillis(stableAfter)
  const rules = new QuorumRules(strategy, { stableAfter: stable, forgetAfter: Duration.toMillis(forgetAfter) })

  let newest = yield* members
  let lookedAt = now()
  let current: State = { _tag: "Minority", reason: "Starting", members: [] as ReadonlyArray<Member> }
  /** Decides anew. Returns the state if it is another one. */
  const decide = (): State | undefined => {
    const at = now()
    // A node that did not look for half of that time may have missed that others took over.
    if (at - lookedAt > Math.max(stable / 2, 2 * LookEvery)) rules.paused()
    lookedAt = at
    rules.update(newest.filter(filter), health.score < Unwell, at)
    const known = rules.members()
    const next: State = rules.active
      ? { _tag: "Active", members: known }
      : { _tag: "Minority", reason: rules.reason, members: known }
    if (isSame(current, next)) return undefined
    return (current = next)
  }
  decide()

  const states = yield* SubscriptionRef.make<State>(current)
  const news = Stream.map(views({ settle: Settle, atMost: LookEvery }), (view) => view.members)
  yield* Stream.merge(news, Stream.as(Stream.tick(LookEvery), undefined)).pipe(
    Stream.runForEach((members) =>
      Effect.suspend(() => {
        newest = members ?? newest
        const next = decide()
        return next === undefined ? Effect.void : SubscriptionRef.set(states, next)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  const changes = SubscriptionRef.changes(states)
  return Quorum.of({
    state: SubscriptionRef.get(states),
    states: changes,
    whileActive: whileTrue(Stream.map(changes, ({ _tag }) => _tag === "Active"))
  })
})

/** Whether two states say the same. Who leads or owns what can depend on the start and the tags of members. */
const isSame = (a: State, b: State): boolean =>
  a._tag === b._tag &&
  (a._tag === "Active" || b._tag === "Active" || a.reason === b.reason) &&
  a.members.length === b.members.length &&
  a.members.every((member, index) => isSameMember(member, b.members[index]!))

const isSameMember = (a: Member, b: Member): boolean =>
  a.id === b.id && Equal.equals(a.startedAt, b.startedAt) && Equal.equals(a.tags, b.tags)

/**
 * Says whether this node may act.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: QuorumOptions): Layer.Layer<Quorum, never, FailureDetector | Membership | NodeClock> =>
  Layer.effect(Quorum, make(options))
