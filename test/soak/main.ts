/**
 * `npm run soak -- --minutes 60 --seed 7`: 30 nodes in 5 processes with random kills, restarts, splits, key rotations, tag
 * changes and events. Exits with 1 when they do not have one view at the end, or the processes have grown.
 */
import { randomInt } from "node:crypto"
import { parseArgs } from "node:util"
import { inWords, run } from "./Soak.ts"

const { values } = parseArgs({ options: { minutes: { type: "string" }, seed: { type: "string" } } })
const minutes = Number(values.minutes ?? 60)
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const { growth, happened, problems } = await run({
  minutes,
  steps: 0,
  pause: 1000,
  seed,
  processes: 5,
  nodesOfEach: 6,
  say: console.log
})

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`
console.log(`${minutes} minutes: ${inWords(happened)}`)
for (const { after, before } of growth) {
  console.log(
    `process with ${after.nodes} nodes: heap ${megabytes(before.heap)} at first, ${megabytes(after.heap)} at last; ` +
      `handles ${before.handles} and ${after.handles}; fibers ${before.fibers} and ${after.fibers}`
  )
}
console.log(problems.length === 0 ? "one view, and no growth" : `${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
