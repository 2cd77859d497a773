import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { NodeCluster } from "effect-gossip/node"
import * as Job from "./Job.ts"

const [bind = "127.0.0.1:7946", ...peers] = process.argv.slice(2)

Job.layer(Effect.log("cleaning up, once for the whole cluster")).pipe(
  Layer.provide(NodeCluster.layer({ bind, peers })),
  Layer.launch,
  NodeRuntime.runMain
)
