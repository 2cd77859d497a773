/**
 * How long the entities of a runner of `effect/cluster` are without an owner after its process is killed, with its health
 * judged by gossip and by pings, in real processes.
 *
 *     node bench/effect-cluster.ts --runs 3 --locks 4,35
 */
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { takeOver } from "../test/effect-cluster/Runners.ts"
import { median, seconds, table } from "./detection/Statistics.ts"

const { values } = parseArgs({
  options: { runs: { type: "string", default: "3" }, locks: { type: "string", default: "4,35" } }
})
const rows: Array<ReadonlyArray<string>> = []
for (const lock of values.locks.split(",").map(Number)) {
  for (const health of ["gossip", "ping"] as const) {
    const times: Array<number> = []
    for (let run = 0; run < Number(values.runs); run++) {
      times.push((await Effect.runPromise(Effect.scoped(takeOver(health, lock)))).took)
    }
    rows.push([health, `${lock} s`, seconds(median(times)), seconds(Math.max(...times))])
  }
}
console.log(table(["health", "locks expire after", "without an owner, median (s)", "most (s)"], rows))
