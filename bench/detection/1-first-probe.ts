/**
 * When a crashed member is first probed in vain, in probe intervals. SWIM (section
 * 3.1) counts whole intervals, the one with the first such probe included, and
 * expects e/(e-1) = 1.58 of them at any size; the ring of section 4.3 bounds them by
 * 2n - 1. There are at least `--seeds` runs, and as many as `Wanted` crashes take.
 *
 *     node bench/detection/1-first-probe.ts --seeds 10 --sizes 8,32,128,512,2000
 */
import { Effect } from "effect"
import * as Plot from "./Plot.ts"
import { only } from "./Modes.ts"
import { options, run } from "./Runs.ts"
import { mean, quantile, short, table } from "./Statistics.ts"

const { seeds, short: isShort, sizes } = options({ seeds: 10, sizes: "8,32,128,512,2000" })
const Interval = 1000
/** Crashes of each size. */
const Wanted = isShort ? 20 : 200

/** Probe intervals after each crash, up to and with that of the first probe that fails. */
const firstFailures = (nodes: number, seed: number): Promise<ReadonlyArray<number>> =>
  run({ mode: only("off"), nodes, seed }, ({ nodes: cluster, verbs }) =>
    Effect.gen(function* () {
      yield* Effect.sleep(3 * Interval)
      // So few members of a large cluster crash within one interval that they do not matter to each other.
      const victims = cluster.slice(1, 1 + Math.max(1, Math.ceil(nodes / 20)))
      const crashedAt = new Map<unknown, number>()
      const failedAt = new Map<unknown, number>()
      for (const observer of cluster) {
        observer.onViewChange((id, known, { cause }) => {
          if (known !== "suspect" || cause !== "ProbeFailed" || !crashedAt.has(id) || failedAt.has(id)) return
          failedAt.set(id, verbs.now())
        })
      }
      const start = verbs.now()
      for (const [index, victim] of victims.entries()) {
        const at = start + Interval * (((seed * 0.618 + index / victims.length) % 1) + 0.001)
        crashedAt.set(victim.id, at)
      }
      for (const victim of victims.toSorted((a, b) => crashedAt.get(a.id)! - crashedAt.get(b.id)!)) {
        yield* Effect.sleep(Math.max(0, crashedAt.get(victim.id)! - verbs.now()))
        yield* verbs.crash(victim)
      }
      yield* verbs.until("the probes failed", () => failedAt.size === victims.length, "1 hour")
      // A failed probe began one interval before. One that began right before the crash counts as the first interval.
      return victims.map(({ id }) => Math.max(1, Math.ceil((failedAt.get(id)! - crashedAt.get(id)!) / Interval - 1)))
    })
  )

const rows: Array<ReadonlyArray<string>> = []
const means: Array<readonly [number, number]> = []
for (const nodes of sizes) {
  const found: Array<number> = []
  for (let seed = 1; seed <= seeds.length || found.length < Wanted; seed++) {
    found.push(...(await firstFailures(nodes, seed)))
  }
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
  y: "probe intervals, the one of the probe included",
  logX: true,
  lines: [
    { name: "mean", points: means },
    { name: "e/(e-1)", points: sizes.map((n) => [n, Math.E / (Math.E - 1)] as const) }
  ]
})
