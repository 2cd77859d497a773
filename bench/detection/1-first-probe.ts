/**
 * When a crashed member is first probed in vain, in probe intervals. SWIM (section
 * 3.1) expects e/(e-1) = 1.58 intervals at any size; the ring of section 4.3 bounds
 * it by 2n - 1.
 *
 *     node bench/detection/1-first-probe.ts --seeds 10 --sizes 8,32,128,512,2000
 */
import { Effect } from "effect"
import * as Plot from "./Plot.ts"
import { only } from "./Modes.ts"
import { options, run } from "./Runs.ts"
import { mean, quantile, short, table } from "./Statistics.ts"

const { seeds, sizes } = options({ seeds: 10, sizes: "8,32,128,512,2000" })
const Interval = 1000
/** Members that are killed in one run, one after the other. */
const Kills = 20

/** Intervals from the crash to the start of the first probe that fails. */
const firstFailures = (nodes: number, seed: number): Promise<ReadonlyArray<number>> =>
  run({ mode: only("off"), nodes, seed }, ({ nodes: cluster, verbs }) =>
    Effect.gen(function* () {
      const found: Array<number> = []
      yield* Effect.sleep(3 * Interval)
      for (const victim of cluster.slice(1, 1 + Math.min(Kills, nodes >> 2))) {
        yield* Effect.sleep(Interval * Math.random())
        let failedAt = NaN
        for (const observer of cluster) {
          observer.onViewChange((id, known, { cause }) => {
            if (id === victim.id && known === "suspect" && cause === "ProbeFailed" && Number.isNaN(failedAt)) {
              failedAt = verbs.now()
            }
          })
        }
        const at = verbs.now()
        yield* verbs.kill(victim)
        yield* verbs.until("a probe failed", () => !Number.isNaN(failedAt), "1 hour")
        // A failed probe was started one interval before.
        found.push((failedAt - Interval - at) / Interval)
      }
      return found
    })
  )

const rows: Array<ReadonlyArray<string>> = []
const means: Array<readonly [number, number]> = []
for (const nodes of sizes) {
  const found: Array<number> = []
  for (const seed of seeds) found.push(...(await firstFailures(nodes, seed)))
  // SWIM counts the period in which the failing probe ends: one interval more than its start, on average half of it is
  // the wait for the next period.
  means.push([nodes, mean(found)])
  rows.push([
    String(nodes),
    String(found.length),
    short(mean(found)),
    short(quantile(found, 0.5)),
    short(quantile(found, 0.99)),
    short(Math.max(...found)),
    String(2 * nodes - 1)
  ])
}
console.log(table(["n", "crashes", "mean", "median", "99 %", "most", "bound 2n-1"], rows))
Plot.write("1-first-probe", {
  title: "First failed probe of a crashed member",
  x: "members",
  y: "probe intervals after the crash",
  logX: true,
  lines: [
    { name: "mean", points: means },
    { name: "e/(e-1)", points: sizes.map((n) => [n, Math.E / (Math.E - 1)] as const) }
  ]
})
