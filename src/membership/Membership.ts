/**
 * Who is in the cluster.
 *
 * @since 0.2.0
 */
import { Context, type Duration, Effect, Layer, Option, Queue, Stream } from "effect"
import type { NetAddress } from "effect/net"
import type { Change } from "../domain/Change.ts"
import { isLive, type Member } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { oldestOf } from "../domain/Seniority.ts"
import type { Tags, TagsError } from "../domain/Tags.ts"
import type { Snapshot } from "../domain/Snapshot.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { ChangeFeed } from "./ChangeFeed.ts"
import { reportGaps, resumeFromSnapshots } from "./Follower.ts"
import { ForgetError } from "./ForgetError.ts"
import { JoinState } from "./JoinState.ts"
import { LocalView } from "./LocalView.ts"
import { MemberReader } from "./MemberReader.ts"
import { SelfSlot } from "./MemberTable.ts"

export { ForgetError } from "./ForgetError.ts"

/**
 * How many members have each status, the node itself included.
 *
 * @category models
 * @since 0.2.0
 */
export interface Counts {
  readonly alive: number
  readonly suspect: number
  readonly dead: number
  readonly left: number
}

/**
 * An event of `Membership.events`: a snapshot, or a change after it.
 *
 * @category models
 * @since 0.2.0
 */
export type Event = Snapshot | Change

/**
 * When `Membership.views` emits a view after a change.
 *
 * @category models
 * @since 0.2.0
 */
export interface ViewsOptions {
  /** How long there must be no further change. The default is 100 milliseconds. */
  readonly settle?: Duration.Input | undefined
  /** The longest time after a change until a view reflects it. The default is 1 second. */
  readonly atMost?: Duration.Input | undefined
}

/**
 * Tells whether a member is meant.
 *
 * @category models
 * @since 0.2.0
 */
export type Filter = (member: Member) => boolean

/**
 * The members of the cluster, as this node sees them, and the stream of changes.
 *
 * **When to use**
 *
 * Use it in every program that needs to know who is in the cluster. `Cluster.layer` provides it.
 *
 * **Details**
 *
 * Reading never waits and costs no messages: each node keeps all members in memory. Nodes learn of a change at slightly
 * different times, so two nodes can disagree for a moment.
 *
 * A test provides what it needs with `Layer.mock(Membership.Membership, { alive: ... })`.
 *
 * **Gotchas**
 *
 * Right after the layer is built a node knows only itself. Wait for `awaitJoined` or `awaitSize` first.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Membership, Snapshot } from "effect-gossip"
 *
 * const program = Effect.gen(function* () {
 *   const membership = yield* Membership.Membership
 *   yield* membership.awaitJoined
 *   yield* Stream.runForEach(membership.views(), (view) => Effect.log(`${Snapshot.alive(view).length} members are alive`))
 * })
 * ```
 * @category services
 * @since 0.2.0
 */
export class Membership extends Context.Service<
  Membership,
  {
    /** This node. */
    readonly self: Effect.Effect<Member>
    /**
     * Every listed member, this node first. Members that died or left are listed for `probes.deadRetention`.
     */
    readonly members: Effect.Effect<ReadonlyArray<Member>>
    /** Every member that is alive, this node first. */
    readonly alive: Effect.Effect<ReadonlyArray<Member>>
    /** How many members have each status, in constant time. */
    readonly counts: Effect.Effect<Counts>
    /** The listed member with this id, in constant time. */
    readonly get: (id: NodeId) => Effect.Effect<Option.Option<Member>>
    /**
     * The alive or suspect member at this address, in constant time. If two members claim one address, it is the one that
     * this node saw there first.
     */
    readonly byAddress: (address: NetAddress.InetAddress) => Effect.Effect<Option.Option<Member>>
    /** The alive members that have this tag with this value, this node first if it is one of them. */
    readonly byTag: (key: string, value: string) => Effect.Effect<ReadonlyArray<Member>>
    /**
     * The oldest alive or suspect member that the filter accepts: the one that started first, by its own clock, and of
     * several the one with the lowest id. Members whose start is not known count as younger than all others.
     */
    readonly oldest: (filter?: Filter) => Effect.Effect<Option.Option<Member>>
    /** A random alive member that the filter accepts, all equally likely. This node is one of them. */
    readonly random: (filter?: Filter) => Effect.Effect<Option.Option<Member>>
    /**
     * Replaces the tags of this node, of which all members then learn within about a second. The name of the node stays.
     */
    readonly setTags: (tags: Tags) => Effect.Effect<void, TagsError>
    /**
     * Takes a dead member, or one that left, off the list before its retention ends, here and at all other members. Healing
     * stops looking for it. Old messages do not bring it back, but the node itself does, if it lives after all. Members of
     * level 0, and those that no message reaches now, list it until its retention ends.
     */
    readonly forget: (id: NodeId) => Effect.Effect<void, ForgetError>
    /**
     * Succeeds with the first listed member for which the filter holds, now or after a change. It does not succeed if the
     * node ends before.
     */
    readonly awaitMember: (filter: Filter) => Effect.Effect<Member>
    /**
     * Succeeds when this node has joined: when a peer has answered it, or at once if it has no peers to join through. It
     * does not succeed if the node ends before; combine it with `Effect.timeout` where that matters.
     */
    readonly awaitJoined: Effect.Effect<void>
    /**
     * Succeeds when at least `size` members are alive or suspect, this node included. It does not succeed if the node ends
     * before.
     */
    readonly awaitSize: (size: number) => Effect.Effect<void>
    /**
     * Every change from the moment of subscription on. It ends with the node.
     *
     * A slow subscriber delays nobody. When more than `limits.eventBuffer` changes wait for it, it loses the oldest and
     * gets one `Missed` in their place. Use `events` to know the members at every moment.
     */
    readonly changes: Stream.Stream<Change>
    /**
     * The members at the moment of subscription, as a `Snapshot`, and then every change after it, without a gap and
     * without a duplicate. It ends with the node.
     *
     * A subscriber that is too slow gets `Missed` and then a new `Snapshot`, and continues from there.
     */
    readonly events: Stream.Stream<Event>
    /**
     * All members, now and after every burst of changes. It ends with the node.
     *
     * The first view comes at once. After a change, the next view comes when there was no further change for
     * `options.settle`, and at the latest `options.atMost` after that change. A slow subscriber skips views; the next one
     * that it gets is the newest.
     */
    readonly views: (options?: ViewsOptions) => Stream.Stream<Snapshot>
  }
>()("effect-gossip/membership/Membership") {}

const everyone: Filter = () => true

const hasTag =
  (key: string, value: string): Filter =>
  ({ tags }) =>
    Object.hasOwn(tags, key) && tags[key] === value

/**
 * The membership of one node.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Membership, never, ChangeFeed | JoinState | LocalView | NodeClock> =
  /* @__PURE__ */ Layer.effect(
    Membership,
    /* @__PURE__ */ Effect.gen(function* () {
      const view = yield* LocalView
      const joinState = yield* JoinState
      const feed = yield* ChangeFeed
      const { clock, now, random } = yield* NodeClock
      const reader = new MemberReader(view, { clock, now })

      const awaitMember = Effect.fnUntraced(function* (filter: Filter) {
        const { queue } = yield* feed.subscribe(1)
        while (true) {
          const found = reader.members().find(filter)
          if (found !== undefined) return found
          yield* Queue.take(queue)
        }
      }, Effect.scoped)

      const awaitSize = Effect.fnUntraced(function* (size: number) {
        // One waiting change is enough to look again.
        const { queue } = yield* feed.subscribe(1)
        while (reader.live() < size) yield* Queue.take(queue)
      }, Effect.scoped)

      const views = ({ atMost = "1 second", settle = "100 millis" }: ViewsOptions = {}) =>
        Stream.unwrap(
          Effect.gen(function* () {
            const { queue } = yield* feed.subscribe(1)
            let seen = -1
            const view = () => {
              seen = feed.memberSequence()
              return feed.snapshot()
            }
            const quiet = Queue.take(queue).pipe(
              Effect.timeoutOption(settle),
              Effect.repeat({ while: Option.isSome }),
              Effect.timeoutOption(atMost)
            )
            // Changes that are not of members need no view.
            const burst = Queue.take(queue).pipe(Effect.repeat({ while: () => feed.memberSequence() === seen }))
            const next = Effect.map(Effect.andThen(burst, quiet), view)
            return Stream.concat(Stream.sync(view), Stream.fromEffectRepeat(next))
          })
        )

      const forget = Effect.fnUntraced(function* (id: NodeId) {
        const slot = view.slotOf(id)
        if (slot < 0) return yield* new ForgetError({ id, reason: "Unknown" })
        if (slot === SelfSlot || view.table.isLive(slot)) return yield* new ForgetError({ id, reason: "Live" })
        view.forget(id, view.table.incarnation(slot), view.selfId, now())
      })

      return Membership.of({
        self: Effect.sync(() => reader.self()),
        members: Effect.sync(() => reader.members()),
        alive: Effect.sync(() => reader.alive()),
        counts: Effect.sync(() => reader.counts()),
        get: (id) => Effect.sync(() => reader.get(id)),
        byAddress: (address) => Effect.sync(() => reader.byAddress(address)),
        byTag: (key, value) => Effect.sync(() => reader.alive().filter(hasTag(key, value))),
        oldest: (filter = everyone) =>
          Effect.sync(() => Option.fromUndefinedOr(oldestOf(reader.members().filter(isLive).filter(filter)))),
        random: (filter = everyone) =>
          Effect.sync(() => {
            const members = reader.alive().filter(filter)
            return Option.fromUndefinedOr(members[Math.floor(random() * members.length)])
          }),
        setTags: (tags) => Effect.suspend(() => Effect.fromResult(view.setTags(tags, now()))),
        forget,
        awaitMember: (filter) => Effect.catch(awaitMember(filter), () => Effect.never),
        awaitJoined: joinState.awaitJoined,
        awaitSize: (size) => Effect.catch(awaitSize(size), () => Effect.never),
        changes: Stream.unwrap(
          Effect.map(feed.subscribe(), ({ after, queue }) =>
            Stream.fromQueue(queue).pipe(Stream.map(reportGaps(after)), Stream.flattenIterable)
          )
        ),
        events: Stream.unwrap(
          Effect.map(feed.subscribe(), ({ queue }) => {
            // It can reflect changes that wait in the queue already: they are not repeated.
            const start = feed.snapshot()
            const changes = Stream.fromQueue(queue).pipe(
              Stream.map(resumeFromSnapshots(start, feed.snapshot)),
              Stream.flattenIterable
            )
            return Stream.concat(Stream.succeed<Event>(start), changes)
          })
        ),
        views
      })
    })
  )
