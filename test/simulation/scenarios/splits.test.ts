import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { AnyNode } from "../../../src/simulation/SimNode.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { isLong } from "../../Campaign.ts"
import { FewSeeds, Seeds } from "./Seeds.ts"
import { HealContact, LossySpread, Spread, suspicion } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const Size = 20
/**
 * The time until one half sees all of the other dead. Its ten nodes probe concurrently, so each lost node has been probed
 * within one wrap of the ring (n - 1 probes of 1 s), although failures slow each prober down. Then the suspicions expire.
 */
const Separation = (Size - 1) * 1000 + suspicion(Size)

/**
 * Where datagrams are lost, a death claim from the time of the partition may reach a node whose probe of that member has
 * just failed, and which believes the claim at once. Such a death lasts until the refutation arrives, in ms.
 */
const Moment = 1000

/** Partitions a cluster into two halves for some time, heals it, and waits until all agree. */
const cutFor = (time: Duration.Input, spread: number, moment = 0) =>
  Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const { find, changes, falseDeaths } = recordViews(simulation)
    // They join through a node that leaves, so that no bootstrap peer brings the halves together again.
    const [founder] = yield* simulation.start(1)
    const nodes = yield* simulation.start(Size)
    yield* simulation.untilConverged("10 seconds")
    yield* simulation.stop(founder)
    // A member that never answered a probe is contacted for a short time only, so all have time to probe all.
    yield* Effect.sleep((2 * Size - 1) * 1000)
    yield* simulation.untilConverged(spread)
    const halves: ReadonlyArray<ReadonlyArray<AnyNode>> = [nodes.slice(0, Size / 2), nodes.slice(Size / 2)]

    yield* simulation.partition(...halves)
    const cut = simulation.now()
    const apart = halves.map((half) => simulation.untilConverged(Separation, half))
    yield* Effect.all(apart, { concurrency: "unbounded" })
    yield* Effect.sleep(cut + Duration.toMillis(time) - simulation.now())
    for (const half of halves) {
      for (const by of half) for (const of of half) assert.deepStrictEqual(find({ kind: "Died", of, by }), [])
    }

    yield* simulation.heal
    const healed = simulation.now()
    yield* simulation.untilConverged(HealContact + spread)
    // Death claims from the time of the partition arrive too. They have no lasting effect, now or later.
    yield* Effect.sleep("30 seconds")
    yield* simulation.untilConverged(spread)
    const lasting = falseDeaths(healed).filter(
      ({ at, by, of }) =>
        !changes.some(
          (change) =>
            change.kind === "Recovered" &&
            change.by === by &&
            change.of === of &&
            change.at > at &&
            change.at <= at + moment
        )
    )
    assert.deepStrictEqual(lasting, [])
  })

describe("two halves of twenty", () => {
  it.effect.each(Seeds)(
    "that are separated for a minute agree among themselves, and with each other 14.5 s after the heal (seed %i)",
    (seed) => Simulation.run(cutFor("1 minute", Spread), { seed })
  )

  it.effect.each(FewSeeds)("do so within 17.5 s where one datagram of ten is lost (seed %i)", (seed) =>
    Simulation.run(cutFor("1 minute", LossySpread, Moment), { seed, network: { loss: 0.1 } })
  )

  if (!isLong) return
  it.effect("that are separated for an hour, and forget each other's deaths, agree as soon", () =>
    Simulation.run(cutFor("1 hour", Spread))
  )

  it.effect(
    "that are separated for five minutes, longer than tombstones last, agree as soon with a loss of one tenth",
    () => Simulation.run(cutFor("5 minutes", LossySpread, Moment), { network: { loss: 0.1 } })
  )
})
