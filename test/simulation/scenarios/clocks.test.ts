/** Wall clocks that are set while nodes run. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"
import { detection, Spread } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const Hour = 3_600_000

describe("a node whose wall clock is set", () => {
  it.effect.each(Seeds)(
    "an hour forwards and back stays a member, suspects nobody, and finds who was killed (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { falseDeaths, find } = recordViews(simulation)
          const [moved, killed, other] = yield* simulation.start(5)
          yield* simulation.untilConverged("10 seconds")
          yield* Effect.sleep("10 seconds")
          const began = simulation.now()
          const { incarnation } = moved.view
          for (const by of [Hour, -2 * Hour, Hour]) {
            moved.clock.setWallClock(by)
            yield* Effect.sleep("1 minute")
            yield* simulation.untilConverged(0)
          }
          assert.deepStrictEqual(find({ kind: "Suspected", since: began }), [])
          assert.strictEqual(moved.view.incarnation, incarnation)

          // It still finds deaths in time, and is heard, with a clock an hour back.
          moved.clock.setWallClock(-Hour)
          yield* simulation.kill(killed)
          yield* simulation.untilEveryoneSees(killed, "dead", detection(5))
          yield* moved.run(moved.membership.setTags({ clock: "back" }))
          yield* simulation.until(
            "its tags are known",
            Effect.map(other.membership.members, (members) =>
              members.some(({ id, tags }) => id === moved.id && tags["clock"] === "back")
            ),
            Spread
          )
          assert.deepStrictEqual(falseDeaths(), [])
        }),
        { seed }
      )
  )

  it.effect.each(Seeds)("and that starts again with the clock an hour back is a member again (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [first, ended] = yield* simulation.start(5)
        yield* simulation.untilConverged("10 seconds")
        let last = ended
        for (const clockBehind of ["1 hour", "2 hours"] as const) {
          const { incarnation } = last.view
          yield* simulation.kill(last)
          if (clockBehind === "1 hour") yield* simulation.untilEveryoneSees(last, "dead", detection(5))
          last = yield* simulation.restart(last, { identity: "same", clockBehind })
          yield* simulation.untilConverged("10 seconds")
          assert.strictEqual(first.statusOf(last.id), "alive")
          assert.isAbove(last.view.incarnation, incarnation)
          yield* Effect.sleep("1 minute")
          yield* simulation.untilConverged(0)
        }
      }),
      { seed }
    )
  )
})
