// A service of your own at five simulated nodes, which lose one datagram of ten.
import { assert, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { Simulation } from "effect-gossip/testing"
import * as Users from "./Users.ts"

it.effect("every node forgets a user that changed at one", () => {
  let version = 1
  const load = (id: string) => Effect.sync(() => `${id}, version ${version}`)
  return Simulation.run(
    Effect.gen(function* () {
      const simulation = yield* Simulation.Simulation
      const nodes = yield* simulation.startWith(Users.layer(load), 5)
      yield* simulation.untilConverged("10 seconds")
      const services = nodes.map(({ context }) => Context.get(context, Users.Users))
      for (const { nameOf } of services) assert.strictEqual(yield* nameOf("42"), "42, version 1")

      version = 2
      yield* services[0]!.changed("42")
      yield* Effect.sleep("3 seconds")
      for (const { nameOf } of services) assert.strictEqual(yield* nameOf("42"), "42, version 2")
    }),
    { seed: 1, network: { loss: 0.1 } }
  )
})
