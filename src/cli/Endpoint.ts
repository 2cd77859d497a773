/**
 * The node that a command asks: where it is served, how it is asked, and what to do when it does not answer.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, type FileSystem, Layer, Option, Predicate, Schema, type Scope } from "effect"
import { CliError, type Command, Flag } from "effect/cli"
import type { HttpClientError } from "effect/http"
import { NetAddress } from "effect/net"
import * as AdminClient from "../admin/AdminClient.ts"
import type * as AdminApi from "../admin/AdminApi.ts"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import { show, withoutSecrets } from "../config/ConfigResolution.ts"
import * as AdminTokenFile from "../node/AdminTokenFile.ts"
import type { Host } from "./Host.ts"
import * as NodeFlags from "./NodeFlags.ts"
import * as Warnings from "./Warnings.ts"

/**
 * The flags that say which node to ask.
 */
export const flags = {
  endpoint: Flag.String("endpoint").pipe(
    Flag.withAlias("e"),
    Flag.withMetavar("URL|PATH"),
    Flag.withDescription("Where the node is served: http://HOST:PORT, or the path of its Unix socket."),
    Flag.optional
  ),
  tokenFile: Flag.Path("token-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("File with the node's token, which operating it over a network takes."),
    Flag.optional
  ),
  config: Flag.Path("config").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("TOML file of the node, which says where it is served."),
    Flag.optional
  )
}

/**
 * What these flags give.
 */
export type Flags = Command.Command.Config.Infer<typeof flags>

/**
 * A node cannot be asked, or refuses. `message` is one line that says what to do.
 */
export class EndpointError extends Schema.TaggedError<EndpointError>()("EndpointError", {
  message: Schema.String
}) {}

/**
 * Where a node is served.
 */
export type Place = { readonly _tag: "Tcp"; readonly url: string } | { readonly _tag: "Unix"; readonly path: string }

/**
 * How a place is named to people.
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
  // What stands for every address of a machine is reached here by its loopback.
  const everywhere = NetAddress.isUnspecified(metrics.serverHost)
  const loopback = NetAddress.ipFromStringUnsafe(NetAddress.isIpv4Address(metrics.serverHost) ? "127.0.0.1" : "::1")
  const address = NetAddress.inetAddressUnsafe(everywhere ? loopback : metrics.serverHost, metrics.serverPort)
  return Option.some({ _tag: "Tcp", url: `http://${NetAddress.formatInet(address)}` })
}

type AskError =
  | AdminApi.BadRequest
  | AdminApi.Conflict
  | AdminApi.Forbidden
  | AdminApi.NotFound
  | AdminApi.NotReady
  | AdminApi.TooManyFollowers
  | AdminApi.Unauthorized
  | AdminApi.Unhealthy
  | HttpClientError.HttpClientError
  | Schema.SchemaError

const causes = new Map([
  ["ECONNREFUSED", "nobody listens there"],
  ["ENOENT", "there is no such socket"],
  ["ENOTSOCK", "it is not a socket"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["ECONNRESET", "the connection broke"],
  ["EPIPE", "the connection broke"],
  ["EHOSTUNREACH", "there is no way to that machine"],
  ["ENETUNREACH", "there is no way to that machine"],
  ["ENOTFOUND", "the name is not known"],
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
        : strange(place)
    case "SchemaError":
      return strange(place)
    case "Unauthorized":
      return `the node at ${placeText(place)} takes its token, and this is not it: name the file with it, --token-file FILE`
    default:
      return withoutSecrets(error.message)
  }
}

const strange = (place: Place): string =>
  `what answers at ${placeText(place)} is no node of this version: name another --endpoint`

/**
 * A node that can be asked.
 */
export interface Endpoint {
  readonly place: Place
  readonly node: AdminClient.AdminClient
  /** Asks the node: in time, and with errors for people. */
  readonly ask: <A>(
    question: (node: AdminClient.AdminClient) => Effect.Effect<A, AskError>
  ) => Effect.Effect<A, EndpointError>
  /** The same for what may take its time. */
  readonly askPatiently: <A>(
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
    message: `no endpoint: name it by --endpoint, or by --config the file of the node; it is served if you ${setIt}`
  })
})

// The token of the flag, or else the one that the node itself is configured with.
const tokenOf = Effect.fnUntraced(function* ({ tokenFile }: Flags, { admin }: ClusterConfig) {
  const path = Option.getOrElse(tokenFile, () => (admin.token === undefined ? admin.tokenFile : undefined))
  if (path === undefined) return admin.token
  return yield* Effect.provide(AdminTokenFile.read(path), Warnings.layer)
})

/** How long an answer may take, in s. */
const Patience = 10

/**
 * Why no node can be asked.
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
  // Who can open the socket needs none.
  const token = place._tag === "Unix" ? undefined : yield* tokenOf(flags, config)
  const http = yield* Layer.build(
    NodeHttpClient.layerNodeHttpOptions(place._tag === "Unix" ? { socketPath: place.path } : {})
  )
  const baseUrl = place._tag === "Tcp" ? place.url : "http://localhost"
  const node = yield* Effect.provide(AdminClient.make({ baseUrl, token }), http)
  const askPatiently: Endpoint["askPatiently"] = (question) =>
    Effect.mapError(question(node), (error) => new EndpointError({ message: errorText(place, error) }))
  return {
    place,
    node,
    askPatiently,
    ask: (question) =>
      Effect.timeoutOrElse(askPatiently(question), {
        duration: `${Patience} seconds`,
        orElse: () =>
          Effect.fail(new EndpointError({ message: `the node at ${placeText(place)} gave no answer in ${Patience} s` }))
      })
  }
})

/**
 * How a command that asks a node ends when it cannot: with one line.
 */
export const asUserError = (cause: ConnectError): CliError.UserError =>
  new CliError.UserError({
    cause,
    userMessage:
      cause._tag === "EndpointError" || cause._tag === "TokenFileError" ? cause.message : NodeFlags.errorText(cause)
  })
