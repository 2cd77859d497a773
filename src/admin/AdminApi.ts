/**
 * What a node answers over HTTP, as schemas: the server, the client and the OpenAPI document are all made from this.
 * In JSON ids are texts, since they have 64 bits; addresses are `ip:port`, times ISO 8601, and lengths of time
 * milliseconds. Every error is a problem detail (RFC 9457).
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
import { Cause, Change, memberFields } from "./ChangeJson.ts"
import { MetricsAnswer } from "./MetricsAnswer.ts"

// --- answers -------------------------------------------------------------------------------------

/** All loops of the node run. */
export const Health = Schema.Struct({ status: Schema.Literal("ok") })

/** The node has joined, and how many members of each status it sees, itself included. */
export const Readiness = Schema.Struct({
  status: Schema.Literal("ready"),
  alive: Schema.Int,
  suspect: Schema.Int,
  dead: Schema.Int,
  left: Schema.Int
}).pipe(Schema.encodeKeys({ alive: "alive_nodes", suspect: "suspect_nodes", dead: "dead_nodes", left: "left_nodes" }))

const nodeFields = {
  ...memberFields,
  /** How long the member took to answer the newest probe that it answered itself. */
  rtt: Schema.OptionFromNullOr(Schema.DurationFromMillis),
  /** Why it has its status; null where that was not seen. */
  cause: Schema.OptionFromNullOr(Cause)
}
const nodeKeys = { address: "addr", rtt: "rtt_ms" } as const

/** A member as the node sees it now. */
export const Node = Schema.Struct(nodeFields).pipe(Schema.encodeKeys(nodeKeys))
/** @see {@link Node} the schema */
export type Node = typeof Node.Type

/** The members of a node, itself first. */
export const Nodes = Schema.Struct({ nodes: Schema.Array(Node) })

/** One change of mind about a member. */
export const Transition = Schema.Struct({
  sequence: Schema.Int,
  at: Schema.DateTimeUtcFromString,
  /** Null where the status before was not seen. */
  from: Schema.NullOr(MemberStatus),
  /** The same as `from` where only the incarnation or address is new. */
  to: MemberStatus,
  address: Schema.InetAddressFromString,
  incarnation: Schema.Int,
  cause: Cause
}).pipe(Schema.encodeKeys({ address: "addr" }))
/** @see {@link Transition} the schema */
export type Transition = typeof Transition.Type

/** A member and what became of it, oldest first. */
export const NodeDetails = Schema.Struct({
  ...nodeFields,
  /** Whether it is still in the list of members; if not, this is what was known of it last. */
  listed: Schema.Boolean,
  history: Schema.Array(Transition)
}).pipe(Schema.encodeKeys(nodeKeys))
/** @see {@link NodeDetails} the schema */
export type NodeDetails = typeof NodeDetails.Type

/** The events of `GET /events`. */
export const Event = Schema.Union([
  /** A change; `id` is its sequence. */
  Schema.Struct({ event: Schema.Literal("message"), id: Schema.String, data: Schema.fromJsonString(Change) }),
  /** Changes that are lost: `count` of them up to the one with this `id`, null where nobody knows how many. */
  Schema.Struct({
    event: Schema.Literal("missed"),
    id: Schema.String,
    data: Schema.fromJsonString(Schema.Struct({ count: Schema.NullOr(Schema.Int) }))
  })
])
/** @see {@link Event} the schema */
export type Event = typeof Event.Type

/** The node has said goodbye. */
export const Departure = Schema.Struct({ status: Schema.Literal("left") })

/** The keys of the node, as they may be shown: the one that seals first. */
export const Keys = Schema.Struct({
  keys: Schema.Array(Schema.Struct({ fingerprint: Schema.String, primary: Schema.Boolean }))
})

// --- problems ------------------------------------------------------------------------------------

const blank = "about:blank"

/** Something in the request is not what the route takes. */
export class BadRequest extends HttpApiError.Problem<BadRequest>()("BadRequest", {
  type: blank,
  status: 400,
  title: "Bad Request"
}) {}

/** The token is missing or wrong. */
export class Unauthorized extends HttpApiError.Problem<Unauthorized>()("Unauthorized", {
  type: blank,
  status: 401,
  title: "Unauthorized"
}) {}

/** No token is configured, so nobody may do this here. */
export class Forbidden extends HttpApiError.Problem<Forbidden>()("Forbidden", {
  type: blank,
  status: 403,
  title: "Forbidden"
}) {}

/** There is no such thing. */
export class NotFound extends HttpApiError.Problem<NotFound>()("NotFound", {
  type: blank,
  status: 404,
  title: "Not Found"
}) {}

/** It cannot be done as things are. */
export class Conflict extends HttpApiError.Problem<Conflict>()("Conflict", {
  type: blank,
  status: 409,
  title: "Conflict"
}) {}

/** Loops of the node died: it cannot do its work. */
export class Unhealthy extends HttpApiError.Problem<Unhealthy>()(
  "Unhealthy",
  { type: blank, status: 503, title: "Service Unavailable" },
  { dead: Schema.Array(Schema.String) }
) {}

/** The node has not joined yet, or has left. */
export class NotReady extends HttpApiError.Problem<NotReady>()("NotReady", {
  type: blank,
  status: 503,
  title: "Service Unavailable"
}) {}

/** As many follow the events as may. */
export class TooManyFollowers extends HttpApiError.Problem<TooManyFollowers>()("TooManyFollowers", {
  type: blank,
  status: 503,
  title: "Service Unavailable"
}) {}

// --- the API -------------------------------------------------------------------------------------

/** Turns what cannot be decoded into a `BadRequest` that says why, and shows nothing of a body. */
export class Requests extends HttpApiMiddleware.Service<Requests>()("effect-gossip/admin/Requests", {
  error: BadRequest
}) {}

/** Lets pass whoever may operate the node: with the token, or over a socket that only its owner can open. */
export class Operator extends HttpApiMiddleware.Service<Operator>()("effect-gossip/admin/Operator", {
  security: { bearer: HttpApiSecurity.bearer },
  error: [Unauthorized, Forbidden]
}) {}

/** For anybody who can connect: what the node is and sees. */
const observe = HttpApiGroup.make("observe", { topLevel: true })
  .add(
    HttpApiEndpoint.get("healthz", "/healthz", { success: Health, error: Unhealthy }).annotate(
      OpenApi.Description,
      "Whether the node works: 503 when a loop of it died, which only a restart mends."
    )
  )
  .add(
    HttpApiEndpoint.get("readyz", "/readyz", { success: Readiness, error: NotReady }).annotate(
      OpenApi.Description,
      "Whether the node has joined its cluster: with peers, once one answered. It stays so until the node leaves."
    )
  )
  .add(
    HttpApiEndpoint.get("members", "/membership", {
      query: { status: Schema.optionalKey(MemberStatus) },
      success: Nodes
    }).annotate(OpenApi.Description, "The members that the node lists, itself first.")
  )
  .add(
    HttpApiEndpoint.get("member", "/membership/:id", {
      params: { id: NodeIdFromString },
      success: NodeDetails,
      error: NotFound
    }).annotate(OpenApi.Description, "One member, and why it is what it is: also one that is listed no more.")
  )
  .add(
    HttpApiEndpoint.get("events", "/events", {
      headers: { "last-event-id": Schema.optionalKey(Schema.String) },
      success: HttpApiSchema.StreamSse({ events: Event }),
      error: [BadRequest, TooManyFollowers]
    }).annotate(
      OpenApi.Description,
      "Every change from now on, or from the one after Last-Event-ID. What is lost is told by an event `missed`."
    )
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

/** For whoever may operate the node. */
const operate = HttpApiGroup.make("operate", { topLevel: true })
  .add(
    HttpApiEndpoint.post("leave", "/leave", { success: Departure }).annotate(
      OpenApi.Description,
      "Leaves the cluster, and answers when the others know or cannot be told."
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
    }).annotate(OpenApi.Description, "Adds a key of 64 hexadecimal digits, which opens and does not seal yet.")
  )
  .add(
    HttpApiEndpoint.post("useKey", "/keys/use", {
      payload: Schema.Struct({ fingerprint: Schema.String }),
      success: Keys,
      error: [NotFound, Conflict]
    }).annotate(OpenApi.Description, "Makes a key the one that seals.")
  )
  .add(
    HttpApiEndpoint.post("removeKey", "/keys/remove", {
      payload: Schema.Struct({ fingerprint: Schema.String }),
      success: Keys,
      error: [NotFound, Conflict]
    }).annotate(OpenApi.Description, "Removes a key: what is sealed with it opens no more.")
  )
  .middleware(Operator)

/** The HTTP face of a node. */
export class AdminApi extends HttpApi.make("effect-gossip")
  .add(observe)
  .add(operate)
  .middleware(Requests)
  .annotateMerge(OpenApi.annotations({ title: "effect-gossip", version: "1" })) {}

/** Where the OpenAPI document is. */
export const OpenApiPath = "/openapi.json"
