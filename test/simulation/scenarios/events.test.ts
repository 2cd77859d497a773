import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Schema, type Scope, Stream } from "effect"
import * as ClusterEvent from "../../../src/events/ClusterEvent.ts"
import { Events } from "../../../src/events/Events.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import type { SimNode } from "../../../src/simulation/SimNode.ts"
import { isLong } from "../../Campaign.ts"
import { FewSeeds, Seeds } from "./Seeds.ts"
import { Spread } from "./TimeBounds.ts"

const Deploy = ClusterEvent.make("deploy", { payload: Schema.Struct({ version: Schema.Int }) })

/** The sizes of the campaign take minutes on a slow machine. */
const [Members, Newcomers] = isLong ? [100, 200] : [30, 60]

interface Arrival {
  readonly origin: bigint
  readonly version: number
  /** In ms of the simulation. */
  readonly at: number
}

/** Notes what arrives at a node from now on. */
const follow = (node: SimNode, now: () => number) =>
  Effect.gen(function* () {
    const arrivals: Array<Arrival> = []
    yield* Stream.runForEach(Context.get(node.context, Events).stream(Deploy), ({ origin, payload }) =>
      Effect.sync(() => arrivals.push({ origin, version: payload.version, at: now() }))
    ).pipe(Effect.forkScoped({ startImmediately: true }))
    return arrivals
  })

const publish = (node: SimNode, version: number) =>
  Effect.orDie(Context.get(node.context, Events).publish(Deploy, { version }))

const versions = (arrivals: ReadonlyArray<Arrival>) => arrivals.map(({ version }) => version)

const scenario = <E>(
  body: Effect.Effect<void, E, Simulation.Simulation | Scope.Scope>,
  options: Simulation.SimulationOptions
) => Simulation.run(Effect.scoped(body), options)

describe("events", () => {
  it.effect.each(FewSeeds)(
    `reach every one of ${Members} members once, nearly all within 3 s, under loss (seed %i)`,
    (seed) =>
      scenario(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const nodes = yield* simulation.start(Members, { config: { peers: [] } })
          yield* simulation.introduce(nodes)
          yield* Effect.sleep("15 seconds")
          const followed = yield* Effect.forEach(nodes, (node) => follow(node, simulation.now))
          const sentAt: Array<number> = []
          for (let version = 0; version < 20; version++) {
            sentAt.push(simulation.now())
            yield* publish(nodes[(version * 7) % Members]!, version)
            yield* Effect.sleep("100 millis")
          }
          yield* Effect.sleep("20 seconds")
          const all = followed.flat()
          const inTime = all.filter(({ at, version }) => at - sentAt[version]! <= 3000)
          assert.isAtLeast(inTime.length, 0.999 * 20 * Members)
          for (const arrivals of followed) {
            assert.strictEqual(new Set(versions(arrivals)).size, arrivals.length, "twice")
          }
        }),
        { seed, network: { loss: 0.1 } }
      )
  )

  it.effect.each(FewSeeds)(`arrive while ${Newcomers} members join (seed %i)`, (seed) =>
    scenario(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(10)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("5 seconds")
        const followed = yield* Effect.forEach(nodes, (node) => follow(node, simulation.now))
        yield* simulation.start(Newcomers)
        const sentAt: Array<number> = []
        for (let version = 0; version < 10; version++) {
          yield* Effect.sleep("200 millis")
          sentAt.push(simulation.now())
          yield* publish(nodes[version]!, version)
        }
        yield* Effect.sleep("5 seconds")
        for (const arrivals of followed) {
          assert.deepStrictEqual(
            versions(arrivals).toSorted((a, b) => a - b),
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
          )
          for (const { at, version } of arrivals) assert.isAtMost(at - sentAt[version]!, 3000)
        }
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("come once and in order, though datagrams are doubled, replayed and late (seed %i)", (seed) =>
    scenario(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const recorded: Array<{ readonly payload: Uint8Array; readonly from: string; readonly to: string }> = []
        const text = ({ host, port }: { readonly host: string; readonly port: number }) => `${host}:${port}`
        simulation.network.observe({
          sent: ({ destination, payload, source }) =>
            void recorded.push({ payload, from: text(source), to: text(destination) })
        })
        const nodes = yield* simulation.start(8)
        yield* simulation.untilConverged("20 seconds")
        const followed = yield* Effect.forEach(nodes, (node) => follow(node, simulation.now))
        const expected = Array.from({ length: 30 }, (_, version) => version)
        const start = recorded.length
        for (const version of expected) {
          yield* publish(nodes[0], version)
          yield* Effect.sleep("30 millis")
        }
        yield* Effect.sleep("10 seconds")
        for (const arrivals of followed) assert.deepStrictEqual(versions(arrivals), expected)
        for (const { from, payload, to } of recorded.slice(start, start + 400)) {
          yield* simulation.replay(payload, { from, to })
        }
        yield* Effect.sleep("10 seconds")
        for (const arrivals of followed) assert.lengthOf(arrivals, expected.length)
      }),
      { seed, network: { loss: 0.05, duplicate: 0.2, jitter: 50 } }
    )
  )

  it.effect.each(Seeds)("of a restarted origin come once, and its former ones not again (seed %i)", (seed) =>
    scenario(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(6)
        yield* simulation.untilConverged("10 seconds")
        // A life in the same second would have the same incarnation.
        yield* Effect.sleep("2 seconds")
        const others = nodes.slice(1)
        const followed = yield* Effect.forEach(others, (node) => follow(node, simulation.now))
        for (const version of [1, 2, 3]) yield* publish(nodes[0], version)
        yield* Effect.sleep("300 millis")
        const again = yield* simulation.restart(nodes[0])
        const own = yield* follow(again, simulation.now)
        yield* Effect.sleep(Spread)
        for (const version of [4, 5]) yield* publish(again, version)
        yield* Effect.sleep("10 seconds")
        for (const arrivals of followed) assert.deepStrictEqual(versions(arrivals), [1, 2, 3, 4, 5])
        assert.deepStrictEqual(versions(own), [4, 5])
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("pass a mixed cluster by members of level 1 alone (seed %i)", (seed) =>
    scenario(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const nodes = yield* simulation.start(5)
        yield* simulation.startLevel0(10)
        yield* simulation.untilConverged("20 seconds")
        const followed = yield* Effect.forEach(nodes, (node) => follow(node, simulation.now))
        yield* publish(nodes[2], 1)
        yield* Effect.sleep("10 seconds")
        for (const arrivals of followed) assert.deepStrictEqual(versions(arrivals), [1])
      }),
      { seed }
    )
  )
})
