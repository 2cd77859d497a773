import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { FailureDetector } from "../../../src/failure-detector/FailureDetector.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"
import { Spread, detection, ShortestSuspicion } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const Size = 10

describe("a node whose process stops", () => {
  it.effect.each(Seeds)(
    "for half a minute is dead in all views by then, alive 2 s after, and accuses nobody (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find, falseDeaths } = recordViews(simulation)
          const nodes = yield* simulation.start(Size)
          yield* simulation.untilConverged("10 seconds")
          yield* Effect.sleep("10 seconds")
          const [, , stopped] = nodes
          yield* simulation.freeze(stopped)
          const froze = simulation.now()
          yield* simulation.untilEveryoneSees(stopped, "dead", "30 seconds")
          yield* Effect.sleep(froze + 30_000 - simulation.now())

          yield* simulation.thaw(stopped)
          const woke = simulation.now()
          yield* simulation.untilConverged(Spread)
          // Longer than a suspicion that would begin at the thaw.
          yield* Effect.sleep("30 seconds")
          yield* simulation.untilConverged(0)
          assert.deepStrictEqual(find({ by: stopped, since: froze }), [])
          assert.deepStrictEqual(find({ kind: "Suspected", since: woke }), [])
          assert.deepStrictEqual(falseDeaths(), [])
        }),
        { seed }
      )
  )

  it.effect.each(Seeds)("for less than a suspicion lasts is never dead in any view (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = recordViews(simulation)
        const nodes = yield* simulation.start(Size)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("10 seconds")
        const [, , stopped] = nodes
        for (let i = 0; i < 5; i++) {
          yield* simulation.freeze(stopped)
          const froze = simulation.now()
          // All have noticed the freeze, or the test would show nothing.
          yield* simulation.untilEveryoneSees(stopped, "suspect", detection(Size))
          const [first] = find({ of: stopped, kind: "Suspected", since: froze })
          assert.isBelow(simulation.now() - (first?.at ?? 0), 0.8 * ShortestSuspicion)
          yield* simulation.thaw(stopped)
          yield* simulation.untilConverged(Spread)
          assert.deepStrictEqual(find({ by: stopped, since: froze }), [])
          yield* Effect.sleep("10 seconds")
        }
        yield* simulation.untilConverged(0)
        assert.deepStrictEqual(find({ kind: "Died" }), [])
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)(
    "does not suspect, when it continues, a member whose ACK arrived during the pause (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find } = recordViews(simulation)
          const nodes = yield* simulation.start(Size)
          yield* simulation.untilConverged("10 seconds")
          const [, , stopped, unreachable] = nodes
          yield* simulation.cut(stopped, unreachable)
          yield* simulation.cut(unreachable, stopped)
          const { counters } = Context.get(stopped.context, FailureDetector)
          // In the middle of a probe: it has asked relays, and their ACKs are in flight.
          yield* simulation.until("it asks relays", () => counters.pingReqs > 0, (2 * Size - 1) * 1000)
          assert.strictEqual(counters.savedByRelay, 0)
          yield* simulation.freeze(stopped)
          yield* Effect.sleep("5 seconds")
          yield* simulation.thaw(stopped)
          yield* Effect.sleep("30 seconds")
          assert.deepStrictEqual(find({ kind: "Suspected", by: stopped }), [])
          assert.strictEqual(counters.voided, 1)
          assert.isAbove(counters.savedByRelay, 0)
        }),
        // An indirect probe takes 400 ms.
        { seed, network: { latency: 100 } }
      )
  )

  it.effect.each(Seeds)(
    "does not declare dead, when it continues, a member that it suspected before the pause (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { falseDeaths } = recordViews(simulation)
          const nodes = yield* simulation.start(Size)
          yield* simulation.untilConverged("10 seconds")
          const [, , stopped, accused] = nodes
          accused.host.egress().cut = true
          yield* simulation.until(
            "it suspects the one that is cut off",
            () => stopped.statusOf(accused.id) === "suspect",
            detection(Size)
          )
          yield* simulation.freeze(stopped)
          yield* simulation.heal
          // Within a wrap of the ring it is told that it is suspect, and refutes.
          yield* simulation.untilEveryoneSees(accused, "alive", Size * 1000 + Spread)
          yield* Effect.sleep("10 seconds")
          // The suspicion expired during the pause, and the refutation is read only after the timers have run.
          yield* simulation.thaw(stopped)
          yield* simulation.untilConverged(Spread)
          assert.deepStrictEqual(falseDeaths(), [])
        }),
        { seed }
      )
  )
})
