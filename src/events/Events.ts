/**
 * Publishing events to every member of the cluster, and receiving them.
 *
 * @since 0.2.0
 */
import { type Cause, Context, DateTime, Effect, Layer, type Option, Queue, Result, type Scope, Stream } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { Member } from "../domain/Member.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { LocalView } from "../membership/LocalView.ts"
import { MemberReader } from "../membership/MemberReader.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { type MemberEvent, MemberEventCursor } from "../wire/sections/MemberEvent.ts"
import * as ForgetWish from "./ForgetWish.ts"
import * as NamedPayload from "../wire/sections/NamedPayload.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { type ClusterEvent, PublishError } from "./ClusterEvent.ts"
import { EventInbox } from "./EventInbox.ts"
import { checkNamed } from "./NamedBytes.ts"

/**
 * An event as it arrived, with its payload as `A`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Published<A> {
  readonly name: string
  readonly payload: A
  /** Who published it. */
  readonly origin: NodeId.NodeId
  /** The member that published it, if this node lists it. */
  readonly member: Option.Option<Member>
  /** Counts the events that the origin published since it started. */
  readonly number: number
  /** When this node got it. */
  readonly at: DateTime.Utc
}

/**
 * What `Events` counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface EventCounters {
  /** Events that this node published. */
  published: number
  /** Events of others that were delivered. */
  delivered: number
  /** Payloads that did not have the form that a subscriber expects. */
  undecodable: number
  /** Events that a subscriber missed because it was too slow. */
  missed: number
}

/**
 * Publishes events to all members and delivers those of others.
 *
 * **When to use**
 *
 * Use it to tell every member something once: that caches are to be emptied, that a configuration is new. To tell them
 * something that lasts, use tags.
 *
 * **Details**
 *
 * An event spreads like a change of membership, in a few gossip rounds. Each member delivers it once, in the order of its
 * origin as far as possible: one waits at most a second for an earlier one. The node that publishes it delivers it too, at
 * once.
 *
 * **Gotchas**
 *
 * Delivery is best effort. A member that joins later, or that is cut off for longer than an event is passed on, does not
 * get it. Members of level 0 get no events.
 *
 * @example
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { ClusterEvent, Events } from "effect-gossip"
 *
 * const Deploy = ClusterEvent.make("deploy", { payload: Schema.Struct({ version: Schema.String }) })
 *
 * const program = Effect.gen(function* () {
 *   const events = yield* Events.Events
 *   yield* events.stream(Deploy).pipe(
 *     Stream.runForEach(({ origin, payload }) => Effect.log(`${origin} deployed ${payload.version}`)),
 *     Effect.forkScoped({ startImmediately: true })
 *   )
 *   yield* events.publish(Deploy, { version: "1.2.3" })
 * })
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Events extends Context.Service<
  Events,
  {
    readonly counters: EventCounters
    /** How many origins are remembered, how many events wait for earlier ones, and how many came more than once. */
    readonly inbox: { readonly size: number; readonly held: number; readonly duplicates: number }
    /** Publishes an event. Does not wait until others have it. */
    readonly publish: <A>(event: ClusterEvent<A>, payload: A) => Effect.Effect<void, PublishError>
    /** Publishes an event whose payload is given as bytes. */
    readonly publishBytes: (name: string, payload: Uint8Array) => Effect.Effect<void, PublishError>
    /**
     * The events of one sort from the moment of subscription on. It ends with the node. More than `limits.eventBuffer` that
     * wait for a slow subscriber are lost, oldest first.
     */
    readonly stream: <A>(event: ClusterEvent<A>) => Stream.Stream<Published<A>>
    /** The events of every sort, with their payloads as bytes. */
    readonly all: Stream.Stream<Published<Uint8Array>>
    /** Takes the events of a message that was merged. */
    readonly received: (received: Received) => void
  }
>()("effect-gossip/events/Events") {}

/** Our incarnation rises for events that others publish in our name at most once in this time, in ms. */
const RefuteInterval = 1000

type Subscriber = Queue.Queue<Published<Uint8Array>, Cause.Done>

/**
 * The events of one node.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Events, never, CurrentConfig | LocalView | NodeClock | Outbox> = Layer.effect(
  Events,
  Effect.gen(function* () {
    const { limits } = yield* CurrentConfig
    const view = yield* LocalView
    const { broadcasts } = yield* Outbox
    const { alarm, clock, now: readClock } = yield* NodeClock
    const { table } = view
    const reader = new MemberReader(view, { clock, now: readClock })
    const inbox = new EventInbox<MemberEvent>()
    const cursor = new MemberEventCursor()
    const counters: EventCounters = { published: 0, delivered: 0, undecodable: 0, missed: 0 }
    const subscribers = new Set<Subscriber>()
    let ended = false
    let published = 0
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        ended = true
        for (const queue of subscribers) Queue.endUnsafe(queue)
      })
    )

    /** Carries out what another member asks of all, which no subscriber sees. Returns whether it was that. */
    const carryOut = (event: MemberEvent): boolean => {
      const wish = ForgetWish.read(event)
      if (wish === undefined) return false
      view.forget(wish.id, wish.incarnation, NodeId.fromWords(event.originHi, event.originLo), readClock())
      return true
    }
    const deliver = (event: MemberEvent): void => {
      if (subscribers.size === 0) return
      const origin = NodeId.fromWords(event.originHi, event.originLo)
      const arrived: Published<Uint8Array> = {
        name: NamedPayload.nameOf(event),
        payload: NamedPayload.payloadOf(event),
        origin,
        member: reader.get(origin),
        number: event.number,
        at: DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
      }
      for (const queue of subscribers) {
        if (Queue.sizeUnsafe(queue) >= limits.eventBuffer) counters.missed++
        Queue.offerUnsafe(queue, arrived)
      }
    }
    const deliverOther = (event: MemberEvent): void => {
      if (carryOut(event)) return
      counters.delivered++
      deliver(event)
    }
    const orders = yield* alarm("order of events", {
      next: () => inbox.next,
      fire: (now) => inbox.release(now, deliverOther)
    })

    const spread = (content: NamedPayload.NamedPayload): MemberEvent => {
      const event: MemberEvent = {
        originHi: table.idHi(SelfSlot),
        originLo: table.idLo(SelfSlot),
        incarnation: table.incarnation(SelfSlot),
        number: ++published,
        ...content
      }
      broadcasts.addEvent(event)
      return event
    }
    const publishBytes = (name: string, payload: Uint8Array) =>
      Effect.map(
        Effect.suspend(() =>
          name === ForgetWish.Name
            ? Effect.fail(new PublishError({ name, reason: "ReservedName" }))
            : Effect.fromResult(checkNamed(name, payload))
        ),
        (bytes) => {
          counters.published++
          deliver(spread(NamedPayload.make(name, bytes)))
        }
      )
    view.observe({
      forgetAsked: (id, incarnation, by) => {
        if (by === view.selfId) spread(ForgetWish.make({ id, incarnation }))
      }
    })

    let refutedAt = -Infinity
    /** An event in our name that we did not publish. Others take ours for older ones, unless they are of a new incarnation. */
    const refute = ({ incarnation, number }: MemberEventCursor, now: number): void => {
      const order = SerialNumber.compare(incarnation, view.incarnation)
      if (order < 0 || (order === 0 && number <= published)) return
      if (now - refutedAt < RefuteInterval || view.leaving) return
      refutedAt = now
      view.raiseIncarnation(incarnation, false, now)
    }

    const subscribe: Effect.Effect<Subscriber, never, Scope.Scope> = Effect.acquireRelease(
      Effect.map(Queue.sliding<Published<Uint8Array>, Cause.Done>(limits.eventBuffer), (queue) => {
        subscribers.add(queue)
        if (ended) Queue.endUnsafe(queue)
        return queue
      }),
      (queue) => Effect.sync(() => subscribers.delete(queue))
    )
    const all = Stream.unwrap(Effect.map(subscribe, Stream.fromQueue))

    const stream = <A>(event: ClusterEvent<A>): Stream.Stream<Published<A>> =>
      Stream.flatMap(all, (arrived) => {
        if (arrived.name !== event.name) return Stream.empty
        const payload = event.decode(arrived.payload)
        if (Result.isSuccess(payload)) return Stream.succeed({ ...arrived, payload: payload.success })
        counters.undecodable++
        return Stream.empty
      })

    return Events.of({
      counters,
      inbox,
      publish: (event, payload) =>
        Effect.flatMap(
          Effect.suspend(() => Effect.fromResult(event.encode(payload))),
          (bytes) => publishBytes(event.name, bytes)
        ),
      publishBytes,
      stream,
      all,
      received: ({ findings, inbound: { bytes, sections }, now, sender }) => {
        if (findings.replay || sender < 0 || !table.isLive(sender)) return
        let isNews = false
        const end = sections.endOf(SectionType.Events)
        for (let at = sections.startOf(SectionType.Events); at < end; at = cursor.next) {
          cursor.read(bytes, at)
          // What we published in a former run is not news to us.
          if (view.isSelf(cursor.originHi, cursor.originLo)) {
            refute(cursor, now)
            continue
          }
          const { incarnation, number, originHi, originLo } = cursor
          const isNew = inbox.receive(NodeId.fromWords(originHi, originLo), incarnation, number, now, () => {
            const body = bytes.slice(cursor.bodyAt, cursor.bodyEnd)
            const event = { originHi, originLo, incarnation, number, bytes: body, bodyAt: 0, bodyEnd: body.length }
            broadcasts.addEvent(event)
            return event
          })
          isNews ||= isNew
        }
        if (!isNews) return
        // All of a message first, since the least-sent event is first in it, and not the oldest.
        inbox.release(now, deliverOther)
        orders.reset()
      }
    })
  })
)
