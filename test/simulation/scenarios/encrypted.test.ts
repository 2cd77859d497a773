import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import * as Message from "../../../src/wire/Message.ts"
import { isLong } from "../../Campaign.ts"
import { Seeds } from "./Seeds.ts"
import { LossySpread, detection } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const options = { config: { clusterKey: "6f".repeat(32) }, network: { loss: 0.05 } }

const killed = Effect.gen(function* () {
  const simulation = yield* Simulation.Simulation
  const { changes, falseDeaths } = recordViews(simulation)
  let inTheClear = 0
  simulation.network.observe({
    sent: ({ payload }) => {
      if (Result.isSuccess(Message.decode(payload))) inTheClear++
    }
  })
  const nodes = yield* simulation.start(10)
  // Keys are derived in real time.
  assert.strictEqual(simulation.now(), 0)
  yield* simulation.untilConverged("10 seconds")
  const [, , , , victim] = nodes
  yield* simulation.kill(victim)
  yield* simulation.untilEveryoneSees(victim, "dead", detection(10))
  yield* simulation.untilConverged(LossySpread)
  yield* Effect.sleep("2 minutes")
  yield* simulation.untilConverged(LossySpread)
  assert.deepStrictEqual(falseDeaths(), [])
  assert.strictEqual(inTheClear, 0)
  return changes
})

describe("a cluster with a key that loses five of a hundred datagrams", () => {
  it.effect.each(Seeds)("detects a death in time, and has no false one (seed %i)", (seed) =>
    Simulation.run(killed, { ...options, seed })
  )

  if (isLong) return
  it.effect("has one history for one seed, because keys take no virtual time", () =>
    Effect.gen(function* () {
      const once = yield* Simulation.run(killed, options)
      const again = yield* Simulation.run(killed, options)
      assert.deepStrictEqual(once, again)
    })
  )
})
