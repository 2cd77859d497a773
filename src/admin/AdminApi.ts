/**
 * The HTTP API of a node, as schemas: the server, the client and the OpenAPI document are made from them. In JSON, ids
 * are strings, because they have 64 bits; addresses are `ip:port`, times are ISO 8601, and durations are milliseconds.
 * Every error is a problem detail (RFC 9457).
 *
 * @since 0.2.0
 */
import { Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import { MemberStatus } from "../domain/Member.ts"
import { NodeIdFromString } from "../domain/NodeId.ts"
import { Cause, Change, memberFields, memberKeys } from "./ChangeJson.ts"
import { MetricsAnswer } from "./MetricsAnswer.ts"

// --- answers -------------------------------------------------------------------------------------

/**
 * The answer of `GET /healthz`: all loops of the node run. `warnings` says what a restart does not correct.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Health = Schema.Struct({
  status: Schema.Literal("ok"),
  warnings: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * The answer of `GET /readyz`: the node has joined, with its count of members by status, itself included.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Readiness = Schema.Struct({
  status: Schema.Literal("ready"),
  alive: Schema.Int,
  suspect: Schema.Int,
  dead: Schema.Int,
  left: Schema.Int
}).pipe(Schema.encodeKeys({ alive: "alive_nodes", suspect: "suspect_nodes", dead: "dead_nodes", left: "left_nodes" }))

const nodeFields = {
  ...memberFields,
  /** The round-trip time of the newest direct probe that the member answered. */
  rtt: Schema.OptionFromNullOr(Schema.DurationFromMillis),
  /** Why it has its status; null if the node did not see that. */
  cause: Schema.OptionFromNullOr(Cause)
}
const nodeKeys = { ...memberKeys, rtt: "rtt_ms" } as const

/**
 * A member as the node sees it now.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Node = Schema.Struct(nodeFields).pipe(Schema.encodeKeys(nodeKeys))
/**
 * The type of `Node`.
 *
 * @see {@link Node} for the schema
 * @category models
 * @since 0.2.0
 */
export type Node = typeof Node.Type

/**
 * A conflict that goes on: nodes at several addresses with one id, or another node at the address of this one.
 *
 * @category schemas
 * @since 0.2.0
 */
export const LastingConflict = Schema.Struct({
  kind: Schema.Literals(["SameId", "SameAddress"]),
  id: NodeIdFromString,
  addresses: Schema.Array(Schema.InetAddressFromString),
  /** When the first and the newest claim came that showed it, and how many came. */
  since: Schema.DateTimeUtcFromString,
  seenAt: Schema.DateTimeUtcFromString,
  claims: Schema.Int
}).pipe(Schema.encodeKeys({ addresses: "addrs", seenAt: "seen_at" }))
/**
 * The type of `LastingConflict`.
 *
 * @see {@link LastingConflict} for the schema
 * @category models
 * @since 0.2.0
 */
export type LastingConflict = typeof LastingConflict.Type

/**
 * The answer of `GET /membership`: the members of a node, itself first, and the conflicts that go on.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Nodes = Schema.Struct({
  nodes: Schema.Array(Node),
  /** Left out if there is none. */
  conflicts: Schema.optionalKey(Schema.Array(LastingConflict))
})

/**
 * What `GET /membership` can be asked for: a status, and tags as `tag.KEY=VALUE`. A member must have all of it.
 *
 * @category schemas
 * @since 0.2.0
 */
export const MembersQuery = Schema.StructWithRest(Schema.Struct({ status: Schema.optionalKey(MemberStatus) }), [
  Schema.Record(Schema.TemplateLiteral(["tag.", Schema.String]), Schema.String)
])

/**
 * The tags that a user gave to the node, after a change of them.
 *
 * @category schemas
 * @since 0.2.0
 */
export const OwnTags = Schema.Struct({ tags: Schema.Record(Schema.String, Schema.String) })

/**
 * One change in the history of a member.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Transition = Schema.Struct({
  sequence: Schema.Int,
  at: Schema.DateTimeUtcFromString,
  /** Null if the node did not see the status before. */
  from: Schema.NullOr(MemberStatus),
  /** The same as `from` if something else about the member is new. */
  to: MemberStatus,
  address: Schema.InetAddressFromString,
  incarnation: Schema.Int,
  cause: Cause
}).pipe(Schema.encodeKeys({ address: "addr" }))
/**
 * The type of `Transition`.
 *
 * @see {@link Transition} for the schema
 * @category models
 * @since 0.2.0
 */
export type Transition = typeof Transition.Type

/**
 * The answer of `GET /membership/:id`: a member and its history, oldest change first.
 *
 * @category schemas
 * @since 0.2.0
 */
export const NodeDetails = Schema.Struct({
  ...nodeFields,
  /** Whether it is listed; if not, this is its last known state. */
  listed: Schema.Boolean,
  history: Schema.Array(Transition)
}).pipe(Schema.encodeKeys(nodeKeys))
/**
 * The type of `NodeDetails`.
 *
 * @see {@link NodeDetails} for the schema
 * @category models
 * @since 0.2.0
 */
export type NodeDetails = typeof NodeDetails.Type

/**
 * An event that a member published, with its payload as text.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ClusterEvent = Schema.Struct({
  name: Schema.String,
  payload: Schema.String,
  /** Who published it. */
  origin: NodeIdFromString,
  /** Counts the events of its origin. */
  number: Schema.Int,
  at: Schema.DateTimeUtcFromString
})
/**
 * The type of `ClusterEvent`.
 *
 * @see {@link ClusterEvent} for the schema
 * @category models
 * @since 0.2.0
 */
export type ClusterEvent = typeof ClusterEvent.Type

/**
 * The answer of one member to a query, as text.
 *
 * @category schemas
 * @since 0.2.0
 */
export const QueryAnswer = Schema.Struct({
  id: NodeIdFromString,
  address: Schema.InetAddressFromString,
  name: Schema.optionalKey(Schema.String),
  /** Whether it is the failure of a handler, and not its value. */
  failed: Schema.Boolean,
  answer: Schema.String
}).pipe(Schema.encodeKeys({ address: "addr" }))

/**
 * The events of `GET /events`.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Event = Schema.Union([
  /** A change; `id` is its sequence. */
  Schema.Struct({ event: Schema.Literal("message"), id: Schema.String, data: Schema.fromJsonString(Change) }),
  /** An event that a member published while the follower was connected. Earlier ones are not sent. */
  Schema.Struct({ event: Schema.Literal("published"), data: Schema.fromJsonString(ClusterEvent) }),
  /** Changes that are lost: `count` of them up to the one with this `id`, null if their number is unknown. */
  Schema.Struct({
    event: Schema.Literal("missed"),
    id: Schema.String,
    data: Schema.fromJsonString(Schema.Struct({ count: Schema.NullOr(Schema.Int) }))
  })
])
/**
 * The type of `Event`.
 *
 * @see {@link Event} for the schema
 * @category models
 * @since 0.2.0
 */
export type Event = typeof Event.Type

/**
 * The answer of `POST /leave`: the node has left.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Departure = Schema.Struct({ status: Schema.Literal("left") })

/**
 * The fingerprints of the keys of the node; the key that seals is first.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Keys = Schema.Struct({
  keys: Schema.Array(Schema.Struct({ fingerprint: Schema.String, primary: Schema.Boolean }))
})

// --- problems ------------------------------------------------------------------------------------

const blank = "about:blank"

/**
 * The request has a wrong parameter, header or body.
 *
 * @category errors
 * @since 0.2.0
 */
export class BadRequest extends HttpApiError.Problem<BadRequest>()("BadRequest", {
  type: blank,
  status: 400,
  title: "Bad Request"
}) {}

/**
 * The token is missing or wrong.
 *
 * @category errors
 * @since 0.2.0
 */
export class Unauthorized extends HttpApiError.Problem<Unauthorized>()("Unauthorized", {
  type: blank,
  status: 401,
  title: "Unauthorized"
}) {}

/**
 * Too many wrong tokens came from the address of this client.
 *
 * @category errors
 * @since 0.2.0
 */
export class TooManyGuesses extends HttpApiError.Problem<TooManyGuesses>()("TooManyGuesses", {
  type: blank,
  status: 429,
  title: "Too Many Requests"
}) {}

/**
 * No token is configured, so operations are refused on this server.
 *
 * @category errors
 * @since 0.2.0
 */
export class Forbidden extends HttpApiError.Problem<Forbidden>()("Forbidden", {
  type: blank,
  status: 403,
  title: "Forbidden"
}) {}

/**
 * There is no such member or key.
 *
 * @category errors
 * @since 0.2.0
 */
export class NotFound extends HttpApiError.Problem<NotFound>()("NotFound", {
  type: blank,
  status: 404,
  title: "Not Found"
}) {}

/**
 * The operation contradicts the state of the node.
 *
 * @category errors
 * @since 0.2.0
 */
export class Conflict extends HttpApiError.Problem<Conflict>()("Conflict", {
  type: blank,
  status: 409,
  title: "Conflict"
}) {}

/**
 * Loops of the node failed, which only a restart corrects.
 *
 * @category errors
 * @since 0.2.0
 */
export class Unhealthy extends HttpApiError.Problem<Unhealthy>()(
  "Unhealthy",
  { type: blank, status: 503, title: "Service Unavailable" },
  { dead: Schema.Array(Schema.String) }
) {}

/**
 * The node has not joined yet, or has left, or the others do not reach it.
 *
 * @category errors
 * @since 0.2.0
 */
export class NotReady extends HttpApiError.Problem<NotReady>()("NotReady", {
  type: blank,
  status: 503,
  title: "Service Unavailable"
}) {}

/**
 * The largest number of followers is reached, of all clients or of this one's address.
 *
 * @category errors
 * @since 0.2.0
 */
export class TooManyFollowers extends HttpApiError.Problem<TooManyFollowers>()("TooManyFollowers", {
  type: blank,
  status: 503,
  title: "Service Unavailable"
}) {}

// --- the API -------------------------------------------------------------------------------------

/**
 * Answers a request that cannot be decoded with a `BadRequest` that says why, without anything from a body.
 *
 * @category middleware
 * @since 0.2.0
 */
export class Requests extends HttpApiMiddleware.Service<Requests>()("effect-gossip/admin/Requests", {
  error: BadRequest
}) {}

/**
 * Admits the operators of a node: with its token, or over a socket that only its owner can open.
 *
 * @category middleware
 * @since 0.2.0
 */
export class Operator extends HttpApiMiddleware.Service<Operator>()("effect-gossip/admin/Operator", {
  security: { bearer: HttpApiSecurity.bearer },
  error: [Unauthorized, Forbidden, TooManyGuesses]
}) {}

/** Routes that read, for every client that can connect. */
const observe = HttpApiGroup.make("observe", { topLevel: true })
  .add(
    HttpApiEndpoint.get("healthz", "/healthz", { success: Health, error: Unhealthy }).annotate(
      OpenApi.Description,
      "Whether the node is healthy: 503 when one of its loops failed, which only a restart corrects."
    )
  )
  .add(
    HttpApiEndpoint.get("readyz", "/readyz", { success: Readiness, error: NotReady }).annotate(
      OpenApi.Description,
      "Whether the node has joined its cluster: if it has peers, once one has answered. It stays ready until it leaves, except while the others do not reach it at its address."
    )
  )
  .add(
    HttpApiEndpoint.get("members", "/membership", {
      query: MembersQuery,
      success: Nodes
    }).annotate(
      OpenApi.Description,
      "The members that the node lists, itself first: those of a status, and those with tags, as tag.KEY=VALUE."
    )
  )
  .add(
    HttpApiEndpoint.get("member", "/membership/:id", {
      params: { id: NodeIdFromString },
      success: NodeDetails,
      error: NotFound
    }).annotate(OpenApi.Description, "One member with its history, also after it was removed from the list.")
  )
  .add(
    HttpApiEndpoint.get("events", "/events", {
      headers: { "last-event-id": Schema.optionalKey(Schema.String) },
      success: HttpApiSchema.StreamSse({ events: Event }),
      error: [BadRequest, TooManyFollowers]
    }).annotate(
      OpenApi.Description,
      "Every change from now on, or from the one after Last-Event-ID. An event `missed` reports changes that are lost, and `published` what members publish."
    )
  )
  .add(
    HttpApiEndpoint.get("ui", "/ui", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/html" }))
    }).annotate(OpenApi.Description, "A page for people: the members, the changes as they happen, and round trips.")
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain" }))
    }).annotate(OpenApi.Description, "Every metric, in the text format of Prometheus.")
  )
  .add(
    HttpApiEndpoint.get("metricsJson", "/metrics/json", { success: MetricsAnswer }).annotate(
      OpenApi.Description,
      "Every metric as JSON, by name; counters and counts of members also as plain numbers."
    )
  )

/** Routes that change the node, for its operators. */
const operate = HttpApiGroup.make("operate", { topLevel: true })
  .add(
    HttpApiEndpoint.post("leave", "/leave", { success: Departure }).annotate(
      OpenApi.Description,
      "Leaves the cluster, and answers when the members have acknowledged it or cannot be reached."
    )
  )
  .add(
    HttpApiEndpoint.post("publish", "/events/:name", {
      params: { name: Schema.String },
      payload: Schema.Struct({ payload: Schema.optionalKey(Schema.String) }),
      success: Schema.Struct({ status: Schema.Literal("published") }),
      error: BadRequest
    }).annotate(OpenApi.Description, "Publishes an event to every member. The payload is its bytes, as text.")
  )
  .add(
    HttpApiEndpoint.post("query", "/queries/:name", {
      params: { name: Schema.String },
      payload: Schema.Struct({
        payload: Schema.optionalKey(Schema.String),
        timeout_ms: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60_000 })))
      }),
      success: Schema.Struct({ answers: Schema.Array(QueryAnswer) }),
      error: BadRequest
    }).annotate(OpenApi.Description, "Asks every member, and answers when all have answered or the time is over.")
  )
  .add(
    HttpApiEndpoint.post("changeTags", "/tags", {
      payload: Schema.Struct({
        set: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
        unset: Schema.optionalKey(Schema.Array(Schema.String))
      }),
      success: OwnTags,
      error: BadRequest
    }).annotate(OpenApi.Description, "Sets and removes tags of the node, until it restarts. All or none are changed.")
  )
  .add(
    HttpApiEndpoint.post("join", "/join", {
      payload: Schema.Struct({ peers: Schema.NonEmptyArray(Schema.String) }),
      success: Schema.Struct({ status: Schema.Literal("contacting") }),
      error: BadRequest
    }).annotate(
      OpenApi.Description,
      "Contacts these peers, addresses or names with ports, until they answer, and joins their cluster. Does not wait."
    )
  )
  .add(
    HttpApiEndpoint.post("forget", "/membership/:id/forget", {
      params: { id: NodeIdFromString },
      success: Schema.Struct({ status: Schema.Literal("forgotten") }),
      error: [NotFound, Conflict]
    }).annotate(
      OpenApi.Description,
      "Takes a member that is dead or has left off the list, at every member, before its retention ends."
    )
  )
  .add(
    HttpApiEndpoint.get("keys", "/keys", { success: Keys, error: Conflict }).annotate(
      OpenApi.Description,
      "The keys, by fingerprint."
    )
  )
  .add(
    HttpApiEndpoint.post("addKey", "/keys", {
      payload: Schema.Struct({ key: Schema.RedactedFromValue(Schema.String) }),
      success: Keys,
      error: [BadRequest, Conflict]
    }).annotate(OpenApi.Description, "Adds a key of 64 hexadecimal digits, which decrypts and does not encrypt yet.")
  )
  .add(
    HttpApiEndpoint.post("useKey", "/keys/use", {
      payload: Schema.Struct({ fingerprint: Schema.String }),
      success: Keys,
      error: [NotFound, Conflict]
    }).annotate(OpenApi.Description, "Encrypts with this key from now on.")
  )
  .add(
    HttpApiEndpoint.post("removeKey", "/keys/remove", {
      payload: Schema.Struct({ fingerprint: Schema.String }),
      success: Keys,
      error: [NotFound, Conflict]
    }).annotate(OpenApi.Description, "Removes a key that does not encrypt. The node no longer decrypts with it.")
  )
  .middleware(Operator)

/**
 * The HTTP API of a node.
 *
 * @category API
 * @since 0.2.0
 */
export class AdminApi extends HttpApi.make("effect-gossip")
  .add(observe)
  .add(operate)
  .middleware(Requests)
  .annotateMerge(OpenApi.annotations({ title: "effect-gossip", version: "1" })) {}

/**
 * The path of the OpenAPI document.
 *
 * @category constants
 * @since 0.2.0
 */
export const OpenApiPath = "/openapi.json"
