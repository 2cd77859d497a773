import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { isLong } from "../../Campaign.ts"

const Size: number = isLong ? 1000 : 100

/**
 * The time to send all changes, in ms: every node learns of `Size` members, and sends each of them `retransmit_multiplier` x
 * log2 n times, `fanout` per message, to log2 n others every 200 ms.
 */
const Growth = Math.ceil(Math.log2(Size + 1))
const Dissemination = ((Size * 4 * Growth) / 50 / Growth) * 200

it.effect(
  `${Size} nodes that join at once through one peer agree within ${Dissemination / 1000} s, and none dies`,
  () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        let deaths = 0
        // Deaths are only counted, because a record of a million joins would be too large.
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
        yield* simulation.untilConverged(Dissemination)
        assert.strictEqual(deaths, 0)
      })
    ),
  240_000
)
