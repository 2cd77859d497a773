import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { AnyNode } from "../../../src/simulation/SimNode.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { chronicle, FewSeeds, HealTry, LossySpread, Patience, Seeds, Spread, suspicion } from "./support.ts"

const Size = 20
/**
 * Until a half holds all of the other dead. Its ten nodes probe at once, so somebody has tried each of the lost before
 * one wrap of the ring (n - 1 probes of 1 s) is over, although failures slow each of them down; and then the suspicion
 * runs out.
 */
const Apart = (Size - 1) * 1000 + suspicion(Size)

/**
 * Where datagrams are lost, a death claim of the time apart may meet somebody whom a probe has just failed, and is
 * believed at once. Such a death lasts as long as it takes to be refuted, in ms.
 */
const Moment = 1000

/** Cuts a cluster in two halves, lets them be for a time, heals the cut, and waits until all agree. */
const cutFor = (time: Duration.Input, spread: number, moment = 0) =>
  Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const { find, notes, wrongs } = chronicle(simulation)
    // All know each other through one that leaves, so that no bootstrap peer brings them together again.
    const [founder] = yield* simulation.start(1)
    const nodes = yield* simulation.start(Size)
    yield* simulation.untilConverged("10 seconds")
    yield* simulation.stop(founder)
    // Who never answered a probe may be an invention, and is not looked for long: so all have time to probe all.
    yield* Effect.sleep((2 * Size - 1) * 1000)
    yield* simulation.untilConverged(spread)
    const halves: ReadonlyArray<ReadonlyArray<AnyNode>> = [nodes.slice(0, Size / 2), nodes.slice(Size / 2)]

    yield* simulation.partition(...halves)
    const cut = simulation.now()
    const apart = halves.map((half) => simulation.untilConverged(Apart, half))
    yield* Effect.all(apart, { concurrency: "unbounded" })
    yield* Effect.sleep(cut + Duration.toMillis(time) - simulation.now())
    for (const half of halves) {
      for (const by of half) for (const of of half) assert.deepStrictEqual(find({ kind: "Died", of, by }), [])
    }

    yield* simulation.heal
    const healed = simulation.now()
    yield* simulation.untilConverged(HealTry + spread)
    // Death claims of the time apart cross over with everything else: they kill nobody for good, now or later.
    yield* Effect.sleep("30 seconds")
    yield* simulation.untilConverged(spread)
    const lasting = wrongs(healed).filter(
      ({ at, by, of }) =>
        !notes.some(
          (note) =>
            note.kind === "Recovered" && note.by === by && note.of === of && note.at > at && note.at <= at + moment
        )
    )
    assert.deepStrictEqual(lasting, [])
  })

describe("two halves of twenty", () => {
  it.effect.each(Seeds)(
    "that were cut for a minute settle on their own, and agree 14.5 s after the cut ends (seed %i)",
    (seed) => Simulation.run(cutFor("1 minute", Spread), { seed })
  )

  it.effect.each(FewSeeds)("do so in 17.5 s where one datagram of ten is lost (seed %i)", (seed) =>
    Simulation.run(cutFor("1 minute", LossySpread, Moment), { seed, network: { loss: 0.1 } })
  )

  it.effect(
    "that were cut for an hour, and forgot each other's deaths, agree as soon",
    () => Simulation.run(cutFor("1 hour", Spread)),
    Patience
  )

  it.effect(
    "that were cut for five minutes, longer than tombstones last, agree as soon where one datagram of ten is lost",
    () => Simulation.run(cutFor("5 minutes", LossySpread, Moment), { network: { loss: 0.1 } }),
    Patience
  )
})
