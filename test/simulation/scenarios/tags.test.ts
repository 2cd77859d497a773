import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { SelfSlot } from "../../../src/membership/MemberTable.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import type { AnyNode, SimNode } from "../../../src/simulation/SimNode.ts"
import { Seeds } from "./Seeds.ts"
import { Spread } from "./TimeBounds.ts"

const tagsAt = (node: SimNode, of: AnyNode) =>
  Effect.map(node.membership.get(of.id), (member) => Option.map(member, ({ tags }) => tags["zone"]))

/** Whether each of these nodes sees this zone at a node. */
const everyoneSees = (nodes: ReadonlyArray<SimNode>, of: AnyNode, zone: string | undefined) =>
  Effect.map(
    Effect.forEach(nodes, (node) => tagsAt(node, of)),
    (zones) => zones.every((seen) => Option.isSome(seen) && seen.value === zone)
  )

const held = ({ view }: SimNode, of: AnyNode) => {
  const slot = view.slotOf(of.id)
  return slot < SelfSlot ? undefined : view.table.tags[slot]
}

describe("tags", () => {
  it.effect("of two nodes reach each other, and a change of them too", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [a] = yield* simulation.start(1, { config: { name: "first", tags: { zone: "a" } } })
        yield* Effect.sleep("5 seconds")
        const [b] = yield* simulation.start(1, { config: { tags: { zone: "b", port: "80" } } })
        yield* simulation.until("a sees b", everyoneSees([a], b, "b"), Spread)
        yield* simulation.until("b sees a", everyoneSees([b], a, "a"), Spread)
        const seen = Option.getOrThrow(yield* b.membership.get(a.id))
        assert.strictEqual(seen.name, "first")
        assert.strictEqual(seen.startedAt?.epochMilliseconds, (yield* a.membership.self).startedAt?.epochMilliseconds)
        assert.deepStrictEqual(Option.getOrThrow(yield* b.membership.oldest()).id, a.id)
        yield* b.membership.setTags({ zone: "c" })
        yield* simulation.until("a sees the change", everyoneSees([a], b, "c"), Spread)
        assert.deepStrictEqual(
          (yield* a.membership.byTag("zone", "c")).map(({ id }) => id),
          [b.id]
        )
        assert.deepStrictEqual(Option.getOrThrow(yield* a.membership.get(b.id)).tags, { zone: "c" })
      })
    )
  )

  it.effect.each(Seeds)("reach every member of 30, newcomers included, under 10 % loss (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(30, { config: { tags: { zone: "a" } } })
        yield* simulation.untilConverged("20 seconds")
        for (const node of nodes) yield* simulation.until("all know it", everyoneSees(nodes, node, "a"), "30 seconds")
        yield* nodes[3].membership.setTags({ zone: "b" })
        // Under loss one in a thousand misses it, and learns it by comparing tables.
        yield* simulation.until("all see the change", everyoneSees(nodes, nodes[3], "b"), "60 seconds")
        const [late] = yield* simulation.start(1)
        yield* simulation.until("the newcomer knows it", everyoneSees([late], nodes[3], "b"), "10 seconds")
      }),
      { seed, network: { loss: 0.1 } }
    )
  )

  it.effect("that a node lacks are asked of their member when that sends a PING, and come at once", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const config = (interval: "1 hour" | "10 seconds") => ({
          tags: { zone: "a" },
          gossip: { antiEntropyInterval: 0 },
          probes: { interval, timeout: "1 second" as const }
        })
        const [lacking] = yield* simulation.start(1, { config: config("1 hour") })
        const [probing] = yield* simulation.start(1, { config: config("10 seconds") })
        yield* simulation.untilConverged("10 seconds")
        // Its entry is no news any more, which would bring the tags too.
        yield* Effect.sleep("90 seconds")
        lacking.view.table.tags[lacking.view.slotOf(probing.id)] = undefined
        assert.isFalse(yield* everyoneSees([lacking], probing, "a"))
        yield* simulation.until("the next PING brings the tags", everyoneSees([lacking], probing, "a"), "11 seconds")
      }),
      // The test changes the table, which no published change tells.
      { invariants: false }
    )
  )

  it.effect.each(Seeds)("that gossip lost come by comparing tables (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(12, { config: { tags: { zone: "a" } } })
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("20 seconds")
        const [first, second] = nodes
        // Nobody hears of the change for as long as it is passed on.
        yield* simulation.partition([first], nodes.slice(1))
        yield* first.membership.setTags({ zone: "b" })
        yield* Effect.sleep("1 seconds")
        yield* simulation.heal
        assert.strictEqual(held(second, first)?.version, 1)
        yield* simulation.until("everyone sees it", everyoneSees(nodes, first, "b"), "90 seconds")
        assert.strictEqual(held(second, first)?.version, 2)
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)(
    "of a restarted node replace those of its former life, and those of a dead one go (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const nodes = yield* simulation.start(5, { config: { tags: { zone: "a" } } })
          yield* simulation.untilConverged("10 seconds")
          const [, second, third] = nodes
          yield* second.membership.setTags({ zone: "changed" })
          yield* simulation.until("all see it", everyoneSees(nodes, second, "changed"), Spread)
          const again = yield* simulation.restart(second)
          const all = nodes.filter((node) => node !== second)
          yield* simulation.until("all see the tags of the new life", everyoneSees(all, again, "a"), "20 seconds")
          yield* simulation.kill(third)
          yield* simulation.untilEveryoneSees(third, "unknown", "60 seconds")
          assert.isUndefined(held(again, third))
        }),
        { seed }
      )
  )

  it.effect.each(Seeds)("of a mixed cluster are those of its members of level 1 (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(4, { config: { tags: { zone: "a" } } })
        const older = yield* simulation.startLevel0(4)
        yield* simulation.untilConverged("20 seconds")
        for (const node of nodes) yield* simulation.until("all know it", everyoneSees(nodes, node, "a"), "30 seconds")
        for (const node of older) {
          yield* simulation.until("it has none", everyoneSees(nodes, node, undefined), "1 second")
          const seen = Option.getOrThrow(yield* nodes[0].membership.get(node.id))
          assert.deepStrictEqual(seen.tags, {})
          assert.notProperty(seen, "startedAt")
        }
      }),
      { seed }
    )
  )
})
