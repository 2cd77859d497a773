/**
 * Which member owns a key: Effect's `HashRing` over the members of a cluster.
 *
 * @since 0.2.0
 */
import { Context, type Duration, Effect, Hash, HashRing, Layer, Option, PrimaryKey, PubSub, Stream } from "effect"
import { NetAddress } from "effect/net"
import { isLive, type Member } from "../domain/Member.ts"
import { Membership } from "../membership/Membership.ts"
import * as RingSegments from "./RingSegments.ts"

/**
 * Which members a ring has, and how much of it each owns.
 *
 * @category models
 * @since 0.2.0
 */
export interface RingOptions {
  /** Which of the live members are on the ring. By default all. */
  readonly filter?: ((member: Member) => boolean) | undefined
  /**
   * The share of a member, relative to the others: a function, or the key of the tag that has it. By default 1. Less than
   * 0.1 counts as 0.1, more than 100 as 100, and what is missing, negative or no number as 1.
   */
  readonly weight?: ((member: Member) => number) | { readonly tag: string } | undefined
  /**
   * What identifies a member on the ring, also after a restart. By default its address, so that a member that restarts
   * with a new id at its old address owns what it owned.
   */
  readonly key?: ((member: Member) => string) | undefined
  /** How long there must be no further change of the cluster before the ring follows it. By default 100 ms. */
  readonly settle?: Duration.Input | undefined
}

/**
 * Keys whose owner changed: those with a hash from `from` to `to`, both included.
 *
 * **Details**
 *
 * `contains` tells whether a key is one of them. There is no previous owner when the
 * ring was empty before, and no owner when it is empty now.
 *
 * @category models
 * @since 0.2.0
 */
export interface Move {
  readonly from: number
  readonly to: number
  readonly previousOwner: Option.Option<Member>
  readonly owner: Option.Option<Member>
}

/**
 * Whether the owner of a key changed by a move.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Ring } from "effect-gossip"
 *
 * const cache = new Map<string, string>()
 *
 * // Forgets what this node holds for others.
 * const program = Effect.gen(function*() {
 *   const { moves } = yield* Ring.Ring
 *   yield* Stream.runForEach(moves, (moves) =>
 *     Effect.sync(() => {
 *       for (const key of cache.keys()) {
 *         if (moves.some((move) => Ring.contains(move, key))) cache.delete(key)
 *       }
 *     }))
 * })
 * ```
 *
 * @category reading
 * @since 0.2.0
 */
export const contains = ({ from, to }: Move, key: string): boolean => {
  const hash = Hash.string(key)
  return from <= hash && hash <= to
}

/**
 * The owners of keys among the live members of a cluster.
 *
 * **When to use**
 *
 * Use it to spread work or data over the members so that each key has one owner,
 * and so that few keys change their owner when a member comes or goes.
 *
 * **Details**
 *
 * Alive and suspect members are on the ring: a suspicion that is refuted moves
 * nothing. Nodes with the same view and options give each key to the same member.
 *
 * **Gotchas**
 *
 * Views differ for some moments after each change, and for as long as a cluster is
 * split. So two nodes can name different owners of one key. What must not happen
 * twice needs more than a ring; `Quorum` stops the smaller part of a split cluster.
 *
 * @example
 * ```ts
 * import { Effect, Layer, Option } from "effect"
 * import { Ring } from "effect-gossip"
 * import { NodeCluster } from "effect-gossip/node"
 *
 * const program = Effect.gen(function*() {
 *   const ring = yield* Ring.Ring
 *   const owner = yield* ring.owner("user-42")
 *   if (Option.isSome(owner) && owner.value.self) yield* Effect.log("user-42 is ours")
 * })
 *
 * program.pipe(Effect.provide(Layer.provide(Ring.layer(), NodeCluster.layer({ peers: ["10.0.0.1:7946"] }))))
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Ring extends Context.Service<
  Ring,
  {
    /** The members on the ring. */
    readonly members: Effect.Effect<ReadonlyArray<Member>>
    /** The member that owns a key; none while the ring is empty. */
    readonly owner: (key: string) => Effect.Effect<Option.Option<Member>>
    /**
     * The owner of a key and the members that come next, at most `count` of them. When the owner leaves the ring, the
     * second one owns the key.
     */
    readonly owners: (key: string, count: number) => Effect.Effect<ReadonlyArray<Member>>
    /**
     * What each change of the ring moved, from the moment of subscription on. A change that moves nothing, such as a new
     * status of a member, is left out. It ends with the ring.
     */
    readonly moves: Stream.Stream<ReadonlyArray<Move>>
  }
>()("effect-gossip/coordination/Ring") {}

/** A member as a node of Effect's ring. */
class Owner implements PrimaryKey.PrimaryKey {
  readonly member: Member
  readonly #key: string

  constructor(member: Member, key: string) {
    this.member = member
    this.#key = key
  }

  [PrimaryKey.symbol](): string {
    return this.#key
  }
}

const isSame = (a: Owner | undefined, b: Owner | undefined): boolean =>
  a === undefined || b === undefined ? a === b : PrimaryKey.value(a) === PrimaryKey.value(b)

const memberOf = (owner: Owner | undefined): Option.Option<Member> =>
  Option.map(Option.fromUndefinedOr(owner), ({ member }) => member)

/** Members set their own tags: one that claims a huge share must not fill the memory of all others with points. */
const MaxShare = 100

const shareOf = (weight: RingOptions["weight"], member: Member): number => {
  if (weight === undefined) return 1
  // The empty text would be 0.
  const share = typeof weight === "function" ? weight(member) : Number(member.tags[weight.tag]?.trim() || Number.NaN)
  // No comparison with NaN holds. The least is that of Effect's ring.
  return share >= 0 ? Math.min(Math.max(share, 0.1), MaxShare) : 1
}

const addressOf = ({ address }: Member): string => NetAddress.formatInet(address)

/**
 * A ring that follows the members until the scope closes.
 *
 * **When to use**
 *
 * Use it for several rings in one program. For one, use `layer`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function* ({
  filter = () => true,
  key = addressOf,
  settle = "100 millis",
  weight
}: RingOptions = {}) {
  const membership = yield* Membership
  const ringOf = (members: ReadonlyArray<Member>): HashRing.HashRing<Owner> => {
    const ring = HashRing.make<Owner>()
    const byWeight = new Map<number, Array<Owner>>()
    const names = new Set<string>()
    for (const member of members) {
      if (!isLive(member) || !filter(member)) continue
      const name = key(member)
      // Of two members with one key, the one that this node met first is on the ring.
      if (names.has(name)) continue
      names.add(name)
      const share = shareOf(weight, member)
      const owners = byWeight.get(share)
      if (owners === undefined) byWeight.set(share, [new Owner(member, name)])
      else owners.push(new Owner(member, name))
    }
    // Each call sorts all points, so members of one weight are added together.
    for (const [share, owners] of byWeight) HashRing.addMany(ring, owners, { weight: share })
    return ring
  }

  let current = ringOf(yield* membership.members)
  let segments = RingSegments.segments(current)
  const moves = yield* Effect.acquireRelease(PubSub.unbounded<ReadonlyArray<Move>>(), PubSub.shutdown)
  yield* membership.views({ settle }).pipe(
    Stream.runForEach(({ members }) =>
      Effect.suspend(() => {
        current = ringOf(members)
        const before = segments
        segments = RingSegments.segments(current)
        const moved = RingSegments.moved(before, segments, isSame)
        if (moved.length === 0) return Effect.void
        return PubSub.publish(
          moves,
          moved.map(({ owner, previousOwner, ...range }) => ({
            ...range,
            previousOwner: memberOf(previousOwner),
            owner: memberOf(owner)
          }))
        )
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )

  return Ring.of({
    members: Effect.sync(() => Array.from(current, ({ member }) => member)),
    owner: (name) => Effect.sync(() => memberOf(HashRing.get(current, name))),
    owners: (name, count) =>
      Effect.sync(() => RingSegments.nearest(current, Hash.string(name), count).map(({ member }) => member)),
    moves: Stream.fromPubSub(moves)
  })
})

/**
 * A ring over the members of the cluster.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: RingOptions = {}): Layer.Layer<Ring, never, Membership> =>
  Layer.effect(Ring, make(options))
