/** Forgetting dead members, and new nodes at the addresses of former ones. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import { Events } from "../../../src/events/Events.ts"
import { Join } from "../../../src/join/Join.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { Seeds } from "./Seeds.ts"

describe("a dead member that is forgotten", () => {
  it.effect.each(Seeds)("is off every list within 3 s, and comes back when it lives after all (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(12)
        yield* simulation.untilConverged("15 seconds")
        const [first, , , , , subject] = nodes
        if (first === undefined || subject === undefined) return assert.fail()
        const others = nodes.filter((node) => node !== subject)
        const published: Array<string> = []
        yield* Context.get(first.context, Events).all.pipe(
          Stream.runForEach(({ name }) => Effect.sync(() => published.push(name))),
          Effect.forkChild({ startImmediately: true })
        )
        assert.strictEqual((yield* Effect.flip(first.membership.forget(subject.id))).reason, "Live")
        yield* simulation.partition([subject], others)
        yield* simulation.until(
          "everyone sees it dead",
          () => others.every((node) => node.statusOf(subject.id) === "dead"),
          "30 seconds"
        )
        yield* first.membership.forget(subject.id)
        assert.strictEqual(first.statusOf(subject.id), "unknown")
        yield* simulation.until(
          "nobody lists it",
          () => others.every((node) => node.statusOf(subject.id) === "unknown"),
          "3 seconds"
        )
        for (const node of others) assert.isFalse(Context.get(node.context, Join).healList.has(subject.id))
        yield* Effect.sleep("20 seconds")
        assert.isTrue(others.every((node) => node.statusOf(subject.id) === "unknown"))
        assert.deepStrictEqual(published, [])
        yield* simulation.heal
        // It has the others on its own heal list.
        yield* simulation.untilConverged("60 seconds")
        assert.strictEqual(first.statusOf(subject.id), "alive")
      }),
      { seed }
    )
  )

  it.effect("must be known, and the library keeps its name of the event", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [first, second] = yield* simulation.start(2)
        yield* simulation.untilConverged("10 seconds")
        if (second === undefined) return assert.fail()
        const { id } = second
        yield* simulation.stop(second)
        yield* first.membership.forget(id)
        assert.strictEqual(first.statusOf(id), "unknown")
        assert.strictEqual((yield* Effect.flip(first.membership.forget(first.id))).reason, "Live")
        const error = yield* Effect.flip(Context.get(first.context, Events).publishBytes("@forget", new Uint8Array(12)))
        assert.strictEqual(error.reason, "ReservedName")
      })
    )
  )
})

describe("a node with a new id at the address of a member that was killed", () => {
  it.effect.each(Seeds)("replaces it everywhere within 1.5 s of its start (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(12)
        yield* simulation.untilConverged("15 seconds")
        const subject = nodes[5]
        if (subject === undefined) return assert.fail()
        const others = nodes.filter((node) => node !== subject)
        const causes = new Set<string>()
        for (const node of others) {
          node.onViewChange((id, known, { cause }) => {
            if (id === subject.id && known === "dead") causes.add(cause)
          })
        }
        yield* simulation.kill(subject)
        yield* simulation.restart(subject, { identity: "new" })
        yield* simulation.until(
          "nobody takes the former one for alive",
          () => others.every((node) => node.statusOf(subject.id) === "dead"),
          "1500 millis"
        )
        assert.isTrue(causes.has("Replaced"), [...causes].join())
        yield* simulation.untilConverged("15 seconds")
      }),
      { seed }
    )
  )
})
