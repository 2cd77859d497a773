/** The published changes of a node against its members: an invariant of every simulation, and histories that once broke it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { Change } from "../../../src/domain/Change.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"

describe("published changes", () => {
  it.effect.each(Seeds)("tell that a member left, came back and died while this node was cut off (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(5, { config: { probes: { deadRetention: "1 minute" } } })
        yield* simulation.untilConverged("10 seconds")
        const [, , observer, , subject] = nodes
        if (observer === undefined || subject === undefined) return assert.fail()
        const told: Array<string> = []
        const note = (change: Change) =>
          Effect.sync(() => {
            if ("member" in change && change.member.id === subject.id)
              told.push(`${change._tag} ${change.member.status}`)
          })
        yield* Effect.forkChild(Stream.runForEach(observer.membership.changes, note), { startImmediately: true })
        yield* simulation.stop(subject)
        yield* Effect.sleep("2 seconds")
        yield* simulation.partition(
          [observer],
          nodes.filter((node) => node !== observer)
        )
        yield* simulation.restart(subject, { identity: "same" })
        yield* Effect.sleep("200 millis")
        const [, , , , back] = simulation.nodes
        yield* simulation.kill(back ?? subject)
        yield* Effect.sleep("9 seconds")
        yield* simulation.heal
        yield* Effect.sleep("20 seconds")
        assert.deepStrictEqual(told, ["Left left", "Died dead"])
      }),
      { seed }
    )
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
