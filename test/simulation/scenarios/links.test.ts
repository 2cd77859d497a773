import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { FailureDetector } from "../../../src/failure-detector/FailureDetector.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle, detection, HealTry, Seeds, Spread } from "./support.ts"

describe("a link that is cut both ways", () => {
  // n - 2 members can relay. A relay that is well answers within the interval, so one of them is enough.
  it.effect.each([3, 4, 12] as const)("lets nobody be suspected in ten minutes, in a cluster of %i", (size) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = chronicle(simulation)
        const nodes = yield* simulation.start(size)
        yield* simulation.untilConverged("10 seconds")
        const [a, b] = nodes
        yield* simulation.cut(a, b)
        yield* simulation.cut(b, a)
        yield* Effect.sleep("10 minutes")
        assert.deepStrictEqual(find({ kind: "Suspected" }), [])
        yield* simulation.untilConverged(0)
        for (const node of [a, b]) {
          const { counters } = Context.get(node.context, FailureDetector)
          // Each wrap of the ring comes to the other one once.
          assert.isAtLeast(counters.savedByRelay, Math.floor(600 / (2 * size - 1)))
          assert.strictEqual(counters.savedByRelay, counters.directTimeouts)
          assert.strictEqual(counters.failures, 0)
        }
      })
    )
  )
})

describe("a node among ten that", () => {
  for (const [words, deafen] of [
    ["can send but not hear", "ingress"],
    ["can hear but not send", "egress"]
  ] as const) {
    it.effect.each(Seeds)(
      `${words} is dead to the others once and for all, harms none of them, and is back when that ends (seed %i)`,
      (seed) =>
        Simulation.run(
          Effect.gen(function* () {
            const simulation = yield* Simulation.Simulation
            const { find } = chronicle(simulation)
            const [sick, ...healthy] = yield* simulation.start(10)
            yield* simulation.untilConverged("10 seconds")
            sick.host[deafen]().cut = true
            yield* simulation.untilEveryoneSees(sick, "dead", detection(10))
            // Until the first of them forgets its tombstone (11 x `dead_retention`), and may take it for a new one.
            yield* Effect.sleep("150 seconds")
            yield* simulation.untilConverged(0, healthy)
            for (const by of healthy) {
              // Its messages do not clear what only an answer can: no flapping.
              assert.strictEqual(find({ kind: "Suspected", of: sick, by }).length, 1)
              assert.strictEqual(find({ kind: "Died", of: sick, by }).length, 1)
              for (const of of healthy) assert.deepStrictEqual(find({ kind: "Died", of, by }), [])
            }
            yield* simulation.heal
            yield* simulation.untilConverged(HealTry + Spread)
          }),
          { seed }
        )
    )
  }
})
