import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect } from "effect"
import { FailureDetector } from "../../../src/failure-detector/FailureDetector.ts"
import type { SimNode } from "../../../src/simulation/SimNode.ts"
import * as Simulation from "../../../src/simulation/Simulation.ts"
import { isLong } from "../../Campaign.ts"
import { Seeds } from "./Seeds.ts"
import { detection, HealContact, Spread, suspicion } from "./TimeBounds.ts"
import { recordViews } from "./ViewRecord.ts"

const sizes: ReadonlyArray<10 | 50> = isLong ? [10, 50] : [10]

/** Nodes of level 1, after the first probes, so that they know each other's level. */
const started = <const N extends number>(count: N) =>
  Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const record = recordViews(simulation)
    const nodes = yield* simulation.start(count)
    yield* simulation.untilConverged("20 seconds")
    yield* Effect.sleep("20 seconds")
    return { simulation, nodes, ...record }
  })

const healthOf = (node: SimNode): number => Context.get(node.context, FailureDetector).health.score

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

describe("a process that is killed", () => {
  it.effect.each(sizes)(
    "is known to be dead everywhere within 2.5 s, in the median of seven, in a cluster of %i",
    (size) =>
      Simulation.run(
        Effect.gen(function* () {
          const { falseDeaths, nodes, simulation } = yield* started(size)
          const took: Array<number> = []
          for (const node of nodes.slice(1, 8)) {
            yield* Effect.sleep("3700 millis")
            const killed = simulation.now()
            yield* simulation.kill(node)
            yield* simulation.untilEveryoneSees(node, "dead", detection(size))
            took.push(simulation.now() - killed)
          }
          assert.isAtMost(median(took), 2500)
          assert.deepStrictEqual(falseDeaths(), [])
        })
      )
  )
})

describe("a member of a cluster of two", () => {
  it.effect("that crashes is dead after the least suspicion, since nobody else can accuse it", () =>
    Simulation.run(
      Effect.gen(function* () {
        const { find, nodes, simulation } = yield* started(2)
        const [observer, other] = nodes
        yield* simulation.crash(other)
        yield* simulation.untilEveryoneSees(other, "dead", detection(2))
        const { probes } = observer.config
        const [suspected] = find({ by: observer, kind: "Suspected" })
        const [died] = find({ by: observer, kind: "Died" })
        const lasted = (died?.at ?? NaN) - (suspected?.at ?? NaN)
        const least = probes.suspectMinFraction * Duration.toMillis(probes.suspectTimeout)
        assert.isAtLeast(lasted, least)
        assert.isAtMost(lasted, least + Duration.toMillis(probes.suspectJitter))
      })
    )
  )
})

describe("what rejects that it should carry", () => {
  it.effect.each(Seeds)("causes no false death, if it is one link (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { falseDeaths, nodes, simulation } = yield* started(10)
        const [a, b] = nodes
        yield* simulation.reject(a, b)
        yield* simulation.reject(b, a)
        yield* Effect.sleep("3 minutes")
        for (const node of [a, b]) {
          // The test is not trivial: each found the other out of reach.
          assert.isAbove(Context.get(node.context, FailureDetector).counters.directTimeouts, 2)
        }
        assert.deepStrictEqual(falseDeaths(), [])
        yield* simulation.untilConverged(0)
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("causes no death of another, if it is most of what one host sends (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { falseDeaths, find, nodes, simulation } = yield* started(10)
        const [, host] = nodes
        host.host.egress().reject = 0.6
        const from = simulation.now()
        yield* Effect.sleep("2 minutes")
        assert.isNotEmpty(find({ kind: "Suspected", by: host, since: from }))
        assert.deepStrictEqual(
          falseDeaths().filter(({ of }) => of !== host.id),
          []
        )
      }),
      { seed }
    )
  )
})

describe("a member that leaves", () => {
  it.effect.each(Seeds)("is shown as left by every node, also by one that got no LEAVE (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { nodes, simulation } = yield* started(6)
        const [leaver, deaf, ...others] = nodes
        yield* simulation.cut(leaver, deaf)
        yield* simulation.stop(leaver)
        yield* Effect.sleep(Spread)
        for (const node of [deaf, ...others]) assert.strictEqual(node.statusOf(leaver.id), "left")
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("is shown as left by one that held it dead (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { nodes, simulation } = yield* started(6)
        const [leaver, apart, ...others] = nodes
        yield* simulation.partition([apart], [leaver, ...others])
        yield* simulation.stop(leaver)
        yield* Effect.sleep("2 seconds")
        yield* simulation.heal
        // What the one that was apart says of the leaver is answered.
        apart.view.declareDead(apart.view.slotOf(leaver.id), { _tag: "ProbeFailed", relays: [] }, simulation.now())
        yield* Effect.sleep(Spread)
        for (const node of [apart, ...others]) assert.strictEqual(node.statusOf(leaver.id), "left", node.name)
      }),
      { seed }
    )
  )
})

describe("a member that stalls", () => {
  it.effect.each(Seeds)("for 6.5 s of every 8 s is called dead no more after the fourth time (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { find, nodes, simulation } = yield* started(10)
        const [, , stalling] = nodes
        const began = simulation.now()
        for (let i = 0; i < 8; i++) {
          yield* simulation.freeze(stalling)
          yield* Effect.sleep("6500 millis")
          yield* simulation.thaw(stalling)
          yield* Effect.sleep("1500 millis")
        }
        const deaths = find({ kind: "Died", of: stalling, since: began })
        // Without damping each stall would be as deadly as the first.
        assert.isNotEmpty(deaths)
        assert.deepStrictEqual(
          deaths.filter(({ at }) => at >= began + 4 * 8000),
          []
        )
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("once for 1 s or for 2 s is dead in no view (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { find, nodes, simulation } = yield* started(10)
        for (const [i, node] of nodes.entries()) {
          yield* simulation.freeze(node)
          yield* Effect.sleep(i % 2 === 0 ? "1 second" : "2 seconds")
          yield* simulation.thaw(node)
          yield* Effect.sleep(`${3000 + 137 * i} millis`)
        }
        assert.isNotEmpty(find({ kind: "Suspected" }))
        assert.deepStrictEqual(find({ kind: "Died" }), [])
        yield* simulation.untilConverged(Spread)
      }),
      { seed }
    )
  )
})

describe("local health", () => {
  it.effect("stays good when relays say that they have no answer either, and not when all are silent", () =>
    Simulation.run(
      Effect.gen(function* () {
        const { find, nodes, simulation } = yield* started(10)
        const [, gone, deaf, ...others] = nodes
        const worst = new Map<string, number>()
        const watch = (time: number) =>
          Effect.gen(function* () {
            for (const end = simulation.now() + time; simulation.now() < end;) {
              yield* Effect.sleep("50 millis")
              for (const node of [deaf, ...others]) {
                worst.set(node.name, Math.max(worst.get(node.name) ?? 0, healthOf(node)))
              }
            }
          })
        yield* simulation.crash(gone)
        yield* watch(8000)
        assert.isNotEmpty(find({ kind: "Died", of: gone }))
        assert.deepStrictEqual([...new Set(worst.values())], [0])
        deaf.host.ingress().cut = true
        yield* watch(4000)
        assert.isAtLeast(worst.get(deaf.name)!, 2)
      })
    )
  )
})

describe("a cluster that is split 14 ms after it has formed", () => {
  it.effect.each([...new Set([...Seeds, 4])])(
    "for ten minutes is one again at the latest ten minutes after the heal (seed %i)",
    (seed) =>
      Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const [founder] = yield* simulation.start(1)
          const nodes = yield* simulation.start(6)
          yield* simulation.untilConverged("10 seconds")
          yield* Effect.sleep("14 millis")
          // No bootstrap peer brings the halves together again.
          yield* simulation.crash(founder)
          const halves = [nodes.slice(0, 3), nodes.slice(3)] as const
          yield* simulation.partition(...halves)
          // Members that never answered are tried ten times, and then rest for as long as they have been dead.
          yield* Effect.sleep("10 minutes")
          for (const [by, of] of [halves, halves.toReversed()] as const) {
            for (const node of by!) for (const other of of!) assert.strictEqual(node.statusOf(other.id), "unknown")
          }
          yield* simulation.heal
          yield* simulation.untilConverged(600_000 + HealContact + Spread, nodes)
        }),
        { seed }
      )
  )
})

describe("a cluster of three nodes of level 1 and five of level 0", () => {
  const mixed = Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const record = recordViews(simulation)
    const modern = yield* simulation.start(3)
    const old = yield* simulation.startLevel0(5)
    yield* simulation.untilConverged("30 seconds")
    yield* Effect.sleep("20 seconds")
    return { simulation, modern, old, ...record }
  })

  it.effect.each(Seeds)("sees a crash of each kind, and a member that leaves (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { falseDeaths, modern, old, simulation } = yield* mixed
        for (const node of [modern[1], old[1]]) {
          yield* simulation.crash(node)
          yield* simulation.untilEveryoneSees(node, "dead", detection(8))
        }
        const [a, , c] = modern
        yield* simulation.stop(c)
        yield* Effect.sleep(Spread)
        assert.strictEqual(a.statusOf(c.id), "left")
        assert.deepStrictEqual(
          falseDeaths().filter(({ of }) => of !== c.id),
          []
        )
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("suspects nobody for one cut pair of level 1, whose relays are mostly old (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { find, modern, simulation } = yield* mixed
        const [a, b] = modern
        const from = simulation.now()
        yield* simulation.cut(a, b)
        yield* simulation.cut(b, a)
        yield* Effect.sleep("3 minutes")
        // The old ones suspect for reasons of their own.
        for (const node of modern) {
          assert.deepStrictEqual(
            find({ kind: "Suspected", by: node, since: from }).filter(({ of }) => of === a.id || of === b.id),
            []
          )
        }
      }),
      { seed }
    )
  )

  it.effect.each(Seeds)("heals after a split (seed %i)", (seed) =>
    Simulation.run(
      Effect.gen(function* () {
        const { modern, old, simulation } = yield* mixed
        yield* simulation.partition([modern[0], old[0], old[1]], [modern[1], modern[2], ...old.slice(2)])
        yield* Effect.sleep(8 * 2000 + suspicion(8))
        yield* simulation.heal
        yield* simulation.untilConverged(2 * HealContact + detection(8))
      }),
      { seed }
    )
  )
})
