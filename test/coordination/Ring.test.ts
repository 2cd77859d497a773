import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Context, Effect, Fiber, Option, Stream } from "effect"
import * as Ring from "../../src/coordination/Ring.ts"
import type { Member } from "../../src/domain/Member.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import type { SimNode } from "../../src/simulation/SimNode.ts"

const keys = Array.from({ length: 500 }, (_, index) => `user-${index}`)

const ringOf = (node: SimNode<Ring.Ring>) => Context.get(node.context, Ring.Ring)
const idOf = Option.map(({ id }: Member) => id)
/** The owner of each key, as a node sees it. */
const ownersAt = (node: SimNode<Ring.Ring>) =>
  Effect.forEach(keys, (key) => Effect.map(ringOf(node).owner(key), (owner) => Option.getOrUndefined(idOf(owner))))

describe("a ring", () => {
  it.effect("gives each key to the same member at every node, and moves only the keys of one that dies", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.startWith(Ring.layer(), 5)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("1 second")
        const [first, second, ...others] = nodes
        const before = yield* ownersAt(first)
        for (const node of [second, ...others]) assert.deepStrictEqual(yield* ownersAt(node), before)
        assert.strictEqual(new Set(before).size, 5)
        const heirs = yield* Effect.forEach(keys, (key) => ringOf(first).owners(key, 2))

        const moves = yield* ringOf(first).moves.pipe(Stream.runHead, Effect.forkChild({ startImmediately: true }))
        yield* simulation.kill(second)
        yield* simulation.untilEveryoneSees(second, "dead", "30 seconds")
        const moved = Option.getOrThrow(yield* Fiber.join(moves))
        const after = yield* ownersAt(first)
        keys.forEach((key, index) => {
          const of = moved.filter((move) => Ring.contains(move, key))
          if (before[index] !== second.id) {
            assert.strictEqual(after[index], before[index])
            assert.deepStrictEqual(of, [])
          } else {
            assert.strictEqual(after[index], heirs[index]![1]!.id)
            assert.deepStrictEqual(
              of.map(({ owner, previousOwner }) => [idOf(owner), idOf(previousOwner)]),
              [[Option.some(after[index]), Option.some(second.id)]]
            )
          }
        })
      }),
      { seed: 1 }
    )
  )

  it.effect("has only the members of its filter, in the proportion of their weights", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const weight = ({ address }: Member) => (address.address.toString().endsWith(".2") ? 3 : 1)
        const nodes = yield* simulation.startWith(Ring.layer({ filter: ({ self }) => !self, weight }), 3)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("1 second")
        const [first, second, third] = nodes
        const owners = Arr.groupBy(yield* ownersAt(first), String)
        assert.sameMembers(Object.keys(owners), [String(second.id), String(third.id)])
        const share = owners[String(second.id)]!.length / keys.length
        assert.isAbove(share, 0.6)
        assert.isBelow(share, 0.9)
      }),
      { seed: 1 }
    )
  )

  it.effect("reads weights from a tag, and bounds them", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const weights = ["1", "3", " 0.5 ", "0", undefined, "", "-2", "many", "Infinity"]
        const nodes = yield* simulation.startWith(Ring.layer({ weight: { tag: "weight" } }), weights.length)
        for (const [index, weight] of weights.entries()) {
          if (weight !== undefined) yield* nodes[index]!.membership.setTags({ weight })
        }
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("5 seconds")
        const ring = ringOf(nodes[0]!)
        const total = 40_000
        const counts = new Map<string, number>()
        for (let index = 0; index < total; index++) {
          const { id } = Option.getOrThrow(yield* ring.owner(`user-${index}`))
          counts.set(String(id), (counts.get(String(id)) ?? 0) + 1)
        }
        const expected = [1, 3, 0.5, 0.1, 1, 1, 1, 1, 100]
        const sum = expected.reduce((all, weight) => all + weight)
        for (const [index, weight] of expected.entries()) {
          const share = ((counts.get(String(nodes[index]!.id)) ?? 0) / total) * sum
          assert.closeTo(share, weight, Math.max(0.1, weight * 0.4), `${weights[index]}`)
        }
      }),
      { seed: 1 }
    )
  )

  it.effect("gives a member whose weight is no number the share of one", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const weight = ({ address }: Member) => (address.address.toString().endsWith(".1") ? Number.NaN : 1)
        const nodes = yield* simulation.startWith(Ring.layer({ weight }), 2)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("1 second")
        const [first] = nodes
        const owners = Arr.groupBy(yield* ownersAt(first), String)
        const share = (owners[String(first.id)] ?? []).length / keys.length
        assert.closeTo(share, 0.5, 0.15)
      }),
      { seed: 1 }
    )
  )

  it.effect("without members has no owner", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [node] = yield* simulation.startWith(Ring.layer({ filter: () => false }), 1)
        assert.deepStrictEqual(yield* ringOf(node).owner("key"), Option.none())
        assert.deepStrictEqual(yield* ringOf(node).owners("key", 3), [])
        assert.deepStrictEqual(yield* ringOf(node).members, [])
      }),
      { seed: 1 }
    )
  )

  it.effect("has the member that it met first of those with one key", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [first] = yield* simulation.startWith(Ring.layer({ key: () => "one" }), 3)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("1 second")
        const members = yield* ringOf(first).members
        assert.deepStrictEqual(
          members.map(({ id }) => id),
          [first.id]
        )
      }),
      { seed: 1 }
    )
  )
})
