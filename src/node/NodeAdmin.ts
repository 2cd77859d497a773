/**
 * An HTTP server for a node: at a TCP address, at a Unix socket, or at both.
 *
 * `NodeCluster.layer` has one when its options say so. Use this module for a port that
 * the system chooses, or for a node that you compose. It is in no index, since it loads
 * an HTTP server: import it from `effect-gossip/node/NodeAdmin`.
 *
 * @since 0.2.0
 * @module effect-gossip/node/NodeAdmin
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import {
  Context,
  Duration,
  Effect,
  type FileSystem,
  Layer,
  Option,
  Predicate,
  type Redacted,
  Schema,
  type Scope
} from "effect"
import { HttpServer } from "effect/http"
import { NetAddress } from "effect/net"
import type { Stats } from "node:fs"
import * as Fs from "node:fs/promises"
import type * as HttpModule from "node:http"
import { createRequire } from "node:module"
import * as Net from "node:net"
import { hostname } from "node:os"
import * as Admin from "../admin/Admin.ts"
import { sourceOf } from "../admin/ClientSource.ts"
import * as Journal from "../admin/Journal.ts"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import * as AdminTokenFile from "./AdminTokenFile.ts"
import { Connections } from "./Connections.ts"

// An ES import of node:http reads all of its exports, and one of them loads undici, which takes 5 MB.
const require = createRequire(import.meta.url)
const Http: typeof HttpModule = require("node:http")

/**
 * The HTTP server cannot be opened.
 *
 * @category errors
 * @since 0.2.0
 */
export class NodeAdminError extends Schema.TaggedError<NodeAdminError>()("NodeAdminError", {
  where: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot serve HTTP at ${this.where}: ${this.reason}`
  }
}

/**
 * Where a node is served.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options {
  /** A TCP address; with port 0 the system chooses the port. */
  readonly address?: NetAddress.InetAddress | undefined
  /** The bearer token with which the node can be operated over TCP. Without one, it cannot. */
  readonly token?: Redacted.Redacted<string> | undefined
  /** Names by which clients may call the server over TCP besides loopback, addresses, and the name of this machine. */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
  /** The path of a Unix socket that only the user of this process can open, and at which the node can be operated. */
  readonly socket?: string | undefined
}

/**
 * Where a node is served.
 *
 * @category services
 * @since 0.2.0
 */
export class NodeAdmin extends Context.Service<
  NodeAdmin,
  {
    /** The TCP address that is bound. */
    readonly address: Option.Option<NetAddress.InetAddress>
    /** The path of the Unix socket. */
    readonly socket: Option.Option<string>
  }
>()("effect-gossip/node/NodeAdmin") {}

/**
 * Serves a node until the layer closes. What happens to the node is recorded from the
 * moment that the layer is built.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<NodeAdmin, NodeAdminError, Exclude<Admin.Node, Journal.Journal>> =>
  Layer.effect(
    NodeAdmin,
    Effect.gen(function* () {
      const { address, allowedHosts = [], socket, token } = options
      const hosts = [...allowedHosts, hostname()]
      const bound = yield* Effect.transposeOption(
        Option.map(Option.fromUndefinedOr(address), (address) =>
          serve(overTcp(address), Admin.layer({ token, allowedHosts: hosts }))
        )
      )
      if (socket !== undefined) yield* serve(overUnix(socket), Admin.layerTrusted)
      return NodeAdmin.of({
        address: Option.filter(bound, NetAddress.isInetAddress),
        socket: Option.fromUndefinedOr(socket)
      })
    })
  ).pipe(Layer.provide(Journal.layer))

/**
 * Serves a node as its configuration says: at `metrics.serverHost` and
 * `metrics.serverPort` for everybody, and at `admin.socket` for its user. Logs where.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerResolved = (
  config: ClusterConfig
): Layer.Layer<
  NodeAdmin,
  NodeAdminError | AdminTokenFile.ReadError,
  Exclude<Admin.Node, Journal.Journal> | FileSystem.FileSystem
> =>
  Layer.unwrap(
    Effect.map(AdminTokenFile.load(config), (token) => {
      const { admin, metrics } = config
      const address =
        metrics.serverPort > 0 ? NetAddress.inetAddressUnsafe(metrics.serverHost, metrics.serverPort) : undefined
      const logged = Effect.flatMap(NodeAdmin, (where) => Effect.logInfo(logLine(where, token !== undefined)))
      return Layer.provideMerge(
        Layer.effectDiscard(logged),
        layer({ address, token, allowedHosts: metrics.allowedHosts, socket: admin.socket })
      )
    })
  )

/**
 * One line of the log that says where a node is served, and what can be done there.
 *
 * @category formatting
 * @since 0.2.0
 */
export const logLine = ({ address, socket }: NodeAdmin["Service"], token: boolean): string => {
  const places = [
    ...Option.toArray(
      Option.map(
        address,
        (address) => `http://${NetAddress.formatInet(address)} (${token ? "with a token" : "to read only"})`
      )
    ),
    ...Option.toArray(Option.map(socket, (path) => `Unix socket ${path}`))
  ]
  return `HTTP at ${places.join(" and at ")}`
}

type Server = Effect.Effect<HttpServer.HttpServer["Service"], NodeAdminError, Scope.Scope>

const serve = <R>(server: Server, routes: Layer.Layer<never, never, HttpServer.HttpServer | R>) =>
  Effect.map(
    Layer.build(routes.pipe(Layer.provideMerge(Layer.effect(HttpServer.HttpServer, server)))),
    (context) => Context.get(context, HttpServer.HttpServer).address
  )

/** How long requests may still take when the node ends. */
const Grace = Duration.seconds(1)

// Requests are small, so that only an attacker sends one slowly.
const limits: HttpModule.ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  connectionsCheckingInterval: 5000,
  keepAliveTimeout: 5000,
  maxHeaderSize: 8192,
  // Finds out that a client is gone that did not say so, in ms.
  keepAlive: true,
  keepAliveInitialDelay: 60_000
}
const MaxHeaders = 64

/** Time between two looks for clients that read too slowly, in ms. */
const SlowReaderCheck = 1000

/** Closes connections as `Connections` says. Returns a function that ends that. */
const boundConnections = (server: HttpModule.Server): (() => void) => {
  const connections = new Connections<Net.Socket>()
  let timer: NodeJS.Timeout | undefined
  const remove = (socket: Net.Socket): void => {
    connections.remove(socket)
    if (connections.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  const close = (socket: Net.Socket): void => {
    remove(socket)
    socket.destroy()
  }
  const closeSlow = (): void => connections.tooSlow(performance.now()).forEach(close)
  server.on("connection", (socket: Net.Socket) => {
    socket.once("close", () => remove(socket))
    const closed = connections.add(socket, sourceOf(socket.remoteAddress ?? ""))
    // A server without connections does not wake for them.
    timer ??= setInterval(closeSlow, SlowReaderCheck)
    if (closed !== undefined) close(closed)
  })
  server.on("request", ({ socket }, response) => {
    connections.requested(socket, 1)
    response.once("close", () => connections.requested(socket, -1))
  })
  return () => clearInterval(timer)
}

/** Holds the requests that come while the server listens and has no routes yet, and passes them on once it has. */
const holdEarlyRequests = (server: HttpModule.Server): void => {
  const held: Array<Parameters<HttpModule.RequestListener>> = []
  const hold: HttpModule.RequestListener = (...request) => void held.push(request)
  const passOn = (event: string | symbol): void => {
    if (event !== "request") return
    server.off("newListener", passOn)
    server.off("request", hold)
    // The listener is added after this event.
    setImmediate(() => held.forEach((request) => server.emit("request", ...request)))
  }
  server.on("request", hold)
  server.on("newListener", passOn)
}

const listen = (where: string, options: Net.ListenOptions): Server =>
  Effect.gen(function* () {
    const server = Http.createServer(limits)
    server.maxHeadersCount = MaxHeaders
    yield* Effect.acquireRelease(
      Effect.sync(() => boundConnections(server)),
      (end) => Effect.sync(end)
    )
    holdEarlyRequests(server)
    const http = yield* NodeHttpServer.make(() => server, { ...options, gracefulShutdownTimeout: Grace })
    // Connections that are open after that are closed.
    yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
    return http
  }).pipe(Effect.mapError((error) => new NodeAdminError({ where, reason: reasonOf(error) })))

const reasons = new Map([
  ["EADDRINUSE", "the address is in use"],
  ["EADDRNOTAVAIL", "this machine does not have the address"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["ENOENT", "there is no such directory"],
  ["ENOTDIR", "there is no such directory"],
  ["EINVAL", "the path is too long for a socket"]
])

const reasonOf = ({ cause }: { readonly cause: unknown }): string => {
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : ""
  return reasons.get(code) ?? (Predicate.isError(cause) ? cause.message : String(cause))
}

const overTcp = (address: NetAddress.InetAddress): Server =>
  listen(`http://${NetAddress.formatInet(address)}`, {
    host: NetAddress.formatIp(address.address),
    port: address.port
  })

const onDisk = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, NodeAdminError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new NodeAdminError({ where: path, reason: reasonOf({ cause }) })
  })

/**
 * Why the socket at the path must not be replaced, or undefined if it is left over from a process that crashed. Only a
 * refused connection proves that nobody listens: a listener with a full backlog does not accept one either.
 */
const inUse = (path: string): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const socket = Net.connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(anotherListens))
    })
    socket.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(obstacle(error.code ?? ""))))
    return Effect.sync(() => socket.destroy())
  })

const anotherListens = "another process listens there"

const obstacle = (code: string): string | undefined => {
  switch (code) {
    case "ECONNREFUSED":
    case "ENOENT":
      return undefined
    case "EPROTOTYPE":
      return "a socket of another kind is there"
    case "EACCES":
    case "EPERM":
      return "a socket of another user is there"
    default:
      return anotherListens
  }
}

const isSocket = (path: string): Effect.Effect<boolean | undefined> =>
  Effect.match(
    Effect.tryPromise(() => Fs.lstat(path)),
    { onFailure: () => undefined, onSuccess: (stat) => stat.isSocket() }
  )

/** Removes a file, unless another one has taken its place. */
const removeIfSame = async (path: string, { dev, ino }: Stats): Promise<void> => {
  const found = await Fs.lstat(path)
  if (found.dev === dev && found.ino === ino) await Fs.rm(path)
}

/**
 * The socket is created in a directory that only this user can enter, closed to others, and then moved to its place, so
 * that others can connect at no moment.
 */
const overUnix = (path: string): Server =>
  Effect.gen(function* () {
    const there = yield* isSocket(path)
    if (there === false) return yield* new NodeAdminError({ where: path, reason: "a file that is no socket is there" })
    const reason = there === true ? yield* inUse(path) : undefined
    if (reason !== undefined) return yield* new NodeAdminError({ where: path, reason })
    const directory = yield* Effect.acquireRelease(
      onDisk(path, () => Fs.mkdtemp(`${path}.`)),
      (directory) => Effect.ignore(onDisk(path, () => Fs.rm(directory, { recursive: true, force: true })))
    )
    const hidden = `${directory}/s`
    const http = yield* listen(path, { path: hidden })
    yield* onDisk(path, () => Fs.chmod(hidden, 0o600))
    const own = yield* onDisk(path, () => Fs.lstat(hidden))
    yield* Effect.acquireRelease(
      onDisk(path, () => Fs.rename(hidden, path)),
      () => Effect.ignore(onDisk(path, () => removeIfSame(path, own)))
    )
    yield* onDisk(path, () => Fs.rm(directory, { recursive: true, force: true }))
    return http
  })
