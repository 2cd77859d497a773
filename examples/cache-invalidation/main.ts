import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Random } from "effect"
import { NodeCluster } from "effect-gossip/node"
import * as Users from "./Users.ts"

const [bind = "127.0.0.1:7946", ...peers] = process.argv.slice(2)

const load = (id: string) => Effect.as(Effect.log(`loading ${id}`), `the name of ${id}`)

const program = Effect.gen(function* () {
  const users = yield* Users.Users
  yield* users.nameOf("42")
  if ((yield* Random.nextIntBetween(0, 9)) === 0) yield* users.changed("42")
}).pipe(Effect.delay("1 second"), Effect.forever)

program.pipe(Effect.provide(Layer.provide(Users.layer(load), NodeCluster.layer({ bind, peers }))), NodeRuntime.runMain)
