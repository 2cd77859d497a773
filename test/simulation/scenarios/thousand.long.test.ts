import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"

const Size: number = 1000

/**
 * What there is to tell: every node hears of `Size` members, and says each of them `retransmit_multiplier` x log2 n
 * times, `fanout` in a message, to log2 n others every 200 ms.
 */
const Growth = Math.ceil(Math.log2(Size + 1))
const Telling = ((Size * 4 * Growth) / 50 / Growth) * 200

it.effect(
  "a thousand that join at once through one peer know each other in 16 s, and nobody dies",
  () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        let deaths = 0
        // Counted as they come: of a million that joined, each to everybody, no record is kept.
        simulation.observe({
          started: (node) => {
            if (node.kind !== "node") return
            node.view.observe({
              transition: ({ kind }) => {
                if (kind === "Died" || kind === "Left") deaths++
              }
            })
          }
        })
        yield* simulation.start(Size)
        yield* simulation.untilConverged(Telling)
        assert.strictEqual(deaths, 0)
      })
    ),
  240_000
)
