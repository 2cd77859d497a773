import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { SimNode } from "../../../src/simulation/SimNode.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import type { SimulationOptions } from "../../../src/simulation/Simulation.ts"
import { FewSeeds } from "./Seeds.ts"
import { detection, ShortestSuspicion } from "./TimeBounds.ts"
import { isLong } from "../../Campaign.ts"
import { recordViews } from "./ViewRecord.ts"

const Size = isLong ? 12 : 8

/** A fault that lasts from the convergence of the cluster on. */
interface Fault {
  readonly words: string
  readonly family?: 4 | 6
  readonly network?: SimulationOptions["network"]
  readonly apply?: (
    simulation: Simulation.Simulation["Service"],
    nodes: ReadonlyArray<SimNode>
  ) => Effect.Effect<unknown, unknown>
}

const skewed: Fault["apply"] = (simulation, nodes) =>
  Effect.forEach(nodes, (node, i) => simulation.skew(node, [0.95, 1, 1.05][i % 3] ?? 1))

/** Each node in turn does not read for a time that is shorter than a suspicion. */
const blocked: Fault["apply"] = (simulation, nodes) =>
  Effect.forEach(nodes, (node) =>
    Effect.gen(function* () {
      yield* simulation.blockIo(node)
      yield* Effect.sleep(ShortestSuspicion)
      yield* simulation.unblockIo(node)
      yield* Effect.sleep("5 seconds")
    })
  )

const slowed: Fault["apply"] = (simulation, [node]) =>
  node === undefined ? Effect.void : simulation.slow(node, "300 millis")

/** Conditions of links. Nearly all corrupted datagrams are lost. */
const messy = { jitter: 50, duplicate: 0.1, reorder: 0.1, reorderBy: 200, corrupt: 0.02 }

const faults: ReadonlyArray<Fault> = [
  { words: "IPv6", family: 6 },
  { words: "clocks that run 5 % fast and slow", apply: skewed },
  { words: `sockets that are not read for ${ShortestSuspicion / 1000} s, one after the other`, apply: blocked },
  { words: "a node that is 300 ms away from all others in each direction", apply: slowed },
  { words: "links that duplicate, reorder, delay and corrupt", network: messy },
  {
    words: "all of that at once",
    family: 6,
    network: messy,
    apply: (simulation, nodes) =>
      Effect.forEach([skewed, slowed, blocked], (apply) => apply(simulation, nodes), { discard: true })
  }
]

/**
 * Some corrupted datagrams pass the checksum of version 1, because two flipped bits cancel each other, and can invent a
 * member. It never answers, so it is no longer listed after its death.
 */
const Settled = detection(Size + 1)

const endure = ({ apply, family = 4 }: Fault) =>
  Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const { falseDeaths } = recordViews(simulation)
    const nodes = yield* simulation.start(Size, { family })
    yield* simulation.untilConverged(Settled)
    const began = simulation.now()
    if (apply !== undefined) yield* apply(simulation, nodes)
    yield* Effect.sleep(began + Minutes * 60_000 - simulation.now())
    yield* simulation.untilConverged(Settled)
    assert.deepStrictEqual(falseDeaths(), [])
  })

/** Longer than the blocked sockets of all nodes in turn take. */
const Minutes = isLong ? 3 : 2

describe(`no node dies in ${Minutes} minutes, and all agree, with`, () => {
  for (const fault of faults) {
    it.effect.each(FewSeeds)(`${fault.words} (seed %i)`, (seed) =>
      Simulation.run(endure(fault), { seed, ...(fault.network && { network: fault.network }) })
    )
  }
})
