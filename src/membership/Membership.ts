/**
 * Who is in the cluster: the service that programs ask.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const membership = yield* Membership
 *   const alive = yield* membership.alive
 *   yield* Effect.log(`${alive.length} members are alive`)
 *   yield* membership.changes.pipe(Stream.runForEach((change) => Effect.log(change)))
 * })
 * ```
 */
import { type Cause, Context, DateTime, Effect, Equal, Layer, Option, Queue, Stream } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { Change, Member, MemberStatus } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"
import type { Conflict, Transition } from "./ViewObserver.ts"
import { LocalView } from "./LocalView.ts"
import { Mark, Phase, SelfSlot } from "./MemberTable.ts"

/** How many members of each status a node sees, itself included. */
export interface Counts {
  readonly alive: number
  readonly suspect: number
  readonly dead: number
  readonly left: number
}

export class Membership extends Context.Service<
  Membership,
  {
    /** This node. */
    readonly self: Effect.Effect<Member>
    /** Every listed member, this node first: the dead and the left too, for the time of `dead_retention`. */
    readonly members: Effect.Effect<ReadonlyArray<Member>>
    /** The members that are alive, this node first. */
    readonly alive: Effect.Effect<ReadonlyArray<Member>>
    /** A listed member by id. */
    readonly get: (id: NodeId) => Effect.Effect<Option.Option<Member>>
    /** How many members of each status there are, in constant time. */
    readonly counts: Effect.Effect<Counts>
    /**
     * Every change from the moment of subscription on, each with its cause. A slow
     * subscriber slows nobody: beyond `limits.event_buffer` waiting changes it misses the oldest, and
     * gets a `Missed` in their place; it should then read `members` again. Ends with
     * the node.
     */
    readonly changes: Stream.Stream<Change>
    /** How many changes wait for the subscriber that lags most; a plain function, for metrics. */
    readonly backlog: () => number
  }
>()("effect-gossip/membership/Membership") {}

export const layer: Layer.Layer<Membership, never, CurrentConfig | LocalView | NodeClock | Transport> = Layer.effect(
  Membership,
  Effect.gen(function* () {
    const view = yield* LocalView
    const { clock, now } = yield* NodeClock
    const { limits } = yield* CurrentConfig
    const transport = yield* Transport
    const { table } = view
    // A queue for each: only its own slowness costs a subscriber anything.
    const subscribers = new Set<Queue.Queue<Numbered, Cause.Done>>()
    let sequence = 0
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const queue of subscribers) Queue.endUnsafe(queue)
      })
    )

    const at = (monotonic: number) => DateTime.makeUnsafe(clock.currentTimeMillisUnsafe() - (now() - monotonic))

    const statusOf = (slot: number): MemberStatus => {
      switch (table.statusOf(slot)) {
        case Claim.Alive:
          return "alive"
        case Claim.Suspect:
          return "suspect"
        case Claim.Dead:
          return table.has(slot, Mark.Left) ? "left" : "dead"
      }
    }

    const memberAt = (slot: number): Member => ({
      id: view.idOf(slot),
      address: table.inetAddress(slot),
      status: statusOf(slot),
      incarnation: table.incarnation[slot]!,
      heartbeat: table.heartbeat[slot]!,
      level: table.level[slot]!,
      since: at(table.since[slot]!),
      self: slot === SelfSlot
    })

    const isListed = (slot: number): boolean =>
      slot >= 0 && (table.phase[slot] === Phase.Member || table.phase[slot] === Phase.Self)

    const membersWhere = (include: (slot: number) => boolean) =>
      Effect.sync(() => {
        const members: Array<Member> = []
        for (let slot = 0; slot < table.top; slot++) {
          if (isListed(slot) && include(slot)) members.push(memberAt(slot))
        }
        return members
      })

    const isUnchanged = ({ previousAddress, previousIncarnation, slot }: Transition): boolean =>
      previousIncarnation === table.incarnation[slot] && Equal.equals(previousAddress, table.inetAddress(slot))

    /** Numbers a change, and builds it only if somebody listens. */
    const publish = (build: (sequence: number) => Numbered): void => {
      sequence++
      if (subscribers.size === 0) return
      const change = build(sequence)
      for (const queue of subscribers) Queue.offerUnsafe(queue, change)
    }

    const changeOf = (transition: Transition, sequence: number): Numbered => {
      const { cause, kind, previousAddress, previousIncarnation, slot } = transition
      const event = { sequence, at: at(transition.now), member: memberAt(slot), cause }
      return kind === "Updated"
        ? { _tag: kind, ...event, previousAddress: previousAddress ?? event.member.address, previousIncarnation }
        : { _tag: kind, ...event }
    }

    view.observe({
      transition: (transition) => {
        // A member's own entry can confirm the address that stood in for it, which is news to nobody here.
        if (transition.kind === "Updated" && isUnchanged(transition)) return
        publish((sequence) => changeOf(transition, sequence))
      },
      conflict: (conflict: Conflict, when) =>
        publish((sequence) => ({ _tag: "Conflict", sequence, at: at(when), ...conflict }))
    })
    transport.onRejected((rejection, when) =>
      publish((sequence) => ({ _tag: "Unreadable", sequence, at: at(when), ...rejection }))
    )

    const subscription = Effect.gen(function* () {
      const queue = yield* Queue.sliding<Numbered, Cause.Done>(limits.eventBuffer)
      let expected = yield* Effect.acquireRelease(
        Effect.sync(() => {
          subscribers.add(queue)
          return sequence + 1
        }),
        () => Effect.sync(() => subscribers.delete(queue))
      )
      if (closed) Queue.endUnsafe(queue)
      return Stream.fromQueue(queue).pipe(
        Stream.map((change): ReadonlyArray<Change> => {
          const missed = change.sequence - expected
          expected = change.sequence + 1
          return missed > 0 ? [{ _tag: "Missed", count: missed }, change] : [change]
        }),
        Stream.flattenIterable
      )
    })

    return Membership.of({
      self: Effect.sync(() => memberAt(SelfSlot)),
      members: membersWhere(() => true),
      alive: membersWhere((slot) => table.status[slot] === Claim.Alive),
      get: (id) =>
        Effect.sync(() => {
          const slot = view.slotOf(id)
          return isListed(slot) ? Option.some(memberAt(slot)) : Option.none()
        }),
      counts: Effect.sync(() => {
        const left = table.leftCount + (view.leaving ? 1 : 0)
        return {
          alive: table.alive - (view.leaving ? 1 : 0),
          suspect: table.suspects.length,
          dead: table.dead.length - table.leftCount,
          left
        }
      }),
      changes: Stream.unwrap(subscription),
      backlog: () => {
        let most = 0
        for (const queue of subscribers) most = Math.max(most, Queue.sizeUnsafe(queue))
        return most
      }
    })
  })
)

/** Every change but `Missed`, which belongs to one subscriber. */
type Numbered = Exclude<Change, { readonly _tag: "Missed" }>
