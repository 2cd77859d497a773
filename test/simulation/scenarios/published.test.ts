/** The published changes of a node against its members: an invariant of every simulation, and histories that once broke it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { Change } from "../../../src/domain/Change.ts"
import { isLong } from "../../Campaign.ts"
import * as PlanFile from "../../../src/simulation/plan/PlanFile.ts"
import * as PlanRunner from "../../../src/simulation/plan/PlanRunner.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"

describe("published changes", () => {
  it.effect("give the members, also where a member leaves, comes back and dies while one node is cut off", () =>
    Effect.gen(function* () {
      for (const seed of Array.from({ length: isLong ? 60 : 10 }, (_, i) => i + 1)) {
        const plan = yield* Effect.fromResult(
          PlanFile.decode({
            nodes: 5,
            seed,
            duration_ms: 40_000,
            step: [
              { at_ms: 10_000, do: "stop", nodes: ["n5"] },
              { at_ms: 12_000, do: "partition", groups: [["n3"]], for_ms: 9500 },
              { at_ms: 12_100, do: "restart", nodes: ["n5"], identity: "same" },
              { at_ms: 12_300, do: "kill", nodes: ["n5"] }
            ]
          })
        )
        const { broken } = yield* PlanRunner.run(plan)
        assert.isUndefined(broken, `seed ${seed}`)
      }
    })
  )

  it.effect("tell what the node does itself: it refutes, and it leaves", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(3)
        yield* simulation.untilConverged("10 seconds")
        const [first] = nodes
        const told: Array<string> = []
        const note = (change: Change) =>
          Effect.sync(() => {
            if ("member" in change && change.member.self) {
              told.push(`${change._tag} ${change.member.status} ${change.member.incarnation - first.firstIncarnation}`)
            }
          })
        yield* Effect.forkChild(Stream.runForEach(first.membership.changes, note), { startImmediately: true })
        yield* simulation.freeze(first)
        yield* Effect.sleep("5 seconds")
        yield* simulation.thaw(first)
        yield* Effect.sleep("5 seconds")
        assert.deepStrictEqual(told, ["Updated alive 1"])
        yield* simulation.stop(first)
        assert.deepStrictEqual(told.slice(1), ["Left left 1"])
      })
    )
  )
})
