/**
 * The HTTP server of a node: its health, its members with the reasons for their status, its changes and metrics, and
 * operations such as leaving. The platform provides the `HttpServer`; on Node.js see `NodeAdmin`.
 *
 * @since 0.2.0
 */
import { Clock, Duration, Effect, Fiber, Layer, Option, Redacted, Schema, Semaphore, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Cluster } from "../cluster/Cluster.ts"
import { Events, type Published } from "../events/Events.ts"
import { Metrics, prometheusContentType } from "../metrics/Metrics.ts"
import type { Member } from "../domain/Member.ts"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { Join } from "../join/Join.ts"
import { LocalView } from "../membership/LocalView.ts"
import { MemberReader } from "../membership/MemberReader.ts"
import { Membership } from "../membership/Membership.ts"
import { Queries } from "../queries/Queries.ts"
import * as MonotonicTime from "../time/MonotonicTime.ts"
import { NodeClock } from "../time/NodeClock.ts"
import type { KeyRing } from "../crypto/KeyRing.ts"
import { AcceptedHosts } from "./AcceptedHosts.ts"
import * as AdminApi from "./AdminApi.ts"
import * as BearerToken from "./BearerToken.ts"
import { sourceOf } from "./ClientSource.ts"
import * as EventStream from "./EventStream.ts"
import { contentSecurityPolicy, dashboardPage } from "./dashboard/DashboardPage.ts"
import { Journal, layer as layerJournal } from "./Journal.ts"
import * as MetricsAnswer from "./MetricsAnswer.ts"
import * as Problems from "./Problems.ts"
import { TokenGuesses } from "./TokenGuesses.ts"

/**
 * The services of the node that the routes read and operate.
 *
 * @category models
 * @since 0.2.0
 */
export type Node = Cluster | Events | Join | Journal | LocalView | Membership | Metrics | NodeClock | Queries

/**
 * The most clients that can follow the events at the same time.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxFollowers = 64

/**
 * The most of them at one address.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxFollowersOfAddress = 16

/**
 * Options of the routes.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options {
  /** Admits operators, who make the node leave and change its keys. Without a token, operations are refused. */
  readonly token?: Redacted.Redacted<string> | undefined
}

/**
 * Options of a server.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServerOptions extends Options {
  /**
   * Names by which clients may call the server besides loopback and addresses: `.example.com` stands for a domain and all
   * names below it, `*` for every name. Requests for other names are refused, so that no web page can read the node by
   * letting its own name point there.
   */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
}

const encodeNode = Schema.encodeEffect(AdminApi.Node)
const encodeConflicts = Schema.encodeEffect(Schema.Array(AdminApi.LastingConflict))
const SliceSize = 256
/** Lists of members that are made at the same time, because a large one takes megabytes. */
const ListsAtOnce = 4

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const published = ({ at, name, number, origin, payload }: Published<Uint8Array>): AdminApi.Event => ({
  event: "published",
  data: { name, payload: decoder.decode(payload), origin, number, at }
})

/** Rounds to microseconds. */
const rounded = (ms: number): number => Math.round(ms * 1000) / 1000

const observe = HttpApiBuilder.group(
  AdminApi.AdminApi,
  "observe",
  Effect.fnUntraced(function* (handlers) {
    const metrics = yield* Metrics
    const membership = yield* Membership
    const view = yield* LocalView
    const { peers, reachability } = yield* Join
    const { state } = yield* Cluster
    const { clock, failedLoops, now } = yield* NodeClock
    const reader = new MemberReader(view, { clock, now })
    const { events, hasMet, history } = yield* Journal
    const clusterEvents = yield* Events
    const textOf = EventStream.makeWriter()
    const lists = yield* Semaphore.make(ListsAtOnce)
    const followers = new Map<string, number>()

    const rttOf = (id: NodeId): Option.Option<Duration.Duration> => {
      const slot = view.slotOf(id)
      const ms = slot < 0 ? NaN : (view.table.roundTrip(slot) ?? NaN)
      return Number.isNaN(ms) ? Option.none() : Option.some(Duration.millis(rounded(ms)))
    }

    const nodeOf = (member: Member): AdminApi.Node => ({
      ...member,
      rtt: rttOf(member.id),
      cause: Option.fromUndefinedOr(history.causeOf(member.id, member.status))
    })

    /** Counts a follower until its request ends. Over a Unix socket it has no address. */
    const follow = Effect.fnUntraced(function* (remote: Option.Option<string>) {
      const address = Option.match(remote, { onNone: () => "", onSome: sourceOf })
      const ofAddress = () => followers.get(address) ?? 0
      const all = followers.values().reduce((sum, count) => sum + count, 0)
      if (all >= MaxFollowers) {
        return yield* new AdminApi.TooManyFollowers({
          detail: `${MaxFollowers} clients follow the events, which is the limit`
        })
      }
      if (Option.isSome(remote) && ofAddress() >= MaxFollowersOfAddress) {
        return yield* new AdminApi.TooManyFollowers({
          detail: `${MaxFollowersOfAddress} clients at this address follow the events, which is the limit`
        })
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => followers.set(address, ofAddress() + 1)),
        () =>
          Effect.sync(() => {
            if (ofAddress() > 1) followers.set(address, ofAddress() - 1)
            else followers.delete(address)
          })
      )
    })

    const lastingConflicts = (): ReadonlyArray<AdminApi.LastingConflict> =>
      view.lastingConflicts(now()).map(({ addresses, count, id, kind, seenAt, since }) => ({
        kind,
        id,
        addresses,
        since: reader.toDateTime(since),
        seenAt: reader.toDateTime(seenAt),
        claims: count
      }))

    return handlers.handleAll({
      healthz: () => {
        if (failedLoops.size === 0) {
          const trouble = Option.getOrUndefined(state)?.trouble()
          const warnings = [
            ...(reachability.lost ? [reachability.text()] : []),
            ...(trouble === undefined ? [] : [trouble])
          ]
          return Effect.succeed({ status: "ok" as const, ...(warnings.length > 0 ? { warnings } : {}) })
        }
        const loops = [...failedLoops]
        return Effect.fail(
          new AdminApi.Unhealthy({ detail: `these loops failed by a defect: ${loops.join(", ")}`, dead: loops })
        )
      },

      readyz: Effect.fnUntraced(function* () {
        const { status } = yield* membership.self
        if (status === "left") return yield* new AdminApi.NotReady({ detail: "the node has left the cluster" })
        if (peers.waiting > 0 && !peers.onlySelf && !hasMet()) {
          return yield* new AdminApi.NotReady({ detail: "the node has not joined yet: no peer has answered" })
        }
        if (reachability.lost) return yield* new AdminApi.NotReady({ detail: reachability.text() })
        return { status: "ready" as const, ...(yield* membership.counts) }
      }),

      // In slices, so that a list of thousands does not delay the node.
      members: Effect.fnUntraced(function* ({ query }) {
        const { status, ...tags } = query
        const wanted = Object.entries(tags).map(([key, value]) => [key.slice("tag.".length), value] as const)
        const members = (yield* membership.members).filter(
          (member) =>
            (status === undefined || member.status === status) &&
            wanted.every(([key, value]) => Object.hasOwn(member.tags, key) && member.tags[key] === value)
        )
        const texts: Array<string> = []
        for (const member of members) {
          texts.push(JSON.stringify(yield* Effect.orDie(encodeNode(nodeOf(member)))))
          if (texts.length % SliceSize === 0) yield* Effect.yieldNow
        }
        const conflicts = lastingConflicts()
        const told =
          conflicts.length === 0
            ? ""
            : `,"conflicts":${JSON.stringify(yield* Effect.orDie(encodeConflicts(conflicts)))}`
        return HttpServerResponse.text(`{"nodes":[${texts.join()}]${told}}`, { contentType: "application/json" })
      }, lists.withPermit),

      member: Effect.fnUntraced(function* ({ params: { id } }) {
        const listed = yield* membership.get(id)
        const record = history.get(id)
        const member = Option.getOrUndefined(listed) ?? record?.member
        if (member === undefined) {
          return yield* new AdminApi.NotFound({ detail: `there is no member ${id}, and no history of one` })
        }
        return { ...nodeOf(member), listed: Option.isSome(listed), history: record?.transitions ?? [] }
      }),

      events: Effect.fnUntraced(function* ({ headers }) {
        const last = headers["last-event-id"]?.trim() ?? ""
        if (!/^[0-9]{0,15}$/.test(last)) {
          return yield* new AdminApi.BadRequest({ detail: "header: Last-Event-ID is the id of an event, a number" })
        }
        const { remoteAddress } = yield* HttpServerRequest.HttpServerRequest
        yield* follow(remoteAddress)
        const request = Fiber.getCurrent()
        const cut = Effect.sync(() => request?.interruptUnsafe(undefined, HttpServerError.ClientAbort.annotation))
        const text = yield* EventStream.make(events, last === "" ? events.now : Number(last), textOf, cut)
        const others = Stream.mapEffect(clusterEvents.all, (event) => EventStream.write(published(event)))
        return HttpServerResponse.stream(Stream.encodeText(Stream.merge(text, others, { haltStrategy: "left" })), {
          contentType: "text/event-stream",
          headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
        })
      }),

      ui: () =>
        Effect.succeed(
          HttpServerResponse.text(dashboardPage, {
            contentType: "text/html; charset=utf-8",
            headers: { "content-security-policy": contentSecurityPolicy, "cache-control": "no-cache" }
          })
        ),

      metrics: () =>
        Effect.map(metrics.prometheus, (text) => HttpServerResponse.text(text, { contentType: prometheusContentType })),

      metricsJson: () => Effect.map(metrics.json, MetricsAnswer.make)
    })
  })
)

const operate = HttpApiBuilder.group(
  AdminApi.AdminApi,
  "operate",
  Effect.fnUntraced(function* (handlers) {
    const { keyRing, leave } = yield* Cluster
    const { forget, self, setTags } = yield* Membership
    const { contact } = yield* Join
    const { publishBytes } = yield* Events
    const { askBytes } = yield* Queries

    const ring: Effect.Effect<KeyRing["Service"], AdminApi.Conflict> = Effect.mapError(
      Effect.fromOption(keyRing),
      () => new AdminApi.Conflict({ detail: "encryption is off: the node has no keys" })
    )
    const list = Effect.flatMap(ring, (ring) => Effect.map(ring.list, (keys) => ({ keys })))
    const conflict = ({ message }: { readonly message: string }) => new AdminApi.Conflict({ detail: message })
    const badRequest = ({ message }: { readonly message: string }) => new AdminApi.BadRequest({ detail: message })
    const notFound = ({ message }: { readonly message: string }) => new AdminApi.NotFound({ detail: message })

    return handlers.handleAll({
      leave: Effect.fnUntraced(function* () {
        yield* Effect.logInfo("leaving the cluster as requested over HTTP")
        yield* leave
        return { status: "left" as const }
      }),

      publish: Effect.fnUntraced(function* ({ params: { name }, payload: { payload = "" } }) {
        yield* Effect.mapError(publishBytes(name, encoder.encode(payload)), badRequest)
        yield* Effect.logInfo(`published the event ${JSON.stringify(name)} as requested over HTTP`)
        return { status: "published" as const }
      }),

      query: Effect.fnUntraced(function* ({ params: { name }, payload: { payload = "", timeout_ms } }) {
        const answers = yield* askBytes(name, encoder.encode(payload), { timeout: timeout_ms }).pipe(
          Stream.map(({ answer: { bytes, failed }, member: { address, id, name } }) => ({
            id,
            address,
            ...(name === undefined ? {} : { name }),
            failed,
            answer: decoder.decode(bytes)
          })),
          Stream.runCollect,
          Effect.mapError(badRequest)
        )
        return { answers }
      }),

      changeTags: Effect.fnUntraced(function* ({ payload: { set = {}, unset = [] } }) {
        const { tags } = yield* self
        const kept = Object.entries(tags).filter(([key]) => !unset.includes(key))
        const changed = Object.fromEntries([...kept, ...Object.entries(set)])
        yield* Effect.mapError(setTags(changed), badRequest)
        yield* Effect.logInfo("changed tags as requested over HTTP")
        return { tags: changed }
      }),

      join: Effect.fnUntraced(function* ({ payload: { peers } }) {
        yield* Effect.mapError(contact(peers), badRequest)
        yield* Effect.logInfo(`contacting ${peers.join(", ")} as requested over HTTP`)
        return { status: "contacting" as const }
      }),

      forget: Effect.fnUntraced(function* ({ params: { id } }) {
        yield* Effect.mapError(forget(id), (error) => (error.reason === "Unknown" ? notFound(error) : conflict(error)))
        yield* Effect.logInfo(`forgot member ${id} as requested over HTTP`)
        return { status: "forgotten" as const }
      }),

      keys: () => list,

      addKey: Effect.fnUntraced(function* ({ payload }) {
        const key = yield* Effect.mapError(
          Effect.fromResult(ClusterKey.fromText(Redacted.value(payload.key))),
          badRequest
        )
        const { add } = yield* ring
        const fingerprint = yield* add(key).pipe(Effect.catchTag("CryptoError", Effect.die), Effect.mapError(conflict))
        yield* Effect.logInfo(`added key ${fingerprint} as requested over HTTP`)
        return yield* list
      }),

      useKey: Effect.fnUntraced(function* ({ payload }) {
        const { use } = yield* ring
        yield* Effect.mapError(use(payload.fingerprint), notFound)
        yield* Effect.logInfo(`encrypting with key ${payload.fingerprint} as requested over HTTP`)
        return yield* list
      }),

      removeKey: Effect.fnUntraced(function* ({ payload }) {
        const { remove } = yield* ring
        yield* remove(payload.fingerprint).pipe(
          Effect.catchTags({
            UnknownKey: (error) => Effect.fail(notFound(error)),
            PrimaryKey: (error) => Effect.fail(conflict(error))
          })
        )
        yield* Effect.logInfo(`removed key ${payload.fingerprint} as requested over HTTP`)
        return yield* list
      })
    })
  })
)

/**
 * Admits only clients with the token. After some wrong ones, an address has to wait a second for each further one.
 *
 * @category layers
 * @since 0.2.0
 */
export const withToken = (token: Redacted.Redacted<string> | undefined): Layer.Layer<AdminApi.Operator> =>
  Layer.effect(
    AdminApi.Operator,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const guesses = new TokenGuesses()
      return {
        bearer: Effect.fnUntraced(function* (answer, { credential }) {
          if (token === undefined || Redacted.value(token) === "") {
            return yield* new AdminApi.Forbidden({
              detail: "no token is configured, so operations work only over the Unix socket"
            })
          }
          const unauthorized = new AdminApi.Unauthorized({ detail: "this requires the bearer token of the node" })
          // A client without a token does not guess.
          if (Redacted.value(credential) === "") return yield* unauthorized
          const { remoteAddress } = yield* HttpServerRequest.HttpServerRequest
          const source = Option.match(remoteAddress, { onNone: () => "an unknown address", onSome: sourceOf })
          const now = MonotonicTime.millis(clock)
          const isBlocked = guesses.isBlocked(source, now)
          if (!isBlocked && BearerToken.matches(token, credential)) return yield* answer
          const warning = isBlocked ? guesses.refused(source, now) : guesses.failed(source, now)
          if (warning !== undefined) yield* Effect.logWarning(warning)
          return yield* isBlocked
            ? new AdminApi.TooManyGuesses({ detail: "too many wrong tokens from this address: try again in a second" })
            : unauthorized
        })
      }
    })
  )

/**
 * Admits every client that can connect.
 *
 * @category layers
 * @since 0.2.0
 */
export const withoutToken: Layer.Layer<AdminApi.Operator> = Layer.succeed(AdminApi.Operator, {
  bearer: (answer) => answer
})

const routes: ReadonlyArray<Problems.Route> = [
  ...Object.values(AdminApi.AdminApi.groups).flatMap((group) =>
    Object.values(group.endpoints).map(({ method, path }) => ({ method, path }))
  ),
  { method: "GET", path: AdminApi.OpenApiPath }
]

/** Ends the streams of events before the server closes, because it waits for open requests. */
const endStreams = Layer.effectDiscard(Effect.acquireRelease(Journal, ({ events }) => Effect.sync(() => events.end())))

/**
 * The handlers of the routes, without a server and without a check of the token.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerHandlers = Layer.mergeAll(observe, operate)

const layerApi = (operator: Layer.Layer<AdminApi.Operator>) =>
  HttpApiBuilder.layer(AdminApi.AdminApi, { openapiPath: AdminApi.OpenApiPath }).pipe(
    Layer.provide(layerHandlers),
    Layer.provide([operator, Problems.layerRequests, HttpServer.layerServices])
  )

const serve = (
  operator: Layer.Layer<AdminApi.Operator>,
  middleware: Layer.Layer<never, never, HttpRouter.HttpRouter>
) =>
  endStreams.pipe(
    Layer.provideMerge(
      HttpRouter.serve(Layer.mergeAll(layerApi(operator), Problems.layer(routes), middleware), {
        disableLogger: true,
        disableListenLog: true
      })
    )
  )

/**
 * The routes of a node, for a router of your own.
 *
 * **When to use**
 *
 * Use it to serve a node beside your own routes. To give it a server of its own, use
 * the options `metrics` and `admin` of `NodeCluster.layer`, or `layer`.
 *
 * **Details**
 *
 * What happens to the node is recorded from the moment that the layer is built.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerRoutes = ({ token }: Options = {}): Layer.Layer<
  never,
  never,
  HttpRouter.HttpRouter | Exclude<Node, Journal>
> => endStreams.pipe(Layer.provideMerge(layerApi(withToken(token))), Layer.provide(layerJournal))

/**
 * Serves the node over a network. Operations require the token. Requests for names that the node does not have, and those
 * that a browser makes for pages of other origins, are refused.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = ({ allowedHosts = [], token }: ServerOptions = {}): Layer.Layer<
  never,
  never,
  HttpServer.HttpServer | Node
> => serve(withToken(token), Problems.layerHosts(new AcceptedHosts(allowedHosts)))

/**
 * Serves the node where only its owner can connect, such as a Unix socket: every client is an operator.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerTrusted: Layer.Layer<never, never, HttpServer.HttpServer | Node> = serve(withoutToken, Layer.empty)
