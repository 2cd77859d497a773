import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { NetAddress } from "effect/net"
import { NodeCluster } from "effect-gossip/node"
import * as OwnerOf from "./OwnerOf.ts"

const program = Effect.gen(function* () {
  const ownerOf = yield* OwnerOf.OwnerOf
  const owner = yield* ownerOf("user-42")
  if (owner !== undefined) yield* Effect.log(`user-42 belongs to ${NetAddress.formatInet(owner.address)}`)
}).pipe(Effect.delay("2 seconds"), Effect.forever)

program.pipe(
  Effect.provide(Layer.provide(OwnerOf.layer, NodeCluster.layer({ peers: process.argv.slice(2) }))),
  NodeRuntime.runMain
)
