import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"
import { recordViews } from "./ViewRecord.ts"

const Size = 8
/** `reliable_ack_timeout x (reliable_max_retries + 1)`, and a margin. */
const LongestLeave = 500 * 4 + 500
/** The time after which dead members are no longer listed, and no change waits in a queue. */
const Forgotten = 20_000

describe("when all nodes but one are stopped", () => {
  for (const concurrency of [1, "unbounded"] as const) {
    const how = concurrency === 1 ? "one after the other" : "at once"
    it.effect.each(Seeds)(`${how}, nothing is left of them, and the last one sees that they left (seed %i)`, (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find } = recordViews(simulation)
          const [last, ...others] = yield* simulation.start(Size)
          yield* simulation.untilConverged("10 seconds")
          yield* Effect.sleep("10 seconds")
          yield* Effect.forEach(
            others,
            (node) =>
              Effect.gen(function* () {
                const began = simulation.now()
                yield* simulation.stop(node)
                assert.isAtMost(simulation.now() - began, LongestLeave)
                assert.deepStrictEqual([node.condition, node.fibers, node.clock.sleeping], ["left", 0, 0])
              }),
            { concurrency, discard: true }
          )
          for (const node of others) assert.strictEqual(last.statusOf(node.id), "left")
          assert.deepStrictEqual(find({ kind: "Suspected" }), [])
          assert.deepStrictEqual(find({ kind: "Died" }), [])
          // Members that left are not contacted again.
          yield* Effect.sleep(Forgotten)
          const { sent } = simulation.network.counters
          yield* Effect.sleep("5 minutes")
          assert.strictEqual(simulation.network.counters.sent, sent)
          assert.deepStrictEqual(last.liveCounts(), { alive: 1, suspect: 0 })
        }),
        { seed }
      )
    )
  }
})
