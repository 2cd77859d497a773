import { NodeHttpClient, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { NodeCluster } from "effect-gossip/node"
import { createServer } from "node:http"
import * as Balancer from "./Balancer.ts"

const [port = "8080", bind = "127.0.0.1:7946", ...peers] = process.argv.slice(2)

const Hello = HttpRouter.add("GET", "/hello", HttpServerResponse.text(`hello from port ${port}`))
const Server = HttpRouter.serve(Hello).pipe(Layer.provide(NodeHttpServer.layer(createServer, { port: Number(port) })))

const program = Effect.gen(function* () {
  const client = yield* Balancer.make
  const { text } = yield* client.get("/hello")
  yield* Effect.log(yield* text)
}).pipe(
  Effect.catch((error) => Effect.logWarning(error)),
  Effect.delay("1 second"),
  Effect.forever
)

program.pipe(
  Effect.provide([NodeCluster.layer({ bind, peers, tags: { http: port } }), NodeHttpClient.layerUndici, Server]),
  NodeRuntime.runMain
)
