/**
 * The numbered changes of one node, and who subscribes to them.
 *
 * Programs subscribe with `Membership`. This service is the part of it that other components of the node need.
 *
 * @since 0.2.0
 */
import { type Cause, Context, Effect, Equal, Layer, type Queue, type Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { Change, MemberChange } from "../domain/Change.ts"
import type { Snapshot } from "../domain/Snapshot.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"
import { compareBytes, noLabels } from "./HeldTags.ts"
import { LocalView } from "./LocalView.ts"
import { MemberReader } from "./MemberReader.ts"
import { SelfSlot } from "./MemberTable.ts"
import { makeQueue, Subscribers } from "./Subscribers.ts"
import type { TagsChange, Transition } from "./ViewObserver.ts"

/**
 * Every change except `Missed`, which belongs to one subscriber.
 *
 * @category models
 * @since 0.2.0
 */
export type PublishedChange = Exclude<Change, { readonly _tag: "Missed" }>

/**
 * One subscription to the changes of a node.
 *
 * @category models
 * @since 0.2.0
 */
export interface Subscription {
  /** The changes that wait for the subscriber. It ends with the node. */
  readonly queue: Queue.Dequeue<PublishedChange, Cause.Done>
  /** The number of the newest change before the subscription began; 0 before the first. */
  readonly after: number
}

/** The cause of what a node changes about itself. */
const ownWord = { _tag: "Heard" } as const

/**
 * The numbered changes of one node.
 *
 * @category services
 * @since 0.2.0
 */
export class ChangeFeed extends Context.Service<
  ChangeFeed,
  {
    /** All members now, with the number of the newest change. */
    readonly snapshot: () => Snapshot
    /** The number of the newest change of a member; 0 before the first. */
    readonly memberSequence: () => number
    /**
     * Subscribes until the scope closes. At most `capacity` changes wait, by default `limits.eventBuffer`; then the oldest
     * is dropped, which the subscriber notices by the numbers.
     */
    readonly subscribe: (capacity?: number) => Effect.Effect<Subscription, never, Scope.Scope>
    /** Calls `listener` at every change from now on, at once, in the middle of the message. It must not throw. */
    readonly onChange: (listener: (change: PublishedChange) => void) => void
    /** How many changes wait for the subscriber that lags most. */
    readonly backlog: () => number
  }
>()("effect-gossip/membership/ChangeFeed") {}

/**
 * The feed of one node's view.
 *
 * **Details**
 *
 * When the layer closes, every subscriber gets the changes that wait for it, and then its stream ends.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<ChangeFeed, never, CurrentConfig | LocalView | NodeClock | Transport> =
  /* @__PURE__ */ Layer.effect(
    ChangeFeed,
    /* @__PURE__ */ Effect.gen(function* () {
      const view = yield* LocalView
      const { clock, now } = yield* NodeClock
      const { limits, probes } = yield* CurrentConfig
      const transport = yield* Transport
      const { table } = view

      const reader = new MemberReader(view, { clock, now })
      const subscribers = new Subscribers()
      yield* Effect.addFinalizer(() => Effect.sync(() => subscribers.end()))

      const isUnchanged = ({ previousAddress, previousIncarnation, slot }: Transition): boolean =>
        previousIncarnation === table.incarnation(slot) &&
        (previousAddress === undefined || Equal.equals(previousAddress, table.inetAddress(slot)))
      const hasSameTags = ({ previous, slot }: TagsChange): boolean => {
        const held = table.tags[slot]
        if (held === undefined || previous === undefined) return held === previous
        return compareBytes(held.bytes, previous.bytes) === 0
      }

      const changeOf = (transition: Transition, sequence: number): MemberChange => {
        const { cause, kind, previousAddress, previousIncarnation, slot } = transition
        const change = { sequence, at: reader.toDateTime(transition.now), member: reader.memberAt(slot), cause }
        if (kind !== "Updated") return { _tag: kind, ...change }
        const { address, incarnation, tags } = change.member
        const before = previousAddress ?? address
        return {
          _tag: kind,
          ...change,
          changed: [
            ...(Equal.equals(before, address) ? [] : (["address"] as const)),
            ...(previousIncarnation === incarnation ? [] : (["incarnation"] as const))
          ],
          previousAddress: before,
          previousIncarnation,
          previousTags: tags
        }
      }

      const tagsChangeOf = ({ cause, now, previous, slot }: TagsChange, sequence: number): MemberChange => {
        const member = reader.memberAt(slot)
        const before = previous?.labels ?? noLabels
        const after = reader.labelsAt(slot)
        return {
          _tag: "Updated",
          sequence,
          at: reader.toDateTime(now),
          member,
          cause,
          changed: [
            ...(before.name === after.name && before.startedAt === after.startedAt ? [] : (["name"] as const)),
            ...(Equal.equals(before.tags, after.tags) ? [] : (["tags"] as const))
          ],
          previousAddress: member.address,
          previousIncarnation: member.incarnation,
          previousTags: before.tags
        }
      }

      let ownAddress = table.inetAddress(SelfSlot)
      let ownIncarnation = table.incarnation(SelfSlot)
      /** What is new about the node itself, which no message of others changes. */
      const ownChange = (now: number): void => {
        const transition: Transition = {
          slot: SelfSlot,
          kind: "Updated",
          cause: ownWord,
          now,
          previousStatus: table.status(SelfSlot),
          previousIncarnation: ownIncarnation,
          previousAddress: ownAddress
        }
        ownAddress = table.inetAddress(SelfSlot)
        ownIncarnation = table.incarnation(SelfSlot)
        subscribers.publishMember((sequence) => changeOf(transition, sequence))
      }

      const removed = { _tag: "RetentionExpired", after: probes.deadRetention } as const

      view.observe({
        transition: (transition) => {
          // A member's own entry can confirm the source address that stood in for it: nothing changed.
          if (transition.kind === "Updated" && isUnchanged(transition)) return
          subscribers.publishMember((sequence) => changeOf(transition, sequence))
        },
        selfChanged: (_, now) => ownChange(now),
        selfLeft: (now) =>
          subscribers.publishMember((sequence) => ({
            _tag: "Left",
            sequence,
            at: reader.toDateTime(now),
            member: reader.self(),
            cause: ownWord
          })),
        tagsChanged: (change) => {
          // A member that refutes a suspicion says its tags again.
          if (hasSameTags(change)) return
          subscribers.publishMember((sequence) => tagsChangeOf(change, sequence))
        },
        forgotten: (slot, by) =>
          subscribers.publishMember((sequence) => ({
            _tag: "Removed",
            sequence,
            at: reader.toDateTime(now()),
            member: reader.memberAt(slot),
            cause: by === undefined ? removed : { _tag: "Forgotten", by }
          })),
        conflict: ({ address, by, id, kind }, when) =>
          subscribers.publish((sequence) => ({
            _tag: "Conflict",
            sequence,
            at: reader.toDateTime(when),
            cause: by === id ? { _tag: "Heard" } : { _tag: "Claimed", by },
            kind,
            id,
            address
          }))
      })
      transport.onRejected(({ address, id, reason }, when) => {
        // It may be damaged, which says nothing about the cluster.
        if (reason === "Checksum") return
        subscribers.publish((sequence) => ({
          _tag: "Unreadable",
          sequence,
          at: reader.toDateTime(when),
          cause: { _tag: reason },
          id,
          address
        }))
      })

      const snapshot = (): Snapshot => ({
        _tag: "Snapshot",
        sequence: subscribers.sequence,
        at: reader.toDateTime(now()),
        members: reader.members()
      })

      return ChangeFeed.of({
        snapshot,
        memberSequence: () => subscribers.memberSequence,
        subscribe: Effect.fnUntraced(function* (capacity = limits.eventBuffer) {
          const queue = yield* makeQueue(capacity)
          return yield* Effect.acquireRelease(
            Effect.sync(() => {
              subscribers.add(queue)
              return { queue, after: subscribers.sequence }
            }),
            () => Effect.sync(() => subscribers.remove(queue))
          )
        }),
        onChange: (listener) => subscribers.listen(listener),
        backlog: () => subscribers.backlog
      })
    })
  )
