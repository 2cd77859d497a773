// The routes of a node in a server of your own, beside your own routes, under /gossip.
import { Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Membership } from "effect-gossip"
import { Admin } from "effect-gossip/admin"
import { NodeCluster } from "effect-gossip/node"

const Hello = HttpRouter.add(
  "GET",
  "/hello",
  Effect.gen(function* () {
    const { alive } = yield* Membership.Membership
    return HttpServerResponse.text(`hello from one of ${(yield* alive).length} members`)
  })
)

// A router that puts what it is given under /gossip.
const UnderGossip = Layer.effect(
  HttpRouter.HttpRouter,
  Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed("/gossip"))
)

export const Server = HttpRouter.serve(
  Layer.mergeAll(
    Hello,
    Admin.layerRoutes({ token: Redacted.make("correct-horse-battery-staple") }).pipe(Layer.provide(UnderGossip))
  )
).pipe(Layer.provide(NodeCluster.layer({ bind: "127.0.0.1:0" })))
