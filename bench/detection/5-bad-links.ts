/**
 * Healthy members on bad links: lossy inbound links, a link that flips between on
 * and off, one cut pair, and loss everywhere.
 *
 *     node bench/detection/5-bad-links.ts --seeds 10
 */
import { Effect } from "effect"
import { type Mode } from "./Modes.ts"
import { type Cluster, options, run, watchFalseVerdicts } from "./Runs.ts"
import { short, table } from "./Statistics.ts"

const { modes, seeds, short: isShort } = options({ seeds: 10, sizes: "100" })
const Nodes = 100
const Length = isShort ? 40_000 : 120_000
/** Loss everywhere takes longer, and needs fewer seeds. */
const LossLength = isShort ? 40_000 : 300_000
const lossSeeds = seeds.slice(0, Math.ceil(seeds.length / 5))

interface Fault {
  readonly name: string
  readonly loss?: number
  readonly inject: (cluster: Cluster) => Effect.Effect<void, unknown>
}

const faults: ReadonlyArray<Fault> = [
  {
    name: "1 % of members lose 80 % of what comes in",
    inject: ({ nodes }) =>
      Effect.gen(function* () {
        const [victim] = nodes
        if (victim !== undefined) victim.host.ingress().loss = 0.8
        yield* Effect.sleep(Length)
      })
  },
  {
    name: "one member receives nothing for 20 s of every 40 s",
    inject: ({ nodes }) =>
      Effect.gen(function* () {
        const [victim] = nodes
        for (let at = 0; at < Length; at += 40_000) {
          if (victim !== undefined) victim.host.ingress().cut = true
          yield* Effect.sleep(20_000)
          if (victim !== undefined) victim.host.ingress().cut = false
          yield* Effect.sleep(20_000)
        }
      })
  },
  {
    name: "one pair is cut",
    inject: ({ nodes, verbs }) =>
      Effect.gen(function* () {
        const [a, b] = nodes
        if (a !== undefined && b !== undefined) {
          yield* verbs.cut(a, b)
          yield* verbs.cut(b, a)
        }
        yield* Effect.sleep(Length)
      })
  },
  { name: "10 % loss everywhere", loss: 0.1, inject: () => Effect.sleep(LossLength) },
  { name: "25 % loss everywhere", loss: 0.25, inject: () => Effect.sleep(LossLength) }
]

const verdicts = (mode: Mode, fault: Fault, seed: number) =>
  run({ mode, nodes: Nodes, seed, network: { loss: fault.loss ?? 0 } }, (cluster) =>
    Effect.gen(function* () {
      yield* Effect.sleep(5000)
      const counts = watchFalseVerdicts(cluster.nodes, () => true)
      yield* fault.inject(cluster)
      return counts
    })
  )

const rows: Array<ReadonlyArray<string>> = []
for (const fault of faults) {
  for (const mode of modes) {
    let suspicions = 0
    let deaths = 0
    const used = fault.loss === undefined ? seeds : lossSeeds
    for (const seed of used) {
      const counts = await verdicts(mode, fault, seed)
      suspicions += counts.suspicions
      deaths += counts.deaths
    }
    rows.push([fault.name, mode.name, short(suspicions / used.length), short(deaths / used.length)])
  }
}
console.log(
  `n = ${Nodes}; ${Length / 60_000} minutes and ${seeds.length} seeds, with loss everywhere ${LossLength / 60_000} ` +
    `minutes and ${lossSeeds.length} seeds; verdicts at all members per run\n`
)
console.log(table(["fault", "rules", "suspicions", "deaths"], rows))
