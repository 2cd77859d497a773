import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import * as Message from "../../../src/wire/Message.ts"
import { chronicle, detection, LossySpread, Seeds } from "./support.ts"

const options = { config: { clusterKey: "6f".repeat(32) }, network: { loss: 0.05 } }

const killed = Effect.gen(function* () {
  const simulation = yield* Simulation.Simulation
  const { notes, wrongs } = chronicle(simulation)
  let inTheClear = 0
  simulation.network.observe({
    sent: ({ payload }) => {
      if (Result.isSuccess(Message.decode(payload))) inTheClear++
    }
  })
  const nodes = yield* simulation.start(10)
  // Keys are derived outside of virtual time.
  assert.strictEqual(simulation.now(), 0)
  yield* simulation.untilConverged("10 seconds")
  const [, , , , victim] = nodes
  yield* simulation.kill(victim)
  yield* simulation.untilEveryoneSees(victim, "dead", detection(10))
  yield* simulation.untilConverged(LossySpread)
  yield* Effect.sleep("2 minutes")
  yield* simulation.untilConverged(LossySpread)
  assert.deepStrictEqual(wrongs(), [])
  assert.strictEqual(inTheClear, 0)
  return notes
})

describe("a cluster with a key that loses five of a hundred datagrams", () => {
  it.effect.each(Seeds)("buries the dead in time, and no other (seed %i)", (seed) =>
    Simulation.run(killed, { ...options, seed })
  )

  it.effect("has one history for one seed, as keys take no virtual time", () =>
    Effect.gen(function* () {
      const once = yield* Simulation.run(killed, options)
      const again = yield* Simulation.run(killed, options)
      assert.deepStrictEqual(once, again)
    })
  )
})
