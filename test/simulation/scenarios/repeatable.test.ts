import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"
import { recordViews } from "./ViewRecord.ts"

/** A scenario with loss, jitter, a kill, a restart, a leave, a freeze and a partition. */
const eventful = Effect.gen(function* () {
  const simulation = yield* Simulation.Simulation
  const { changes } = recordViews(simulation)
  const nodes = yield* simulation.start(8)
  const [, a, b, c, d] = nodes
  yield* Effect.sleep("5 seconds")
  yield* simulation.kill(a)
  yield* Effect.sleep("5 seconds")
  yield* simulation.restart(a)
  yield* simulation.freeze(b)
  yield* simulation.stop(c)
  yield* Effect.sleep("20 seconds")
  yield* simulation.thaw(b)
  yield* simulation.partition(nodes.slice(0, 4))
  yield* Effect.sleep("30 seconds")
  yield* simulation.heal
  yield* simulation.skew(d, 1.05)
  yield* Effect.sleep("1 minute")
  return { changes, counters: simulation.network.counters, events: simulation.timeline.events }
})

it.effect("one seed gives one history, to the nanosecond, and another seed another one", () =>
  Effect.gen(function* () {
    const run = (seed: number) =>
      Simulation.run(eventful, { seed, network: { loss: 0.1, jitter: 20, duplicate: 0.05 } })
    const [seed = 1] = Seeds
    const once = yield* run(seed)
    const again = yield* run(seed)
    const other = yield* run(seed + 10)
    assert.isAbove(once.changes.length, 100)
    assert.deepStrictEqual(again, once)
    assert.notDeepEqual(other.changes, once.changes)
  })
)
