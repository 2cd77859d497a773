/**
 * A partition of one half that ends: the time until all agree again, live members
 * that are held dead after the heal, and what a node sends while the halves are
 * apart.
 *
 *     node bench/detection/6-partition.ts --seeds 10 --sizes 128 --lengths 10,60,3600
 */
import { Effect } from "effect"
import { type Mode } from "./Modes.ts"
import { options, run, watchFalseVerdicts } from "./Runs.ts"
import { median, quantile, seconds, short, table } from "./Statistics.ts"

const { lengths: given, modes, seeds, short: isShort, sizes } = options({ seeds: 10, sizes: "128" })
/** How long the halves are apart, in ms. */
const lengths = isShort ? [10_000] : given.map((length) => 1000 * length)

const partition = (mode: Mode, nodes: number, length: number, seed: number) =>
  run({ mode, nodes, seed }, ({ nodes: cluster, verbs }) =>
    Effect.gen(function* () {
      yield* Effect.sleep(5000)
      yield* verbs.partition(cluster.slice(0, nodes >> 1))
      const before = verbs.network.counters.sentBytes
      yield* Effect.sleep(length)
      const apart = (verbs.network.counters.sentBytes - before) / nodes / (length / 1000)
      yield* verbs.heal
      const start = verbs.now()
      // A death that was on its way when the partition ended counts too.
      const verdicts = watchFalseVerdicts(cluster, () => true)
      const healed = yield* Effect.match(verbs.untilConverged("5 minutes"), {
        onFailure: () => Infinity,
        onSuccess: () => verbs.now() - start
      })
      return { healed, deaths: verdicts.deaths, apart }
    })
  )

const rows: Array<ReadonlyArray<string>> = []
for (const nodes of sizes) {
  for (const length of lengths) {
    for (const mode of modes) {
      // An hour of many nodes takes long to simulate, so it has one seed.
      const found = []
      for (const seed of length > 1_000_000 ? seeds.slice(0, 1) : seeds) {
        found.push(await partition(mode, nodes, length, seed))
      }
      const times = found.map(({ healed }) => healed)
      rows.push([
        String(nodes),
        `${length / 1000} s`,
        mode.name,
        seconds(median(times)),
        seconds(quantile(times, 0.99)),
        short(found.reduce((sum, { deaths }) => sum + deaths, 0) / found.length),
        short(median(found.map(({ apart }) => apart)))
      ])
    }
  }
}
console.log(
  table(["n", "apart", "rules", "one view, median (s)", "99 %", "false deaths per run", "bytes/s per node"], rows)
)
