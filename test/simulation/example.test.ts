/** The example of the README. The text between the two marks is the same there. */
import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Membership } from "../../src/index.ts"
import { Simulation, type SimNode } from "../../src/testing.ts"

// --- README ---
/** The alive member with the lowest id leads. */
class Leader extends Context.Service<Leader, Effect.Effect<bigint>>()("Leader") {
  static readonly layer = Layer.effect(
    Leader,
    Effect.map(Membership.Membership, ({ alive }) =>
      Effect.map(alive, (members) => members.map(({ id }) => id).reduce((least, id) => (id < least ? id : least)))
    )
  )
}

const leaders = (nodes: ReadonlyArray<SimNode.SimNode<Leader>>, count: number) =>
  Effect.map(
    Effect.forEach(nodes, (node) => node.run(Effect.flatten(Leader))),
    (ids) => new Set(ids).size === count
  )

it.effect("a split cluster has a leader on each side, and one again after the heal", () =>
  Simulation.run(
    Effect.gen(function* () {
      const { heal, partition, startWith, until } = yield* Simulation.Simulation
      const nodes = yield* startWith(Leader.layer, 5)
      yield* until("one leads", leaders(nodes, 1), "10 seconds")
      yield* partition(nodes.slice(0, 2))
      yield* until("each side has its own", leaders(nodes, 2), "30 seconds")
      yield* heal
      yield* until("one leads again", leaders(nodes, 1), "30 seconds")
    })
  )
)
// --- end ---

it("the README shows this example", () => {
  const source = readFileSync(new URL(import.meta.url), "utf8")
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
  const example = source.split("// --- README ---\n")[1]?.split("// --- end ---")[0] ?? "missing"
  assert.include(readme, example)
})
