import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { isLong } from "../../Campaign.ts"
import { LossySpread } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const Size = isLong ? 100 : 30
const Minutes = 1

describe(`one of ${Size} nodes that loses four fifths of what is sent to it`, () => {
  for (const [words, phase] of [
    ["all the time", Infinity],
    ["for 20 s of every 40 s", 20_000]
  ] as const) {
    // It suspects others because of its losses, and they refute in time, since its local health makes it slow.
    it.effect(`${words} causes no other node to be removed by any node in ${Minutes} minute`, () =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find, falseDeaths } = recordViews(simulation)
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
          // The test is not trivial: it suspected others, and they suspected it.
          assert.isNotEmpty(find({ kind: "Suspected", of: sick, since: began }))
          assert.isNotEmpty(find({ kind: "Suspected", by: sick, since: began }))
          // Half of its probes fail (none of three ACKs arrives: 0.8 x 0.8 x 0.8), so it would suspect ninety others.
          // With its local health it probes up to nine times more slowly.
          const accused = find({ kind: "Suspected", by: sick, since: began }).filter(
            ({ cause }) => cause._tag === "ProbeFailed"
          )
          assert.isAtMost(accused.length, 30)
          yield* simulation.untilConverged(LossySpread)
          assert.deepStrictEqual(
            falseDeaths().filter(({ of }) => of !== sick.id),
            []
          )
        })
      )
    )
  }
})
