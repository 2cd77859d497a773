/**
 * How long a crash takes to be known to all: of a host, which falls silent, and of a
 * process, whose host refuses its datagrams. With `--curve`, the trade-off between
 * the least suspicion, the number of witnesses, and false deaths of members that
 * stall once.
 *
 *     node bench/detection/4-crash.ts --seeds 10 --sizes 10,50,128,1000
 */
import { Effect } from "effect"
import { all, type Mode, plain } from "./Modes.ts"
import * as Plot from "./Plot.ts"
import { type Cluster, options, run, watchDeaths } from "./Runs.ts"
import { median, quantile, seconds, table } from "./Statistics.ts"

const { seeds, short: isShort, sizes } = options({ seeds: 10, sizes: "10,50,128,1000" })

type Crash = "process" | "host"

/** Crashes in one run, one after the other. */
const Crashes = 3

/** Times until all survivors hold each crashed member dead, in ms. */
const crashes = (mode: Mode, nodes: number, kind: Crash, seed: number): Promise<ReadonlyArray<number>> =>
  run({ mode, nodes, seed }, (cluster: Cluster) =>
    Effect.gen(function* () {
      const { verbs } = cluster
      const took: Array<number> = []
      yield* Effect.sleep(30_000)
      for (const victim of cluster.nodes.slice(1, 1 + Crashes)) {
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

/** Deaths of one member that stalls once, in the eyes of the others. */
const stalls = (mode: Mode, nodes: number, length: number, seed: number): Promise<number> =>
  run({ mode, nodes, seed }, ({ nodes: cluster, verbs }) =>
    Effect.gen(function* () {
      yield* Effect.sleep(30_000 + ((seed * 377) % 1000))
      const [victim] = cluster
      if (victim === undefined) return 0
      let deaths = 0
      for (const node of cluster) {
        node.onViewChange((id, known) => {
          if (id === victim.id && known === "dead") deaths++
        })
      }
      yield* verbs.freeze(victim)
      yield* Effect.sleep(length)
      yield* verbs.thaw(victim)
      yield* Effect.sleep(20_000)
      return deaths
    })
  )

const modes: ReadonlyArray<Mode> = [plain, all]
const kinds: ReadonlyArray<Crash> = ["process", "host"]
const rows: Array<ReadonlyArray<string>> = []
const lines = kinds.flatMap((kind) =>
  modes.map((mode) => ({ kind, mode, name: `${mode.name}, ${kind}`, points: [] as Array<readonly [number, number]> }))
)
for (const nodes of sizes) {
  for (const line of lines) {
    const took: Array<number> = []
    for (const seed of seeds) took.push(...(await crashes(line.mode, nodes, line.kind, seed)))
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
console.log(table(["n", "crash of", "rules", "known to all, median (s)", "99 %", "most"], rows))
Plot.write("4-crash", {
  title: "Time until all know of a crash",
  x: "members",
  y: "ms",
  logX: true,
  lines
})

if (!isShort) {
  const Size = 50
  const witnesses = [0, 3, 6, 12]
  const fractions = [0.17, 0.33, 0.5, 0.67, 1]
  const curve: Array<ReadonlyArray<string>> = []
  const curves = witnesses.map((count) => ({
    name: `${count} witnesses`,
    points: [] as Array<readonly [number, number]>
  }))
  for (const [index, count] of witnesses.entries()) {
    for (const fraction of fractions) {
      const mode: Mode = { name: "", config: { probes: { witnesses: count, suspectMinFraction: fraction } } }
      const took: Array<number> = []
      const deaths = new Map([1000, 2000, 4000].map((length) => [length, 0]))
      for (const seed of seeds) {
        took.push(...(await crashes(mode, Size, "host", seed)))
        for (const length of deaths.keys()) {
          const found = await stalls(mode, Size, length, seed)
          deaths.set(length, (deaths.get(length) ?? 0) + (found > 0 ? 1 : 0))
        }
      }
      curves[index]?.points.push([median(took), deaths.get(4000) ?? 0])
      curve.push([
        String(count),
        String(fraction),
        seconds(median(took)),
        ...[...deaths.values()].map((runs) => `${runs} of ${seeds.length}`)
      ])
    }
  }
  console.log(`\nTrade-off at n = ${Size}: runs in which a member that stalls once is called dead by anybody\n`)
  console.log(
    table(["witnesses", "least suspicion / base", "host crash known (s)", "1 s stall", "2 s stall", "4 s stall"], curve)
  )
  Plot.write("4-trade-off", {
    title: `A host's crash against deaths of members that stall for 4 s, n = ${Size}`,
    x: "host crash known to all, median (ms)",
    y: `runs of ${seeds.length} with a false death`,
    lines: curves
  })
}
