/**
 * How fast one change spreads, and what it costs: the time until 99.99 % of the
 * members know of a member that joined, for several retransmit limits, without
 * loss and with 25 %.
 *
 *     node bench/detection/2-spread.ts --seeds 10 --sizes 100,1000
 */
import { Effect } from "effect"
import * as NodeId from "../../src/domain/NodeId.ts"
import { all, linesOf, memberlist, type Mode } from "./Modes.ts"
import * as Plot from "./Plot.ts"
import { options, run } from "./Runs.ts"
import { median, quantile, seconds, short, table } from "./Statistics.ts"

const { seeds, short: isShort, sizes } = options({ seeds: 10, sizes: "100,1000" })
/** Changes in one run, one after the other. A large cluster has more of them and fewer seeds. */
const changesOf = (nodes: number): number => (isShort || nodes < 1000 ? 1 : 5)
const seedsOf = (nodes: number): ReadonlyArray<number> =>
  nodes < 1000 ? seeds : seeds.slice(0, Math.ceil(seeds.length / changesOf(nodes)))

/** For each change, when half and 99.99 % of the members know of it, in ms, and the bytes that each sent for it. */
const spread = (mode: Mode, nodes: number, loss: number, seed: number) =>
  run({ mode, nodes, seed, network: { loss } }, ({ nodes: cluster, verbs }) =>
    Effect.gen(function* () {
      yield* Effect.sleep(2000)
      const idleFrom = verbs.network.counters.sentBytes
      yield* Effect.sleep(2000)
      const idle = (verbs.network.counters.sentBytes - idleFrom) / 2000
      const known = new Map<unknown, Array<number>>()
      for (const node of cluster) {
        node.onViewChange((id, status) => {
          if (status === "alive") known.get(id)?.push(verbs.now())
        })
      }
      const wanted = Math.ceil(0.9999 * nodes)
      const found = []
      for (let change = 0; change < changesOf(nodes); change++) {
        const start = verbs.now()
        const before = verbs.network.counters.sentBytes
        const times: Array<number> = []
        // Its id is its number.
        known.set(NodeId.fromWords(0, nodes + 1 + change), times)
        yield* verbs.start(1, { config: mode.config })
        yield* verbs.until("the change is known", () => times.length >= wanted, "1 minute")
        const took = verbs.now() - start
        yield* Effect.sleep(6000 - Math.min(5900, took))
        const bytes = verbs.network.counters.sentBytes - before - idle * (verbs.now() - start)
        found.push({ took, half: median(times) - start, perNode: bytes / nodes })
      }
      return found
    })
  )

const tried: ReadonlyArray<Mode> = [3, 4, 6].map((multiplier) => ({
  name: `multiplier ${multiplier}`,
  config: { ...all.config, gossip: { retransmitMultiplier: multiplier } }
}))
const rows: Array<ReadonlyArray<string>> = []
const lines = linesOf([...tried, memberlist])
for (const loss of [0, 0.25]) {
  for (const nodes of sizes) {
    for (const { mode, points } of lines) {
      const found = []
      for (const seed of seedsOf(nodes)) found.push(...(await spread(mode, nodes, loss, seed)))
      const times = found.map(({ took }) => took)
      rows.push([
        `${100 * loss} %`,
        String(nodes),
        mode.name,
        seconds(median(found.map(({ half }) => half))),
        seconds(median(times)),
        seconds(quantile(times, 0.99)),
        short(median(found.map(({ perNode }) => perNode)))
      ])
      if (loss === 0) points.push([nodes, median(times)])
    }
  }
}
console.log(
  table(["loss", "n", "rules", "half know (s)", "99.99 % know (s)", "99 % of runs (s)", "bytes per node"], rows)
)
Plot.write("2-spread", {
  title: "Time until 99.99 % know of a change, without loss",
  x: "members",
  y: "ms",
  logX: true,
  lines
})
