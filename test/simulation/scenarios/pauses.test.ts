import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { FailureDetector } from "../../../src/failure-detector/FailureDetector.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle, detection, Seeds, shortestSuspicion, Spread } from "./support.ts"

const Size = 10

describe("a node whose process stops", () => {
  it.effect.each(Seeds)(
    "for half a minute is dead to all others by then, alive again 2 s after, and accuses nobody (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { find, wrongs } = chronicle(simulation)
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
          // Longer than a suspicion that began when it woke.
          yield* Effect.sleep("30 seconds")
          yield* simulation.untilConverged(0)
          assert.deepStrictEqual(find({ by: stopped, since: froze }), [])
          assert.deepStrictEqual(find({ kind: "Suspected", since: woke }), [])
          assert.deepStrictEqual(wrongs(), [])
        }),
        { seed }
      )
  )

  // The suspicion begins after the stop, and the refutation has the last tenth of it to get round.
  const Short = 0.9 * shortestSuspicion(Size)

  it.effect.each(Seeds)("for less than a suspicion lasts is never dead to anybody (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = chronicle(simulation)
        const nodes = yield* simulation.start(Size)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("10 seconds")
        const [, , stopped, ...others] = nodes
        for (let i = 0; i < 5; i++) {
          yield* simulation.freeze(stopped)
          const froze = simulation.now()
          yield* Effect.sleep(Short)
          // Somebody has noticed, or this would show nothing.
          assert.isTrue(others.every(({ statusOf }) => statusOf(stopped.id) === "suspect"))
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

  it.effect.each(Seeds)("does not blame, when it goes on, one whose answer it slept through (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = chronicle(simulation)
        const nodes = yield* simulation.start(Size)
        yield* simulation.untilConverged("10 seconds")
        const [, , stopped, far] = nodes
        yield* simulation.cut(stopped, far)
        yield* simulation.cut(far, stopped)
        const { counters } = Context.get(stopped.context, FailureDetector)
        // In the middle of a probe: it has asked relays, and their answers are on their way.
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
      // It takes 400 ms to ask the other through a relay.
      { seed, network: { latency: 100 } }
    )
  )

  it.effect.each(Seeds)("does not bury, when it goes on, whom it suspected when it stopped (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { wrongs } = chronicle(simulation)
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
        // Whoever it probes, or is probed by, tells it within a wrap of the ring that it is suspect.
        yield* simulation.untilEveryoneSees(accused, "alive", Size * 1000 + Spread)
        yield* Effect.sleep("10 seconds")
        // The suspicion has run out in its sleep, and the refutation is behind its timers in the queue.
        yield* simulation.thaw(stopped)
        yield* simulation.untilConverged(Spread)
        assert.deepStrictEqual(wrongs(), [])
      }),
      { seed }
    )
  )
})
