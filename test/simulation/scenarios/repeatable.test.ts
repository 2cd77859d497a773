import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle } from "./support.ts"

/** Something of everything: loss, jitter, a death, a restart, a stop, a freeze and a split. */
const eventful = Effect.gen(function* () {
  const simulation = yield* Simulation.Simulation
  const { notes } = chronicle(simulation)
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
  return { notes, counters: simulation.network.counters, events: simulation.timeline.events }
})

it.effect("one seed gives one history, to the nanosecond, and another seed gives another", () =>
  Effect.gen(function* () {
    const run = (seed: number) =>
      Simulation.run(eventful, { seed, network: { loss: 0.1, jitter: 20, duplicate: 0.05 } })
    const once = yield* run(1)
    const again = yield* run(1)
    const other = yield* run(2)
    assert.isAbove(once.notes.length, 100)
    assert.deepStrictEqual(again, once)
    assert.notDeepEqual(other.notes, once.notes)
  })
)
