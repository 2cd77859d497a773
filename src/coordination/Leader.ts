/**
 * One member that does what must be done once in a cluster.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, Option, Stream, SubscriptionRef } from "effect"
import { isLive, type Member } from "../domain/Member.ts"
import { oldestOf } from "../domain/Seniority.ts"
import { Membership } from "../membership/Membership.ts"
import { Quorum } from "./Quorum.ts"
import { whileTrue } from "./WhileTrue.ts"

/** How long there must be no further change before the leader is decided anew, and the longest time until then, in ms. */
const Settle = 20
const AtMost = 100

/**
 * Who can lead.
 *
 * @category models
 * @since 0.2.0
 */
export interface LeaderOptions {
  /** Which members can lead. By default all. */
  readonly filter?: ((member: Member) => boolean) | undefined
}

/**
 * The leader of a cluster: the oldest member that can lead.
 *
 * **When to use**
 *
 * Use it for work that one member should do for all: a scheduled job, a clean-up, a
 * coordinator. `layerQuorum` keeps the parts of a split cluster from having a leader
 * each; `layer` does not.
 *
 * **Details**
 *
 * The oldest member is the one that started first, by its own clock, and of two the
 * one with the lower id. So a leader stays the leader until it ends, and members that
 * join change nothing.
 *
 * **Gotchas**
 *
 * Gossip gives no consensus. With `layer`, two nodes can lead at the same time while
 * a cluster is split, and for some moments after each change. With `layerQuorum` a
 * leader stops before another can start if the clocks of the machines run at about one
 * speed: whoever is cut off notices it within some probes, and the others wait for
 * `stableAfter` after its death, which must be longer than that. A process that was
 * paused stops to lead when it looks at its clock, so a step that it was in may still
 * end. What must never happen twice needs a fencing token at the resource.
 *
 * @example
 * ```ts
 * import { Effect, Layer, Schedule } from "effect"
 * import { Leader, Quorum } from "effect-gossip"
 * import { NodeCluster } from "effect-gossip/node"
 *
 * const job = Effect.log("cleaning up").pipe(Effect.repeat(Schedule.spaced("1 minute")))
 *
 * const Program = Leader.layerWhileLeading(job).pipe(
 *   Layer.provide(Leader.layerQuorum()),
 *   Layer.provide(Quorum.layer({ strategy: Quorum.keepMajority })),
 *   Layer.provide(NodeCluster.layer({ peers: ["10.0.0.1:7946"] }))
 * )
 *
 * Effect.runFork(Layer.launch(Program))
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Leader extends Context.Service<
  Leader,
  {
    /**
     * The leader as this node sees it, as the member was when it became the leader; `Membership.get` has its present state.
     * None while there is none that can lead.
     */
    readonly leader: Effect.Effect<Option.Option<Member>>
    /** The leader now, and every later one. */
    readonly leaders: Stream.Stream<Option.Option<Member>>
    /**
     * Runs an effect while this node leads: starts it when the node becomes the leader and interrupts it when it stops to
     * be. Succeeds with what the effect gives when it ends, and fails as it fails.
     */
    readonly whileLeading: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("effect-gossip/coordination/Leader") {}

const idOf = Option.map(({ id }: Member) => id)

/** A leader that follows `decisions`, the first of which comes at once. */
const following = Effect.fnUntraced(function* (decisions: Stream.Stream<Option.Option<Member>>) {
  const current = yield* SubscriptionRef.make(Option.none<Member>())
  yield* decisions.pipe(
    Stream.changesWith((a, b) => Option.getOrUndefined(idOf(a)) === Option.getOrUndefined(idOf(b))),
    Stream.runForEach((leader) => SubscriptionRef.set(current, leader)),
    Effect.forkScoped({ startImmediately: true })
  )
  const leaders = SubscriptionRef.changes(current)
  return Leader.of({
    leader: SubscriptionRef.get(current),
    leaders,
    whileLeading: whileTrue(
      Stream.map(
        leaders,
        Option.exists(({ self }) => self)
      )
    )
  })
})

/**
 * The oldest live member leads, without a look at how many there are.
 *
 * **When to use**
 *
 * Use it where two leaders for some moments do no harm, and where some leader is
 * better than none while the cluster is split.
 *
 * **Details**
 *
 * Suspected members count as live: a suspicion that is refuted changes no leader.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = ({ filter = () => true }: LeaderOptions = {}): Layer.Layer<Leader, never, Membership> =>
  Layer.effect(
    Leader,
    Effect.flatMap(Membership, ({ views }) =>
      following(
        Stream.map(views({ settle: Duration.millis(Settle), atMost: Duration.millis(AtMost) }), ({ members }) =>
          Option.fromUndefinedOr(oldestOf(members.filter(isLive).filter(filter)))
        )
      )
    )
  )

/**
 * The oldest member of the part of the cluster that may act leads; in another part
 * nobody does.
 *
 * **Details**
 *
 * A leader that dies is counted for `stableAfter` of the quorum. Only then does the
 * next one lead.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerQuorum = ({ filter = () => true }: LeaderOptions = {}): Layer.Layer<Leader, never, Quorum> =>
  Layer.effect(
    Leader,
    Effect.flatMap(Quorum, ({ states }) =>
      following(
        Stream.map(states, (state) =>
          Option.fromUndefinedOr(state._tag === "Active" ? oldestOf(state.members.filter(filter)) : undefined)
        )
      )
    )
  )

/**
 * Runs an effect while this node leads.
 *
 * **When to use**
 *
 * Use it for an effect that belongs to the program as a whole. If the effect fails, the
 * layer has been built already, so the failure is logged and the effect does not run
 * again; retry it inside.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerWhileLeading = <A, E, R>(effect: Effect.Effect<A, E, R>): Layer.Layer<never, never, Leader | R> =>
  Layer.effectDiscard(
    Effect.flatMap(Leader, ({ whileLeading }) =>
      whileLeading(effect).pipe(
        Effect.catchCause((cause) => Effect.logError("what this node does while it leads has failed", cause)),
        Effect.forkScoped
      )
    )
  )
