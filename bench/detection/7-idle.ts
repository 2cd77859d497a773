/**
 * What a node sends when nothing happens: bytes a second with IP and UDP headers,
 * and the CPU that the simulation takes per node and second beside it.
 *
 *     node bench/detection/7-idle.ts --sizes 10,100,1000
 *     node bench/detection/7-idle.ts --sizes 10,100 --rules all --sealed
 */
import { Effect } from "effect"
import { linesOf } from "./Modes.ts"
import * as Plot from "./Plot.ts"
import { options, run } from "./Runs.ts"
import { short, table } from "./Statistics.ts"

const { modes: given, sealed, seeds, sizes } = options({ seeds: 1, sizes: "10,100,1000" })
const key = { encryption: "required", clusterKey: "6f".repeat(32) } as const
const modes = sealed ? given.map(({ config, name }) => ({ name, config: { ...config, ...key } })) : given
/** Bytes of the IPv4 and UDP headers. */
const Headers = 28
const Settle = 70_000
const Length = 30_000

const rows: Array<ReadonlyArray<string>> = []
const lines = linesOf(modes)
for (const nodes of sizes) {
  for (const { mode, points } of lines) {
    let bytes = 0
    let datagrams = 0
    let cpu = 0
    for (const seed of seeds) {
      const found = await run({ mode, nodes, seed }, ({ verbs }) =>
        Effect.gen(function* () {
          yield* Effect.sleep(Settle)
          const { sent, sentBytes } = verbs.network.counters
          const used = process.cpuUsage()
          yield* Effect.sleep(Length)
          const { system, user } = process.cpuUsage(used)
          const { counters } = verbs.network
          return { sent: counters.sent - sent, sentBytes: counters.sentBytes - sentBytes, cpu: (system + user) / 1000 }
        })
      )
      datagrams += found.sent
      bytes += found.sentBytes + Headers * found.sent
      cpu += found.cpu
    }
    const perNode = (nodes * Length * seeds.length) / 1000
    points.push([nodes, bytes / perNode])
    rows.push([String(nodes), mode.name, short(datagrams / perNode), short(bytes / perNode), short(cpu / perNode)])
  }
}
console.log(table(["n", "rules", "datagrams/s", "bytes/s", "simulated CPU ms/s"], rows))
if (!sealed)
  Plot.write("7-idle", { title: "Traffic of an idle node", x: "members", y: "bytes a second", logX: true, lines })
