import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { RunnerAddress, RunnerHealth as Health, ShardingConfig } from "effect/cluster"
import { RunnerHealth } from "../../src/effect-cluster/index.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import type { SimNode } from "../../src/simulation/SimNode.ts"
import { Membership } from "../../src/membership/Membership.ts"
import { isLong } from "../Campaign.ts"
import { takeOver } from "./Runners.ts"

const addressOf = (number: number) => RunnerAddress.make(`10.1.0.${number}`, 34_431)

/** The health of runners, on a node whose runner has the number of its address. */
const layer = Layer.unwrap(
  Effect.map(
    Effect.flatMap(Membership, ({ self }) => self),
    ({ id }) =>
      RunnerHealth.layerGossip({ grace: "30 seconds" }).pipe(
        Layer.provide(
          Layer.succeed(ShardingConfig.ShardingConfig, {
            ...ShardingConfig.defaults,
            runnerAddress: Option.some(addressOf(Number(id)))
          })
        )
      )
  )
)

const isAlive = (node: SimNode<Health.RunnerHealth>, number: number) =>
  node.run(Context.get(node.context, Health.RunnerHealth).isAlive(addressOf(number)))

describe("RunnerHealth.layerGossip", () => {
  it.effect("follows the member of each runner, also after it was removed from the list", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [first, second, third, fourth] = yield* simulation.startWith(layer, 4)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("5 seconds")
        for (const number of [1, 2, 3, 4]) assert.isTrue(yield* isAlive(first, number), `runner ${number}`)

        yield* simulation.kill(second)
        yield* simulation.untilEveryoneSees(second, "suspect", "10 seconds")
        assert.isTrue(yield* isAlive(first, 2))
        yield* simulation.untilEveryoneSees(second, "dead", "10 seconds")
        assert.isFalse(yield* isAlive(first, 2))
        yield* simulation.stop(third)
        yield* Effect.sleep("1 second")
        assert.isFalse(yield* isAlive(first, 3))
        yield* Effect.sleep("10 minutes")
        assert.isFalse(yield* isAlive(first, 2))
        assert.isFalse(yield* isAlive(first, 3))
        assert.isTrue(yield* isAlive(first, 4))
        // A member that names no runner any more says nothing for it.
        yield* fourth.membership.setTags({})
        yield* Effect.sleep("5 seconds")
        assert.isFalse(yield* isAlive(first, 4))

        // It comes back with a new id, which the tag says nothing about.
        yield* simulation.restart(second, { identity: "same" })
        yield* simulation.untilConverged("30 seconds", [first, fourth])
        yield* Effect.sleep("10 seconds")
        assert.isTrue(yield* isAlive(first, 2))
      }),
      { seed: 1 }
    )
  )

  it.effect("takes a runner that nobody has named for alive, until the grace is over", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const [node] = yield* simulation.startWith(layer, 1)
        assert.isTrue(yield* isAlive(node, 99))
        // The grace does not follow the wall clock.
        node.clock.setWallClock(3_600_000)
        yield* Effect.sleep("29 seconds")
        assert.isTrue(yield* isAlive(node, 99))
        node.clock.setWallClock(-7_200_000)
        yield* Effect.sleep("2 seconds")
        assert.isFalse(yield* isAlive(node, 99))
      }),
      { seed: 1 }
    )
  )

  // In real processes, which takes many seconds.
  it.live.each(isLong ? [4] : [])(
    "lets others answer for the entities of a runner that is killed, once its locks of %i s have expired",
    (lock) => Effect.map(takeOver("gossip", lock), ({ entities }) => assert.isAbove(entities, 0))
  )
})
