/**
 * How long a crash takes to be known to all: of a host, which falls silent, and of a
 * process, whose host refuses its datagrams. With `--curve` instead, the trade-off between
 * the least suspicion, the number of witnesses, and false deaths of members that
 * stall once.
 *
 *     node bench/detection/4-crash.ts --seeds 10 --sizes 10,50,128,1000
 */
import { Effect } from "effect"
import { profileNames } from "../../src/config/Profile.ts"
import { linesOf, memberlist, type Mode } from "./Modes.ts"
import * as Plot from "./Plot.ts"
import { type Cluster, options, run, watchDeaths, watchFalseVerdicts } from "./Runs.ts"
import { median, quantile, seconds, table } from "./Statistics.ts"

const { curve, modes, seeds, short: isShort, sizes } = options({ seeds: 10, sizes: "10,50,128,1000" })

type Crash = "process" | "host"

/** Crashes in one run, one after the other. A large cluster has more of them and fewer seeds. */
const crashesOf = (nodes: number): number => (isShort ? 1 : nodes < 1000 ? 3 : 6)
const seedsOf = (nodes: number): ReadonlyArray<number> =>
  nodes < 1000 ? seeds : seeds.slice(0, Math.ceil(seeds.length / 5))

/** Times until all survivors hold each crashed member dead, in ms. */
const crashes = (mode: Mode, nodes: number, kind: Crash, seed: number): Promise<ReadonlyArray<number>> =>
  run({ mode, nodes, seed }, (cluster: Cluster) =>
    Effect.gen(function* () {
      const { verbs } = cluster
      const took: Array<number> = []
      yield* Effect.sleep(10_000)
      for (const victim of cluster.nodes.slice(1, 1 + crashesOf(nodes))) {
        yield* Effect.sleep(500 + 1000 * (((seed + took.length) * 0.618) % 1))
        const observers = cluster.nodes.filter((node) => node !== victim && node.condition === "up")
        const deaths = watchDeaths(cluster, observers, victim)
        const start = verbs.now()
        yield* kind === "process" ? verbs.kill(victim) : verbs.crash(victim)
        yield* verbs.until("all know of the death", () => deaths.size === observers.length, "5 minutes")
        took.push(Math.max(...deaths.values()) - start)
      }
      return took
    })
  )

/** The stalls whose cost is measured, in ms. */
const Stalls = [1000, 2000, 4000]

/** How many others held a member dead that stalled once, for each stall. */
const stalls = (mode: Mode, nodes: number, seed: number): Promise<ReadonlyArray<number>> =>
  run({ mode, nodes, seed }, ({ nodes: cluster, verbs }) =>
    Effect.gen(function* () {
      yield* Effect.sleep(10_000 + ((seed * 377) % 1000))
      const deaths = []
      for (const [index, length] of Stalls.entries()) {
        const victim = cluster[index]
        if (victim === undefined) continue
        const verdicts = watchFalseVerdicts(cluster, (node) => node === victim)
        yield* verbs.freeze(victim)
        yield* Effect.sleep(length)
        yield* verbs.thaw(victim)
        yield* Effect.sleep(15_000)
        deaths.push(verdicts.deaths)
      }
      return deaths
    })
  )

const kinds: ReadonlyArray<Crash> = ["process", "host"]
const rows: Array<ReadonlyArray<string>> = []
const lines = kinds.flatMap((kind) => linesOf(modes).map((line) => ({ ...line, kind, name: `${line.name}, ${kind}` })))
for (const nodes of curve ? [] : sizes) {
  for (const line of lines) {
    const took: Array<number> = []
    for (const seed of seedsOf(nodes)) took.push(...(await crashes(line.mode, nodes, line.kind, seed)))
    line.points.push([nodes, median(took)])
    rows.push([
      String(nodes),
      line.kind,
      line.mode.name,
      seconds(median(took)),
      seconds(quantile(took, 0.99)),
      seconds(Math.max(...took))
    ])
  }
}
if (!curve) {
  console.log(table(["n", "crash of", "rules", "known to all, median (s)", "99 %", "most"], rows))
  Plot.write("4-crash", { title: "Time until all know of a crash", x: "members", y: "ms", logX: true, lines })
}

/** Parts of `suspectTimeout` that are the least suspicion. */
const Fractions = [0.33, 0.5, 0.67, 1]
/** The profiles with their own times, beside the curve. */
const points: ReadonlyArray<Mode> = [
  memberlist,
  ...profileNames.map((name) => ({ name: `profile ${name}`, config: { profile: name } }))
]

if (curve) {
  const Size = 50
  const tried = [0, 3, 6, 12].map((witnesses) => ({
    name: `${witnesses} witnesses`,
    scattered: false,
    modes: Fractions.map((fraction) => ({
      name: `${witnesses} witnesses, ${fraction}`,
      config: { probes: { witnesses, suspectMinFraction: fraction } }
    }))
  }))
  const rows: Array<ReadonlyArray<string>> = []
  const lines = []
  for (const { modes, ...line } of [
    ...tried,
    ...points.map((mode) => ({ name: mode.name, scattered: true, modes: [mode] }))
  ]) {
    const points: Array<readonly [number, number]> = []
    for (const mode of modes) {
      const took: Array<number> = []
      const runs = Stalls.map(() => 0)
      for (const seed of seeds) {
        took.push(...(await crashes(mode, Size, "host", seed)))
        for (const [index, deaths] of (await stalls(mode, Size, seed)).entries()) {
          if (deaths > 0) runs[index]! += 1
        }
      }
      points.push([median(took), runs.at(-1)!])
      rows.push([mode.name, seconds(median(took)), ...runs.map((count) => `${count} of ${seeds.length}`)])
    }
    lines.push({ ...line, points })
  }
  console.log(`\nTrade-off at n = ${Size}: runs in which a member that stalls once is called dead by anybody\n`)
  console.log(
    table(["witnesses, least suspicion / base", "host crash known (s)", "1 s stall", "2 s stall", "4 s stall"], rows)
  )
  Plot.write("4-trade-off", {
    title: `A host's crash against deaths of members that stall for 4 s, n = ${Size}`,
    x: "host crash known to all, median (ms)",
    y: `runs of ${seeds.length} with a false death`,
    lines
  })
}
