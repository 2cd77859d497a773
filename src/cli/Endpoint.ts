/**
 * The running node that a command asks over HTTP: where it is served, and the errors when it does not answer.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, type FileSystem, Layer, Option, Predicate, Schema, type Scope } from "effect"
import { CliError } from "effect/cli"
import type { HttpClientError } from "effect/http"
import { NetAddress } from "effect/net"
import * as AdminClient from "../admin/AdminClient.ts"
import type * as AdminApi from "../admin/AdminApi.ts"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import { show, withoutSecrets } from "../config/ConfigProblem.ts"
import * as AdminTokenFile from "../node/AdminTokenFile.ts"
import type { Flags } from "./EndpointFlags.ts"
import type { Host } from "./Host.ts"
import * as NodeFlags from "./NodeFlags.ts"
import * as Warnings from "./Warnings.ts"

/**
 * A node cannot be reached, or refuses. `message` is one line that says what to do.
 */
export class EndpointError extends Schema.TaggedError<EndpointError>()("EndpointError", {
  message: Schema.String
}) {}

/**
 * Where a node is served.
 */
export type Place = { readonly _tag: "Tcp"; readonly url: string } | { readonly _tag: "Unix"; readonly path: string }

/**
 * The URL or path of a place.
 */
export const placeText = (place: Place): string => (place._tag === "Tcp" ? place.url : place.path)

/**
 * Reads a place: a URL, `host:port`, or the path of a Unix socket, which has a slash or begins with `unix:`.
 */
export const placeFrom = (text: string): Option.Option<Place> => {
  if (/^https?:\/\//i.test(text)) {
    return URL.canParse(text) ? Option.some({ _tag: "Tcp", url: text.replace(/\/+$/, "") }) : Option.none()
  }
  const path = text.replace(/^unix:/, "")
  if (path !== text || path.includes("/")) return path === "" ? Option.none() : Option.some({ _tag: "Unix", path })
  const url = `http://${text}`
  return /:\d+$/.test(text) && URL.canParse(url) ? Option.some({ _tag: "Tcp", url }) : Option.none()
}

const setIt = "set `metrics.server_port` (GOSSIP_METRICS_SERVER_PORT) where the node runs"
const setSocket = "set `admin.socket` (GOSSIP_ADMIN_SOCKET) where the node runs"

/**
 * Where a node of this configuration is served: at its Unix socket, which takes no token, or else at its port.
 */
export const placeOf = ({ admin, metrics }: Pick<ClusterConfig, "admin" | "metrics">): Option.Option<Place> => {
  if (admin.socket !== undefined) return Option.some({ _tag: "Unix", path: admin.socket })
  if (metrics.serverPort === 0) return Option.none()
  // A wildcard address is reached over loopback.
  const isWildcard = NetAddress.isUnspecified(metrics.serverHost)
  const loopback = NetAddress.ipFromStringUnsafe(NetAddress.isIpv4Address(metrics.serverHost) ? "127.0.0.1" : "::1")
  const address = NetAddress.inetAddressUnsafe(isWildcard ? loopback : metrics.serverHost, metrics.serverPort)
  return Option.some({ _tag: "Tcp", url: `http://${NetAddress.formatInet(address)}` })
}

type AskError =
  | AdminApi.BadRequest
  | AdminApi.Conflict
  | AdminApi.Forbidden
  | AdminApi.NotFound
  | AdminApi.NotReady
  | AdminApi.TooManyFollowers
  | AdminApi.TooManyGuesses
  | AdminApi.Unauthorized
  | AdminApi.Unhealthy
  | HttpClientError.HttpClientError
  | Schema.SchemaError

const causes = new Map([
  ["ECONNREFUSED", "nothing listens there"],
  ["ENOENT", "there is no such socket"],
  ["ENOTSOCK", "it is not a socket"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["ECONNRESET", "the connection broke"],
  ["EPIPE", "the connection broke"],
  ["EHOSTUNREACH", "the machine is unreachable"],
  ["ENETUNREACH", "the machine is unreachable"],
  ["ENOTFOUND", "the host name does not exist"],
  ["ETIMEDOUT", "it does not answer"]
])

const causeText = (cause: unknown): string => {
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : ""
  return causes.get(code) ?? (Predicate.isError(cause) && cause.message !== "" ? cause.message : "no connection")
}

/**
 * Why a node did not do what it was asked, in one line.
 */
export const errorText = (place: Place, error: AskError): string => {
  switch (error._tag) {
    case "HttpClientError":
      return error.reason._tag === "TransportError"
        ? `cannot reach a node at ${placeText(place)}: ${causeText(error.reason.cause)}; ` +
            `${place._tag === "Tcp" ? setIt : setSocket}, or name another --endpoint`
        : unknownServer(place)
    case "SchemaError":
      return unknownServer(place)
    case "Unauthorized":
      return `the node at ${placeText(place)} refuses this token: give the file with its token as --token-file FILE`
    default:
      return withoutSecrets(error.message)
  }
}

const unknownServer = (place: Place): string =>
  `the server at ${placeText(place)} is not a node of this version: name another --endpoint`

/**
 * A running node, and ways to ask it.
 */
export interface Endpoint {
  readonly place: Place
  readonly node: AdminClient.AdminClient
  /** Asks the node, with a time limit and with errors for people. */
  readonly ask: <A>(
    question: (node: AdminClient.AdminClient) => Effect.Effect<A, AskError>
  ) => Effect.Effect<A, EndpointError>
  /** The same without a time limit. */
  readonly askWithoutLimit: <A>(
    question: (node: AdminClient.AdminClient) => Effect.Effect<A, AskError>
  ) => Effect.Effect<A, EndpointError>
}

const find = Effect.fnUntraced(function* (flags: Flags, config: ClusterConfig) {
  if (Option.isSome(flags.endpoint)) {
    const place = placeFrom(flags.endpoint.value)
    if (Option.isSome(place)) return place.value
    return yield* new EndpointError({
      message: `--endpoint is ${show(flags.endpoint.value)}; expected http://HOST:PORT or the path of a Unix socket`
    })
  }
  const place = placeOf(config)
  if (Option.isSome(place)) return place.value
  return yield* new EndpointError({
    message: `no endpoint: name one with --endpoint, or the file of the node with --config; to serve a node, ${setIt}`
  })
})

// The token of the flag, or else that of the configuration.
const tokenOf = Effect.fnUntraced(function* ({ tokenFile }: Flags, { admin }: ClusterConfig) {
  const path = Option.getOrElse(tokenFile, () => (admin.token === undefined ? admin.tokenFile : undefined))
  if (path === undefined) return admin.token
  return yield* Effect.provide(AdminTokenFile.read(path), Warnings.layer)
})

/** Time limit for an answer, in s. */
const Limit = 10

/**
 * Why a command cannot ask a node.
 */
export type ConnectError = EndpointError | NodeFlags.LoadError | AdminTokenFile.ReadError

/**
 * The node that the flags name.
 */
export const connect = Effect.fnUntraced(function* (
  flags: Flags
): Effect.fn.Return<Endpoint, ConnectError, FileSystem.FileSystem | Host | Scope.Scope> {
  const { config } = yield* NodeFlags.load(NodeFlags.onlyFile(flags.config))
  const place = yield* find(flags, config)
  // A Unix socket admits every user that can open it.
  const token = place._tag === "Unix" ? undefined : yield* tokenOf(flags, config)
  const http = yield* Layer.build(
    NodeHttpClient.layerNodeHttpOptions(place._tag === "Unix" ? { socketPath: place.path } : {})
  )
  const baseUrl = place._tag === "Tcp" ? place.url : "http://localhost"
  const node = yield* Effect.provide(AdminClient.make({ baseUrl, token }), http)
  const askWithoutLimit: Endpoint["askWithoutLimit"] = (question) =>
    Effect.mapError(question(node), (error) => new EndpointError({ message: errorText(place, error) }))
  return {
    place,
    node,
    askWithoutLimit,
    ask: (question) =>
      Effect.timeoutOrElse(askWithoutLimit(question), {
        duration: `${Limit} seconds`,
        orElse: () =>
          Effect.fail(
            new EndpointError({ message: `the node at ${placeText(place)} did not answer within ${Limit} s` })
          )
      })
  }
})

/**
 * The error that the command line shows, in one line.
 */
export const asUserError = (cause: ConnectError): CliError.UserError =>
  new CliError.UserError({
    cause,
    userMessage:
      cause._tag === "EndpointError" || cause._tag === "TokenFileError" ? cause.message : NodeFlags.errorText(cause)
  })
