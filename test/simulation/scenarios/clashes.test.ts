import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"
import { recordViews } from "./ViewRecord.ts"

describe("a node that advertises the address of another", () => {
  /** By then no gossip about a former self at our address is left. Another id that still sends then is a conflict. */
  const Settled = 10_000
  /** Within a wrap of the ring of nine it is suspected again and refutes, which is a change that reaches the other. */
  const Refutation = 8000

  it.effect.each(Seeds)(
    "is published by that one as a conflict within 18 s, and does not affect others (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const { changes } = recordViews(simulation)
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
          // Its bootstrap peer is another node, because it does not contact its own address.
          const config = { advertise: first.address, peers: ["10.0.0.2:7946"] }
          const [second] = yield* simulation.start(1, { config })
          yield* simulation.until("the conflict is published", () => conflicts.length > 0, Settled + Refutation)
          yield* Effect.sleep("3 minutes")
          // Published once, however long the conflict lasts.
          assert.deepStrictEqual(conflicts, [["SameAddress", second.id, first.address]])
          const others = new Set(nodes.map(({ id }) => id))
          const affected = changes.filter(({ kind, of }) => others.has(of) && kind !== "Joined")
          assert.deepStrictEqual(affected, [])
          for (const by of nodes) {
            for (const of of nodes) if (of !== by) assert.strictEqual(by.statusOf(of.id), "alive")
          }
        }),
        { seed }
      )
  )
})
