/**
 * What the tests of networks need from the machine. `node_modules/.bin/node test/net/Needs.ts` prints why its kernel does not
 * let them run, and nothing if it does.
 */
import { accessSync, constants } from "node:fs"
import { spawnSync } from "node:child_process"

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Programs that are not installed. */
export const missingPrograms = (): ReadonlyArray<string> =>
  ["ip", "nft", "perl", "unshare"].filter(
    (program) => spawnSync(program, ["-V"], { stdio: "ignore" }).error !== undefined
  )

/** Why this user may not make networks here, which no installation mends: most containers forbid it. */
export const refusals = (): ReadonlyArray<string> => [
  ...(process.getuid?.() === 0 ? [] : ["only root may make network namespaces"]),
  ...(isWritable("/dev/net/tun") ? [] : ["the kernel has no /dev/net/tun, or it is not accessible"]),
  ...(spawnSync("unshare", ["--net", "true"], { stdio: "ignore" }).status === 0
    ? []
    : ["this machine permits no network namespaces"])
]

/** One line about tests that do not run. */
export const leftOut = (reasons: ReadonlyArray<string>): string =>
  `the tests of networks (test/net) do not run here: ${reasons.join("; ")}`

if (import.meta.main) {
  const reasons = refusals()
  if (reasons.length > 0) console.log(leftOut(reasons))
}
