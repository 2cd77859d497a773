/** Problem details (RFC 9457) for requests that no route answers: unknown paths and methods, refused bodies, defects. */
import { ByteSize, Cause, Effect, type Layer, SchemaIssue } from "effect"
import {
  HttpIncomingMessage,
  HttpRouter,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  ProblemDetails
} from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import type { unhandled } from "effect/Types"
import type { AcceptedHosts, Refusal } from "./AcceptedHosts.ts"
import { BadRequest, Requests } from "./AdminApi.ts"

/** The path of a route, with `:name` for a part that varies, and one of its methods. */
export interface Route {
  readonly method: string
  readonly path: string
}

const titles = new Map([
  [400, "Bad Request"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [413, "Content Too Large"],
  [415, "Unsupported Media Type"],
  [421, "Misdirected Request"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"]
])

const problem = (status: number, detail?: string): HttpServerResponse.HttpServerResponse => {
  const title = titles.get(status) ?? "Error"
  return ProblemDetails.toResponse({
    type: ProblemDetails.blankType,
    status,
    title,
    ...(detail === undefined ? {} : { detail })
  })
}

const matches = (pattern: string, path: string): boolean => {
  const wanted = pattern.split("/")
  const given = path.split("/")
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => (part.startsWith(":") ? given[at] !== "" : part === given[at]))
  )
}

const noRoute = (routes: ReadonlyArray<Route>, { method, url }: HttpServerRequest.HttpServerRequest) => {
  const path = url.split("?", 1)[0] ?? ""
  const methods = new Set(routes.filter((route) => matches(route.path, path)).map((route) => route.method))
  // Every GET route also answers HEAD.
  if (methods.has("GET")) methods.add("HEAD")
  if (methods.size === 0 || methods.has(method)) return problem(404, "there is nothing at this path")
  const allowed = [...methods].join(", ")
  return HttpServerResponse.setHeader(problem(405, `this path supports ${allowed}`), "allow", allowed)
}

const withProblem = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  const { status } = response
  if (status === 401) return HttpServerResponse.setHeader(response, "www-authenticate", "Bearer")
  if (status === 429) return HttpServerResponse.setHeader(response, "retry-after", "1")
  return status < 400 || response.headers["content-type"] === ProblemDetails.contentType ? response : problem(status)
}

/** The largest body, far larger than one with a key. */
const MaxBody = ByteSize.kibibytes(16)

/** Answers requests without a route, and gives every error a body. */
export const layer = (routes: ReadonlyArray<Route>): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.middleware(
    (
      answer: Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled>
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled, HttpServerRequest.HttpServerRequest> =>
      Effect.catchCause(
        answer,
        (cause): Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled, HttpServerRequest.HttpServerRequest> =>
          Cause.hasInterrupts(cause)
            ? Effect.failCause(cause)
            : Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => answerTo(routes, request, cause))
      ).pipe(Effect.map(withProblem), Effect.provideService(HttpIncomingMessage.MaxBodySize, MaxBody)),
    { global: true }
  )

const refusals: Record<Refusal, HttpServerResponse.HttpServerResponse> = {
  Host: problem(
    421,
    "this node is not known by the name in the header Host: add it to metrics.allowed_hosts, or use an address"
  ),
  Origin: problem(403, "pages of another origin may not use this node: add theirs to metrics.allowed_hosts")
}

/** Refuses requests for other names, and those that a browser makes for pages of other origins. */
export const layerHosts = (hosts: AcceptedHosts): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.middleware(
    <E, R>(
      answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
        const refusal = hosts.refuses({
          host: headers["host"],
          origin: headers["origin"],
          site: headers["sec-fetch-site"],
          mode: headers["sec-fetch-mode"]
        })
        return refusal === undefined ? answer : Effect.succeed(refusals[refusal])
      }),
    { global: true }
  )

const answerTo = (
  routes: ReadonlyArray<Route>,
  request: HttpServerRequest.HttpServerRequest,
  cause: Cause.Cause<unknown>
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const error = Cause.squash(cause)
  if (HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound") {
    return Effect.succeed(noRoute(routes, request))
  }
  return Effect.flatMap(HttpServerError.causeResponse(cause), ([response]) =>
    response.status < 500
      ? Effect.succeed(response)
      : Effect.as(Effect.logError("a defect prevented an answer over HTTP", cause), response)
  )
}

const format = SchemaIssue.makeFormatterDefault()
const inOneLine = (issue: SchemaIssue.Issue): string => format(issue).replaceAll(/\s*\n\s*/g, " ")

const parts = { Params: "path", Query: "query", Headers: "header" } as const

/** Says what is wrong with a request; of a body only that it is wrong, because it may contain a secret. */
export const layerRequests: Layer.Layer<Requests> = HttpApiMiddleware.layerSchemaErrorTransform(Requests, (error) => {
  switch (error.kind) {
    case "Params":
    case "Query":
    case "Headers":
      return Effect.fail(new BadRequest({ detail: `${parts[error.kind]}: ${inOneLine(error.cause.issue)}` }))
    case "Payload":
      return Effect.fail(new BadRequest({ detail: "the body is not what this path expects; see /openapi.json" }))
    default:
      return Effect.fail(error)
  }
})
