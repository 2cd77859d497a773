import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { SimNode } from "../../../src/simulation/SimNode.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import type { SimulationOptions } from "../../../src/simulation/Simulation.ts"
import { chronicle, detection, FewSeeds } from "./support.ts"

const Size = 12

/** What nodes have to bear, from when they found each other on. */
interface Hardship {
  readonly words: string
  readonly family?: 4 | 6
  readonly network?: SimulationOptions["network"]
  readonly befall?: (
    simulation: Simulation.Simulation["Service"],
    nodes: ReadonlyArray<SimNode>
  ) => Effect.Effect<unknown, unknown>
}

const skewed: Hardship["befall"] = (simulation, nodes) =>
  Effect.forEach(nodes, (node, i) => simulation.skew(node, [0.95, 1, 1.05][i % 3] ?? 1))

/** Each in turn reads nothing for 5 s: less than a suspicion lasts. */
const blocked: Hardship["befall"] = (simulation, nodes) =>
  Effect.forEach(nodes, (node) =>
    Effect.gen(function* () {
      yield* simulation.blockIo(node)
      yield* Effect.sleep("5 seconds")
      yield* simulation.unblockIo(node)
      yield* Effect.sleep("5 seconds")
    })
  )

const slowed: Hardship["befall"] = (simulation, [node]) =>
  node === undefined ? Effect.void : simulation.slow(node, "300 millis")

/** What links do to datagrams. Of those that are corrupted, nearly all are lost. */
const messy = { jitter: 50, duplicate: 0.1, reorder: 0.1, reorderBy: 200, corrupt: 0.02 }

const hardships: ReadonlyArray<Hardship> = [
  { words: "IPv6", family: 6 },
  { words: "clocks that run 5 % fast and slow", befall: skewed },
  { words: "sockets that are not read for 5 s, each in its turn", befall: blocked },
  { words: "a node that is 300 ms away from all others, each way", befall: slowed },
  { words: "links that duplicate, reorder, delay and corrupt", network: messy },
  {
    words: "all of that at once",
    family: 6,
    network: messy,
    befall: (simulation, nodes) =>
      Effect.forEach([skewed, slowed, blocked], (befall) => befall(simulation, nodes), { discard: true })
  }
]

/**
 * Some of what is corrupted gets past the checksum of version 1, two flipped bits that cancel each other, and can invent
 * a member. Nobody answers for it, so it is gone when it has died.
 */
const Settled = detection(Size + 1)

const bear = ({ befall, family = 4 }: Hardship) =>
  Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const { wrongs } = chronicle(simulation)
    const nodes = yield* simulation.start(Size, { family })
    yield* simulation.untilConverged(Settled)
    const began = simulation.now()
    if (befall !== undefined) yield* befall(simulation, nodes)
    yield* Effect.sleep(began + 180_000 - simulation.now())
    yield* simulation.untilConverged(Settled)
    assert.deepStrictEqual(wrongs(), [])
  })

describe("nobody dies in three minutes, and all agree, with", () => {
  for (const hardship of hardships) {
    it.effect.each(FewSeeds)(`${hardship.words} (seed %i)`, (seed) =>
      Simulation.run(bear(hardship), { seed, ...(hardship.network && { network: hardship.network }) })
    )
  }
})
