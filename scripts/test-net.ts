/** `npm run test:net`: the tests on real networks in their long form, or a clear reason why they cannot run here. */
import { accessSync, constants } from "node:fs"
import { spawnSync } from "node:child_process"

const missing = (["ip", "nft", "perl", "unshare"] as const).filter(
  (program) => spawnSync(program, ["-V"], { stdio: "ignore" }).error !== undefined
)
const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const problems = [
  ...(missing.length === 0 ? [] : [`programs are missing: ${missing.join(", ")} (packages iproute2, nftables, perl)`]),
  ...(process.getuid?.() === 0 ? [] : ["only root may make network namespaces"]),
  ...(isWritable("/dev/net/tun") ? [] : ["the kernel has no /dev/net/tun, or it is not accessible"]),
  ...(spawnSync("unshare", ["--net", "true"]).status === 0 ? [] : ["this machine permits no network namespaces"])
]
if (problems.length > 0) {
  for (const problem of problems) console.error(`test:net: ${problem}`)
  process.exit(1)
}

const vitest = ["node_modules/vitest/vitest.mjs", "run", "--mode", "long", "test/net"]
const env = { ...process.env, GOSSIP_TEST_NET: "long" }
process.exitCode = spawnSync(process.execPath, vitest, { stdio: "inherit", env }).status ?? 1
