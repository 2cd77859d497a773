import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Layer } from "effect"
import { createServer } from "node:http"
import { Server } from "./Server.ts"

Server.pipe(Layer.provide(NodeHttpServer.layer(createServer, { port: 8080 })), Layer.launch, NodeRuntime.runMain)
