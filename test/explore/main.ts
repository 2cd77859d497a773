/**
 * Searches for histories in which a cluster breaks a rule:
 * `npm run explore -- --minutes 10 [--seed N] [--nodes MAX] [--out DIR]`. It draws plans, carries them out one after the
 * other, and stops at the first that breaks a rule. It makes that plan smaller, writes it to a file, and exits with 1.
 *
 * `--plans N` stops after N plans. `--replay FILE` carries out a recorded plan and prints its violation, with `--seeds N`
 * also for N other seeds. `--shrink FILE` makes a recorded plan smaller. `--planted` measures how soon planted mistakes
 * are found.
 */
import { randomInt } from "node:crypto"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { explore, type Tally } from "./Explorer.ts"
import { check, firstViolation, withSeeds } from "./Properties.ts"
import { planted } from "./planted.ts"
import * as Recording from "./Recording.ts"
import { type Finding, shrink } from "./Shrink.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    plans: { type: "string" },
    seed: { type: "string" },
    nodes: { type: "string", default: "40" },
    out: { type: "string", default: path.join(tmpdir(), "explored") },
    "shrink-seconds": { type: "string", default: "120" },
    replay: { type: "string" },
    seeds: { type: "string", default: "0" },
    shrink: { type: "string" },
    planted: { type: "boolean", default: false }
  }
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const most = Number(values.nodes)
const minutes = values.minutes === undefined ? (values.plans === undefined ? 10 : Infinity) : Number(values.minutes)
const count = values.plans === undefined ? Infinity : Number(values.plans)
const seeds = Number(values.seeds)
const shrinkSeconds = Number(values["shrink-seconds"])
if (!(minutes > 0) || !(count > 0) || !Number.isInteger(seed) || !(most >= 2) || !(shrinkSeconds >= 0)) {
  console.error(
    "usage: npm run explore -- [--minutes N] [--plans N] [--seed N] [--nodes MAX] [--out DIR] [--shrink-seconds N]\n" +
      "                          [--replay FILE [--seeds N] | --shrink FILE | --planted]"
  )
  process.exit(2)
}

const described = ({ draft, violation }: Finding): string =>
  `${draft.nodes} nodes, ${draft.step?.length ?? 0} steps, ${(violation.at / 1000).toFixed(1)} s`

const tell = ({ events, hours, plans, seconds }: Tally): void => {
  const perMinute = seconds === 0 ? 0 : (hours * 60) / seconds
  console.log(
    `${plans} plans, ${events} events, ${hours.toFixed(1)} virtual hours; ${perMinute.toFixed(1)} virtual hours a minute`
  )
}

/** Makes a finding smaller, writes it to a file, and prints how to reproduce it. */
const report = async (found: Finding, name: string, how?: Recording.Found): Promise<void> => {
  console.error(`BROKEN: ${Recording.inWords(found.violation)}`)
  const original = Recording.write(values.out, `${name}-as-drawn`, found, how)
  console.error(`as drawn (${described(found)}): ${original}`)
  const start = performance.now()
  const small = await shrink(found, shrinkSeconds)
  const file = Recording.write(values.out, name, small, how)
  console.error(`${Recording.inWords(small.violation)}`)
  console.error(
    `made smaller in ${((performance.now() - start) / 1000).toFixed(0)} s (${described(small)}): ${file}\n` +
      `to reproduce it:\n` +
      `  npm run explore -- --replay ${path.relative(process.cwd(), file)}\n` +
      `  npx gossip sim --replay ${path.relative(process.cwd(), file)}`
  )
  process.exitCode = 1
}

if (values.planted) await planted(seed, minutes, shrinkSeconds, values.out)
else if (values.replay !== undefined) {
  const { plan } = Recording.read(values.replay)
  const violation = await firstViolation(withSeeds(plan, seeds))
  if (violation === undefined) console.log("no rule was broken")
  else {
    console.error(`BROKEN: ${Recording.inWords(violation)}`)
    process.exitCode = 1
  }
} else if (values.shrink !== undefined) {
  const { draft, plan } = Recording.read(values.shrink)
  const { violation } = await check(plan, true)
  if (violation === undefined) console.log("no rule was broken")
  else await report({ draft, violation }, path.basename(values.shrink, ".json"))
} else {
  console.log(`seed ${seed}`)
  const { finding, index, tally } = await explore({ seed, most, minutes, count, onProgress: tell })
  tell(tally)
  if (finding === undefined) console.log("no rule was broken")
  else {
    console.error(`plan ${index} of seed ${seed}, after ${tally.seconds.toFixed(1)} s`)
    const { plans, seconds } = tally
    await report(finding, `${finding.violation.rule}-${seed}-${index}`, { seed, plans, seconds })
  }
}
