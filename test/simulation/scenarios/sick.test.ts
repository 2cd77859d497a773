import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle, LossySpread, Patience } from "./support.ts"

const Size = 100
const Minutes = 1

describe("one of a hundred nodes that loses four fifths of what is sent to it", () => {
  for (const [words, phase] of [
    ["all the time", Infinity],
    ["for 20 s of every 40 s", 20_000]
  ] as const) {
    // What it loses makes it suspect others, who refute that: it doubts itself first, and hears of it in time.
    it.effect(
      `${words} has nobody else removed by anybody in ${Minutes} minute, itself included`,
      () =>
        Simulation.run(
          Effect.gen(function* () {
            const simulation = yield* Simulation.Simulation
            const { find, wrongs } = chronicle(simulation)
            const [, sick] = yield* simulation.start(Size)
            yield* simulation.untilConverged("20 seconds")
            const began = simulation.now()
            const ends = began + Minutes * 60_000
            const ingress = sick.host.ingress()
            while (simulation.now() < ends) {
              ingress.loss = ingress.loss === 0 ? 0.8 : 0
              yield* Effect.sleep(Math.min(phase, ends - simulation.now()))
            }
            ingress.loss = 0
            // It was hard: the others took it for suspect, and it them.
            assert.isNotEmpty(find({ kind: "Suspected", of: sick, since: began }))
            assert.isNotEmpty(find({ kind: "Suspected", by: sick, since: began }))
            // A probe fails every other time (it hears none of three answers: 0.8 x 0.8 x 0.8), so that it would have
            // ninety others suspected. As it doubts itself, it probes up to nine times more slowly.
            const accused = find({ kind: "Suspected", by: sick, since: began }).filter(
              ({ cause }) => cause._tag === "ProbeFailed"
            )
            assert.isAtMost(accused.length, 30)
            yield* simulation.untilConverged(LossySpread)
            assert.deepStrictEqual(
              wrongs().filter(({ of }) => of !== sick.id),
              []
            )
          })
        ),
      Patience
    )
  }
})
