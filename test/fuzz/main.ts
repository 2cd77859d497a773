/**
 * Fuzzes the decoders alone, and then a live node without and with encryption: `npm run fuzz -- --minutes 10 --seed 7`.
 * Each of them gets 200 000 datagrams, and with `--minutes` again until the time is over. Texts of configuration files and
 * of states, and requests to the HTTP port, are fuzzed beside them. `--decoders 10000000` gives the decoders alone that many datagrams. Exits with 1 when something is
 * wrong. The seed that is printed repeats the run, as far as timers allow.
 */
import { randomInt } from "node:crypto"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { fuzzConfig } from "./ConfigText.ts"
import { fuzzDecoder } from "./Decoder.ts"
import { fuzzHttp } from "./Http.ts"
import { faultsOf, shortfallsOf, type Order, type Report } from "./Report.ts"
import { run } from "./Run.ts"
import { fuzzState } from "./StateText.ts"

const { values } = parseArgs({
  options: { minutes: { type: "string" }, seed: { type: "string" }, decoders: { type: "string" } }
})
const minutes = values.minutes === undefined ? 0 : Number(values.minutes)
/** How many datagrams the decoders get, if nothing else is fuzzed. */
const decodersOnly = values.decoders === undefined ? 0 : Number(values.decoders)
const first = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
if (!(minutes >= 0) || !Number.isInteger(first) || !(decodersOnly >= 0)) {
  console.error("usage: npm run fuzz -- [--minutes N] [--decoders N] [--seed S]")
  process.exit(2)
}

const Datagrams = 100_000
/** How much more memory the process may use after the requests to the HTTP port, in bytes. */
const HttpGrowth = 96 * 2 ** 20
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`
const inWords = (tally: { readonly [what: string]: number }) =>
  Object.entries(tally)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ")

const describe = (report: Report): void => {
  const { bounds, memoryAfter, memoryBefore, order, pingMs, received, seconds, sent } = report
  console.log(
    `encryption ${order.mode}, seed ${order.seed}: ${sent} datagrams in ${seconds.toFixed(1)} s, ` +
      `${Math.round(sent / seconds)} a second, ${received} received; ${report.answers} datagrams of the node`
  )
  console.log(`  reached: ${inWords(report.reached)}`)
  const largest = Object.entries(bounds).map(([table, { bound, largest }]) => `${table} ${largest} of ${bound}`)
  console.log(`  largest: ${largest.join(", ")}`)
  console.log(
    `  memory in use: ${megabytes(memoryBefore)} before, ${megabytes(memoryAfter)} after; ` +
      `a PING is answered after ${pingMs.toFixed(1)} ms`
  )
}

const end = performance.now() + minutes * 60_000
let uncovered: ReadonlySet<string> | undefined
let failed = false
console.log(`seed ${first}`)
/** Prints what is wrong. Returns whether anything is. */
const judge = (faults: Iterable<string>): boolean => {
  for (const fault of faults) {
    failed = true
    console.error(`  WRONG: ${fault}`)
  }
  return failed
}
const decoders = (seed: number): boolean => {
  const { faults, reached } = fuzzDecoder(seed, Datagrams)
  console.log(`decoders, seed ${seed}: ${2 * Datagrams} datagrams`)
  console.log(`  reached: ${inWords(reached)}`)
  return judge(faults)
}
const everything = async (seed: number): Promise<boolean> => {
  decoders(seed)
  const texts = fuzzConfig(seed, 20_000)
  console.log(`configuration files, seed ${seed}: ${texts.read} read, ${texts.refused} refused`)
  judge(texts.faults)
  const states = fuzzState(seed, 50_000)
  console.log(`states of nodes, seed ${seed}: ${states.read} read, ${states.refused} refused`)
  judge(states.faults)
  const http = await Effect.runPromise(fuzzHttp(seed, 2000))
  console.log(`HTTP, seed ${seed}: ${inWords(http.statuses)}; ${megabytes(http.grown)} more memory`)
  judge(http.grown > HttpGrowth ? [...http.faults, "memory grows"] : http.faults)
  for (const mode of ["off", "required"] as const) {
    const order: Order = { mode, seed, datagrams: Datagrams, coverage: true }
    const report = await run(order, (sent) => {
      if (sent % 40_000 < 4000) console.log(`  encryption ${mode}, seed ${seed}: ${sent}`)
    })
    describe(report)
    const lines = new Set(report.uncovered)
    uncovered = uncovered === undefined ? lines : uncovered.intersection(lines)
    judge(new Set([...faultsOf(report), ...shortfallsOf(report)]))
  }
  return failed
}

const runs = Math.ceil(decodersOnly / (2 * Datagrams))
for (let run = 0; run < runs; run++) if (decoders(first + run)) break
if (runs === 0) {
  for (let seed = first; ; seed++) if ((await everything(seed)) || performance.now() >= end) break
}
if (uncovered !== undefined) {
  console.log("lines of src/wire and src/transport at which something begins that never ran:")
  console.log(`  ${[...uncovered].join(" ")}`)
}
console.log(failed ? "failed" : "nothing is wrong")
process.exitCode = failed ? 1 : 0
