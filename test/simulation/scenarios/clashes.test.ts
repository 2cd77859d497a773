import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle, Seeds } from "./support.ts"

describe("a node that advertises the address of another", () => {
  /** Old gossip of a former self at our address has died down by then: only who lives on after that is in conflict. */
  const Settled = 10_000
  /** In less than a wrap of the ring of nine, somebody suspects it again, and it refutes: that is news to the other. */
  const News = 8000

  it.effect.each(Seeds)("is published as a conflict by that one in 18 s, and harms no other (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const { notes } = chronicle(simulation)
        const nodes = yield* simulation.start(8)
        yield* simulation.untilConverged("10 seconds")
        const [first] = nodes
        const conflicts: Array<unknown> = []
        yield* first.membership.changes.pipe(
          Stream.runForEach((change) =>
            Effect.sync(() => {
              if (change._tag === "Conflict") conflicts.push([change.kind, change.id, String(change.address)])
            })
          ),
          Effect.forkChild({ startImmediately: true })
        )
        // Its bootstrap peer is another: at the address that it takes for its own it looks for nobody.
        const config = { advertise: first.address, peers: ["10.0.0.2:7946"] }
        const [second] = yield* simulation.start(1, { config })
        yield* simulation.until("the conflict is published", () => conflicts.length > 0, Settled + News)
        yield* Effect.sleep("3 minutes")
        // Once, however long it lasts.
        assert.deepStrictEqual(conflicts, [["SameAddress", second.id, first.address]])
        const others = new Set(nodes.map(({ id }) => id))
        const harmed = notes.filter(({ kind, of }) => others.has(of) && kind !== "Joined")
        assert.deepStrictEqual(harmed, [])
        for (const by of nodes) {
          for (const of of nodes) if (of !== by) assert.strictEqual(by.statusOf(of.id), "alive")
        }
      }),
      { seed }
    )
  )
})
