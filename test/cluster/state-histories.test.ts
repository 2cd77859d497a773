/** Random histories of nodes that keep their state, are killed and come back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Result } from "effect"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as NodeState from "../../src/state/NodeState.ts"
import { everyNth } from "../Campaign.ts"
import { Dice } from "../fuzz/Generator.ts"
import { Lab, type LabNode, membersOf, parts, pass, story, virtual } from "./Lab.ts"

const Nodes = 6
const Steps = 40

/** A node with its store. The first is the bootstrap peer of the others. */
interface Place {
  readonly store: NodeState.Store
  lives: number
  node: LabNode | undefined
  /** The highest incarnation that it ever had. */
  incarnation: number
}

const history = (seed: number) =>
  Effect.gen(function* () {
    const dice = new Dice(seed)
    const lab = yield* Lab.make({ loss: 0.05 })
    lab.watching = false
    const places = Array.from({ length: Nodes }, (): Place => ({
      store: NodeState.storeMemory(),
      lives: 0,
      node: undefined,
      incarnation: -1
    }))

    const start = (place: Place, number: number) =>
      Effect.gen(function* () {
        const life = ++place.lives
        // A machine of its own each time, at one of two addresses. Who has moved as well as everybody that it remembers
        // finds the others by the first, which does not move.
        const address = `10.0.${number === 0 ? 0 : dice.below(2)}.${number + 1}`
        const name = `n${number + 1}00${life}`
        const config: ClusterConfig.ClusterOptions = {
          bind: `${address}:7946`,
          peers: number === 0 ? [] : ["10.0.0.1:7946"],
          extensions: {},
          probes: { suspectTimeout: 1000, deadRetention: 5000 }
        }
        const kept = Layer.orDie(NodeState.layer(place.store, Result.getOrThrow(ClusterConfig.make(config))))
        const node = yield* lab.startAt(name, lab.network.host(name, [address]), config, {
          parts: Layer.provide(Cluster.layerParts, kept)
        })
        assert.isAbove(node.node.firstIncarnation, place.incarnation)
        if (life > 1) assert.strictEqual(node.id, Option.getOrThrow(yield* place.store.load).id)
        place.node = node
      })

    const kill = (place: Place, node: LabNode) =>
      Effect.gen(function* () {
        place.incarnation = parts(node).view.incarnation
        yield* lab.kill(node)
        place.node = undefined
        yield* pass(1)
      })

    for (const [number, place] of places.entries()) yield* start(place, number)
    yield* pass(10_000)
    for (let step = 0; step < Steps; step++) {
      const number = dice.below(Nodes)
      const place = places[number]!
      if (place.node === undefined) yield* start(place, number)
      // Some stay up, so that there is a cluster to come back to.
      else if (places.filter(({ node }) => node !== undefined).length > 2) yield* kill(place, place.node)
      yield* pass(dice.pick([50, 500, 3000, 20_000]))
    }
    for (const [number, place] of places.entries()) if (place.node === undefined) yield* start(place, number)
    yield* pass(90_000)
    return places.flatMap(({ node }) => (node === undefined ? [] : [node]))
  })

describe("nodes that keep their state, killed and started again at random", () => {
  it.effect.each(
    everyNth(
      Array.from({ length: 20 }, (_, seed) => seed + 1),
      7
    )
  )("come back with their ids and higher incarnations, agree in the end, and are nobody's conflict (seed %i)", (seed) =>
    virtual(
      Effect.gen(function* () {
        const nodes = yield* history(seed)
        const ids = nodes.map(({ id }) => String(id)).sort()
        for (const node of nodes) {
          const alive = (yield* membersOf(node)).filter(({ status }) => status === "alive")
          assert.deepStrictEqual(alive.map(({ id }) => String(id)).sort(), ids)
          const conflicts = story(node).filter(([, what]) => what.startsWith("Conflict"))
          assert.deepStrictEqual(conflicts, [])
        }
      }),
      { wallClock: Date.UTC(2026, 0, 1) }
    )
  )
})
