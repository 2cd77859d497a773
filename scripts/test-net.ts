/** `npm run test:net`: the tests on real networks in their long form, or a clear reason why they cannot run here. */
import { spawnSync } from "node:child_process"
import { missingPrograms, refusals } from "../test/net/Needs.ts"

const missing = missingPrograms()
const problems = [
  ...(missing.length === 0 ? [] : [`programs are missing: ${missing.join(", ")} (packages iproute2, nftables, perl)`]),
  ...refusals()
]
if (problems.length > 0) {
  for (const problem of problems) console.error(`test:net: ${problem}`)
  process.exit(1)
}

const vitest = ["node_modules/vitest/vitest.mjs", "run", "--mode", "long", "test/net"]
const env = { ...process.env, GOSSIP_TEST_NET: "long" }
process.exitCode = spawnSync(process.execPath, vitest, { stdio: "inherit", env }).status ?? 1
