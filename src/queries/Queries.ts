/**
 * Asking every member of the cluster, and answering.
 *
 * @since 0.2.0
 */
import { type Cause, Context, Duration, Effect, Layer, Option, Queue, Result, type Scope, Stream } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import type { Member } from "../domain/Member.ts"
import * as NodeId from "../domain/NodeId.ts"
import { version } from "../domain/Version.ts"
import type { PublishError } from "../events/ClusterEvent.ts"
import { checkNamed } from "../events/NamedBytes.ts"
import { LocalView } from "../membership/LocalView.ts"
import { MemberReader } from "../membership/MemberReader.ts"
import { Mark, SelfSlot } from "../membership/MemberTable.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { HeaderLength, Kind } from "../wire/Header.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import * as NamedPayload from "../wire/sections/NamedPayload.ts"
import { QueryReader } from "../wire/sections/Query.ts"
import { type Response, ResponseReader } from "../wire/sections/Response.ts"
import { SectionCursor, SectionType } from "../wire/sections/Section.ts"
import { type AnswerBytes, Ping, type Query } from "./Query.ts"
import { Responses } from "./Responses.ts"
import { SeenQueries } from "./SeenQueries.ts"

/** How long the answers to a query are waited for, if the asker does not say. */
const DefaultTimeout = Duration.seconds(2)

/** Members that get a PING before a query because their address never answered us. */
const MaxGreetings = 256

/** The longest that a query of others is passed on, in ms. */
const LongestDeadline = 3_600_000

/** The most queries of others that wait for a handler. */
const MaxWaiting = 256

/** The most handlers that run at once. */
const MaxRunning = 16

/**
 * How a query is asked.
 *
 * @category models
 * @since 0.2.0
 */
export interface AskOptions {
  /** How long answers are waited for; 2 seconds if it is left out. */
  readonly timeout?: Duration.Input | undefined
  /** The members whose answers count; all if it is left out. */
  readonly filter?: ((member: Member) => boolean) | undefined
}

/**
 * The answer of one member.
 *
 * @category models
 * @since 0.2.0
 */
export interface Answer<A> {
  readonly member: Member
  readonly answer: A
}

/**
 * What `Queries` counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface QueryCounters {
  /** Queries that this node asked. */
  asked: number
  /** Answers of others that this node got. */
  answers: number
  /** Queries of others that this node answered. */
  answered: number
  /** Queries of others that got no answer: their handler failed, was too slow or too busy, or its answer is too long. */
  unanswered: number
  /** Questions and answers that did not have the form that is expected. */
  undecodable: number
}

/**
 * Answers one sort of queries, as bytes; nothing is sent for none.
 *
 * @category models
 * @since 0.2.0
 */
export type Handler = (payload: Uint8Array, asker: NodeId.NodeId) => Effect.Effect<Option.Option<AnswerBytes>>

/**
 * Asks all members, and answers what others ask.
 *
 * **When to use**
 *
 * Use it to collect something from every member now and then: load, versions, what they have in their caches. To know
 * something at every moment, use tags.
 *
 * **Details**
 *
 * A query spreads like an event. Members that have a handler for its name answer the asker directly, once, and once more if
 * the answer is not acknowledged. The asker answers too, if it has a handler. Every node answers `Query.Ping`.
 *
 * **Gotchas**
 *
 * Members without a handler do not answer, so the stream of answers then ends at the timeout. Members of level 0 are not
 * asked.
 *
 * @example
 * ```ts
 * import { Effect, Layer, Schema, Stream } from "effect"
 * import { Queries, Query } from "effect-gossip"
 *
 * const Load = Query.make("load", { payload: Schema.Void, success: Schema.Number })
 *
 * const Handlers = Queries.handle(Load, () => Effect.succeed(0.7))
 *
 * const program = Effect.gen(function* () {
 *   const queries = yield* Queries.Queries
 *   yield* queries.ask(Load, undefined).pipe(
 *     Stream.runForEach(({ answer, member }) => Effect.log(member.id, answer))
 *   )
 * }).pipe(Effect.provide(Handlers))
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Queries extends Context.Service<
  Queries,
  {
    readonly counters: QueryCounters
    /** How many queries are remembered, how many responses wait, and how many were sent again. */
    readonly sizes: () => { readonly seen: number; readonly responses: number; readonly resent: number }
    /** Asks all members. The answers come as they arrive; the stream ends when all have answered, or at the timeout. */
    readonly ask: <P, A, E>(
      query: Query<P, A, E>,
      payload: P,
      options?: AskOptions
    ) => Stream.Stream<Answer<Result.Result<A, E>>, PublishError>
    /** The same with bytes. */
    readonly askBytes: (
      name: string,
      payload: Uint8Array,
      options?: AskOptions
    ) => Stream.Stream<Answer<AnswerBytes>, PublishError>
    /** Answers the queries of a name until the scope closes. Of two handlers of a name the newer one answers. */
    readonly register: (name: string, handler: Handler) => Effect.Effect<void, never, Scope.Scope>
    /** Takes the queries, responses and acknowledgements in a message that was merged. */
    readonly received: (received: Received) => void
  }
>()("effect-gossip/queries/Queries") {}

interface Asked {
  /** Members that have not answered yet. */
  readonly expected: Set<NodeId.NodeId>
  readonly answers: Queue.Queue<Answer<AnswerBytes>, Cause.Done>
}

interface Incoming {
  readonly name: string
  readonly payload: Uint8Array
  readonly origin: NodeId.NodeId
  readonly numberHi: number
  readonly numberLo: number
  readonly deadline: number
}

const everyone = (): boolean => true

/**
 * The queries of one node.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Queries, never, CurrentConfig | LocalView | NodeClock | Outbox> = Layer.effect(
  Queries,
  Effect.gen(function* () {
    const { network } = yield* CurrentConfig
    const view = yield* LocalView
    const { broadcasts, packer, ...outbox } = yield* Outbox
    const { alarm, clock, now: readClock, random } = yield* NodeClock
    const { table } = view
    const reader = new MemberReader(view, { clock, now: readClock })
    const counters: QueryCounters = { asked: 0, answers: 0, answered: 0, unanswered: 0, undecodable: 0 }
    const startedAt = readClock()
    const handlers = new Map<string, Handler>()
    const seen = new SeenQueries()
    const asked = new Map<bigint, Asked>()
    const section = new SectionCursor()
    const query = new QueryReader()
    const response = new ResponseReader()
    const random32 = (): number => Math.floor(random() * 0x1_0000_0000)
    const numbers = { hi: random32(), lo: random32() }

    const responses = new Responses<Response>(
      (slot, sequence, content) => {
        const message = packer.response(slot, sequence, content)
        if (message !== undefined) outbox.send(slot, message)
        return message !== undefined
      },
      Duration.toMillis(network.reliableAckTimeout),
      random32()
    )
    const resends = yield* alarm("responses to queries", {
      next: () => responses.next,
      fire: (now) => responses.due(now)
    })
    view.observe({
      proved: (slot, now) => {
        responses.proved(slot, now)
        resends.reset()
      },
      forgotten: (slot) => responses.forget(slot)
    })

    // --- answering -------------------------------------------------------------------------------

    const run = (name: string, payload: Uint8Array, origin: NodeId.NodeId): Effect.Effect<Option.Option<AnswerBytes>> =>
      Effect.suspend(() => handlers.get(name)?.(payload, origin) ?? Effect.succeedNone).pipe(
        Effect.catchCause((cause) =>
          Effect.as(Effect.logError(`a handler of the query "${name}" failed`, cause), Option.none())
        )
      )

    const respond = ({ deadline, numberHi, numberLo, origin }: Incoming, { bytes, failed }: AnswerBytes): boolean => {
      const slot = view.slotOf(origin)
      const now = readClock()
      if (slot <= SelfSlot || !table.isLive(slot) || now >= deadline) return false
      const content = { numberHi, numberLo, status: failed ? 1 : 0, bytes, valueAt: 0, valueEnd: bytes.length }
      const sent = responses.add(slot, !outbox.isUnproved(slot), content, deadline, now)
      resends.reset()
      return sent
    }

    const incoming = yield* Queue.dropping<Incoming>(MaxWaiting)
    const answer = Effect.fnUntraced(function* (item: Incoming) {
      const remaining = Duration.millis(Math.max(0, item.deadline - readClock()))
      const found = yield* Effect.timeoutOption(run(item.name, item.payload, item.origin), remaining)
      const bytes = Option.flatten(found)
      if (Option.isSome(bytes) && respond(item, bytes.value)) counters.answered++
      else counters.unanswered++
    })
    yield* Stream.fromQueue(incoming).pipe(
      Stream.mapEffect(answer, { concurrency: MaxRunning, unordered: true }),
      Stream.runDrain,
      Effect.forkScoped
    )

    const takeQuery = (received: Received): void => {
      const { now } = received
      if (view.isSelf(query.originHi, query.originLo)) return
      const origin = NodeId.fromWords(query.originHi, query.originLo)
      const deadline = now + Math.min(query.deadlineMs, LongestDeadline)
      if (!seen.add(origin, NodeId.fromWords(query.numberHi, query.numberLo), deadline, now)) return
      const bytes = query.bytes.slice(query.bodyAt, query.bodyEnd)
      const { deadlineMs, numberHi, numberLo, originHi, originLo } = query
      const address = new Uint8Array(PackedAddress.MaxLength)
      PackedAddress.copy(query.address, query.addressAt, address, 0)
      const body = { bytes, bodyAt: 0, bodyEnd: bytes.length }
      broadcasts.addQuery(
        { originHi, originLo, numberHi, numberLo, address, addressAt: 0, deadlineMs, ...body },
        deadline
      )
      const name = NamedPayload.nameOf(body)
      if (!handlers.has(name)) return
      const payload = NamedPayload.payloadOf(body)
      const slot = view.slotOf(origin)
      // Anybody can write the address of a victim into a query, so the answer waits until the member answered a PING.
      if (slot > SelfSlot && outbox.isUnproved(slot)) outbox.prove(slot, now, received)
      if (!Queue.offerUnsafe(incoming, { name, payload, origin, numberHi, numberLo, deadline })) counters.unanswered++
    }

    // --- asking ----------------------------------------------------------------------------------

    const arrived = (number: bigint, member: Member, bytes: AnswerBytes): void => {
      const waiting = asked.get(number)
      if (waiting === undefined || !waiting.expected.delete(member.id)) return
      Queue.offerUnsafe(waiting.answers, { member, answer: bytes })
      if (waiting.expected.size === 0) Queue.endUnsafe(waiting.answers)
    }

    const takeResponse = (sender: number): void => {
      if (response.status > 1) return
      const bytes = response.bytes.slice(response.valueAt, response.valueEnd)
      const number = NodeId.fromWords(response.numberHi, response.numberLo)
      if (asked.has(number)) counters.answers++
      arrived(number, reader.memberAt(sender), { failed: response.status === 1, bytes })
    }

    /** Members answer only who is proved to them. Who knows us by hearsay sends us no PING for it, but answers ours with one. */
    const becomeAcquainted = (): void => {
      let greeted = 0
      for (let slot = SelfSlot + 1; slot < table.top && greeted < MaxGreetings && table.strangers > 0; slot++) {
        if (!table.isLive(slot) || !table.isStranger(slot)) continue
        greeted++
        outbox.prove(slot, readClock())
      }
    }

    /** Members that read queries, as far as we know. */
    const mayAnswer = (slot: number): boolean =>
      slot === SelfSlot || (table.isLive(slot) && (table.level(slot) > 0 || !table.has(slot, Mark.Heard)))

    const askBytes = (
      name: string,
      payload: Uint8Array,
      { filter = everyone, timeout = DefaultTimeout }: AskOptions = {}
    ) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const bytes = yield* Effect.fromResult(checkNamed(name, payload))
          const wait = Duration.fromInputUnsafe(timeout)
          const answers = yield* Queue.unbounded<Answer<AnswerBytes>, Cause.Done>()
          const members = reader.members().filter((member) => mayAnswer(view.slotOf(member.id)) && filter(member))
          const expected = new Set(members.map(({ id }) => id))
          const isAsked = expected.has(view.selfId)
          // A node without a handler does not answer itself.
          if (!handlers.has(name)) expected.delete(view.selfId)
          numbers.lo = (numbers.lo + 1) >>> 0
          const number = NodeId.fromWords(numbers.hi, numbers.lo)
          yield* Effect.acquireRelease(
            Effect.sync(() => asked.set(number, { expected, answers })),
            () => Effect.sync(() => asked.delete(number))
          )
          counters.asked++
          becomeAcquainted()
          if (expected.size === 0) Queue.endUnsafe(answers)
          broadcasts.addQuery(
            {
              originHi: table.idHi(SelfSlot),
              originLo: table.idLo(SelfSlot),
              numberHi: numbers.hi,
              numberLo: numbers.lo,
              address: table.packedAddress(SelfSlot),
              addressAt: 0,
              deadlineMs: 0,
              ...NamedPayload.make(name, bytes)
            },
            readClock() + Duration.toMillis(wait)
          )
          if (isAsked) {
            yield* Effect.forkScoped(
              Effect.map(run(name, bytes, view.selfId), (own) => {
                if (Option.isSome(own)) arrived(number, reader.self(), own.value)
              })
            )
          }
          yield* Effect.forkScoped(
            Effect.andThen(
              Effect.sleep(wait),
              Effect.sync(() => Queue.endUnsafe(answers))
            )
          )
          return Stream.fromQueue(answers)
        })
      )

    const ask = <P, A, E>(asking: Query<P, A, E>, payload: P, options?: AskOptions) =>
      Stream.unwrap(
        Effect.map(
          Effect.suspend(() => Effect.fromResult(asking.encode(payload))),
          (bytes) =>
            Stream.flatMap(askBytes(asking.name, bytes, options), ({ answer, member }) => {
              const decoded = asking.decodeAnswer(answer)
              if (Result.isSuccess(decoded)) return Stream.succeed({ member, answer: decoded.success })
              counters.undecodable++
              return Stream.empty
            })
        )
      )

    const register = (name: string, handler: Handler) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => handlers.set(name, handler)),
          () =>
            Effect.sync(() => {
              if (handlers.get(name) === handler) handlers.delete(name)
            })
        )
      )

    const queries = Queries.of({
      counters,
      sizes: () => ({ seen: seen.size, responses: responses.size, resent: responses.resent }),
      ask,
      askBytes,
      register,
      received: (received) => {
        const { findings, inbound, sender } = received
        const { bytes, header, sections } = inbound
        if (sender < 0 || !table.isLive(sender)) return
        if (header.kind === Kind.Ack && sections.has(SectionType.Probe))
          responses.acknowledged(sender, sections.sequence)
        if (!sections.has(SectionType.Query) && !sections.has(SectionType.Response)) return
        for (let at = HeaderLength; at < bytes.length; at = section.end) {
          section.read(bytes, at)
          if (section.type === SectionType.Query && !findings.replay) {
            query.read(bytes, section.start)
            takeQuery(received)
          } else if (section.type === SectionType.Response) {
            response.read(bytes, section.start)
            takeResponse(sender)
          }
        }
      }
    })
    yield* register(Ping.name, () =>
      Effect.sync(() =>
        Result.getSuccess(Ping.encodeAnswer(Result.succeed({ version, uptimeMs: Math.round(readClock() - startedAt) })))
      )
    )
    return queries
  })
)

/**
 * Answers one sort of queries for as long as the layer lives.
 *
 * **Details**
 *
 * A handler is interrupted when the asker waits no more. What it fails with is sent as the failure of this member. A defect
 * is logged, and gets no answer.
 *
 * @see {@link Queries} for an example
 * @category layers
 * @since 0.2.0
 */
export const handle = <P, A, E, R>(
  query: Query<P, A, E>,
  handler: (payload: P, asker: NodeId.NodeId) => Effect.Effect<A, E, R>
): Layer.Layer<never, never, Queries | R> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { counters, register } = yield* Queries
      const context = yield* Effect.context<R>()
      yield* register(query.name, (bytes, asker) =>
        Effect.suspend(() => {
          const payload = query.decode(bytes)
          if (Result.isFailure(payload)) {
            counters.undecodable++
            return Effect.succeedNone
          }
          return Effect.map(
            Effect.result(Effect.provideContext(handler(payload.success, asker), context)),
            (answer): Option.Option<AnswerBytes> => Result.getSuccess(query.encodeAnswer(answer))
          )
        })
      )
    })
  )
