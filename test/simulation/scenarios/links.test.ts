import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { FailureDetector } from "../../../src/failure-detector/FailureDetector.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { isLong } from "../../Campaign.ts"
import { Seeds } from "./Seeds.ts"
import { HealContact, Spread, detection } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const sizes: ReadonlyArray<3 | 4 | 12> = isLong ? [12] : [3, 4]

describe("a link that is cut both ways", () => {
  // n - 2 members can relay. One relay is enough, since it answers within the interval.
  it.effect.each(sizes)("causes no suspicion in ten minutes, in a cluster of %i", (size) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { find } = recordViews(simulation)
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
          // Each wrap of the ring probes the other one once.
          assert.isAtLeast(counters.savedByRelay, Math.floor(600 / (2 * size - 1)))
          assert.strictEqual(counters.savedByRelay, counters.directTimeouts)
          assert.strictEqual(counters.failures, 0)
        }
      })
    )
  )
})

describe("a node among ten that", () => {
  for (const [words, end] of [
    ["can send but not receive", "ingress"],
    ["can receive but not send", "egress"]
  ] as const) {
    it.effect.each(Seeds)(
      `${words} becomes dead once in the other views, affects none of them, and is back when that ends (seed %i)`,
      (seed) =>
        Simulation.run(
          Effect.gen(function* () {
            const simulation = yield* Simulation.Simulation
            const { find } = recordViews(simulation)
            const [sick, ...healthy] = yield* simulation.start(10)
            yield* simulation.untilConverged("10 seconds")
            sick.host[end]().cut = true
            yield* simulation.untilEveryoneSees(sick, "dead", detection(10))
            // Until the first tombstone is forgotten (11 x `dead_retention`), after which it may join as a new member.
            yield* Effect.sleep("150 seconds")
            yield* simulation.untilConverged(0, healthy)
            for (const by of healthy) {
              // Its messages do not clear the suspicion, only an ACK can. So there is no flapping.
              assert.strictEqual(find({ kind: "Suspected", of: sick, by }).length, 1)
              assert.strictEqual(find({ kind: "Died", of: sick, by }).length, 1)
              for (const of of healthy) assert.deepStrictEqual(find({ kind: "Died", of, by }), [])
            }
            yield* simulation.heal
            yield* simulation.untilConverged(HealContact + Spread)
          }),
          { seed }
        )
    )
  }
})
