import { accessSync, constants, globSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { defaultExclude, defineConfig } from "vitest/config"
import { leftOut, refusals } from "./test/net/Needs.ts"

const isInstalled = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

// These tests need programs that npm does not bring. Who has none of them runs the others; where the tests are to be
// complete, their absence is a failure.
const particular = [
  { tests: "test/observability/**", wanted: "GOSSIP_TEST_PROMETHEUS", programs: ["prometheus", "promtool"] },
  { tests: "test/browser/**", wanted: "GOSSIP_TEST_CHROMIUM", programs: ["chromium"] },
  { tests: "test/systemd/**", wanted: "GOSSIP_TEST_SYSTEMD", programs: ["systemd-analyze"] },
  { tests: "test/net/**", wanted: "GOSSIP_TEST_NET", programs: ["ip", "nft", "perl"] }
]
const left = particular.flatMap(({ programs, tests, wanted }) => {
  if (process.env["CI"] === "true" || process.env[wanted] !== undefined || programs.every(isInstalled)) return []
  return [{ tests, reason: `${tests} is left out: one of ${programs.join(", ")} is not installed` }]
})
// What the kernel refuses, as most containers do, no installation mends. `npm run test:net` fails then.
const refused = process.env["GOSSIP_TEST_NET"] === undefined ? refusals() : []
if (refused.length > 0) left.push({ tests: "test/net/**", reason: leftOut(refused) })

// Examples import the package by its name, and tests run them on the sources.
const entries = {
  "effect-gossip": "src/index.ts",
  "effect-gossip/testing": "src/testing.ts",
  "effect-gossip/node": "src/node/index.ts",
  "effect-gossip/node/NodeAdmin": "src/node/NodeAdmin.ts",
  "effect-gossip/cluster": "src/effect-cluster/index.ts",
  "effect-gossip/admin": "src/admin/index.ts"
}

// `npm test` is a short form. `npm run test:long`, which is `vitest run --mode long`, runs the files again whose tests have a
// long form, with the seeds, sizes and times that `npm test` leaves out.
const campaigns = globSync("test/**/*.test.ts", { cwd: import.meta.dirname }).filter((file) =>
  /from ".*\/(Campaign|Seeds)\.ts"/.test(readFileSync(join(import.meta.dirname, file), "utf8"))
)

// They wait for a registry, servers, browsers, networks, or processes that are stopped.
const onlyLong = [
  "test/packaging/package.test.ts",
  "test/observability/**/*.test.ts",
  "test/browser/**/*.test.ts",
  "test/net/**/*.test.ts",
  "test/soak/**/*.test.ts",
  "test/integration/starved.test.ts"
]

// Most files share a worker and its modules, which saves loading them again, and nothing in the library is global. A file
// that replaces modules, or measures the heap, needs a worker of its own.
const needsOwnWorker = ["test/cli/sim-broken.test.ts", "test/bench/suite.test.ts"]

export default defineConfig(({ mode }) => {
  const long = mode === "long"
  const include = long ? [...campaigns, ...onlyLong] : ["test/**/*.test.ts", "examples/**/*.test.ts"]
  // Never in silence.
  if (long) for (const { reason } of left) console.warn(reason)
  const exclude = [...defaultExclude, ...left.map(({ tests }) => tests), ...(long ? [] : onlyLong)]
  return {
    resolve: {
      alias: Object.entries(entries).map(([name, file]) => ({
        find: new RegExp(`^${name}$`),
        replacement: join(import.meta.dirname, file)
      }))
    },
    test: {
      projects: [
        { extends: true, test: { name: "shared", isolate: false, include, exclude: [...exclude, ...needsOwnWorker] } },
        { extends: true, test: { name: "isolated", include: long ? [] : needsOwnWorker, exclude } }
      ],
      provide: { long },
      // Threads start faster than processes; two of them suit the smallest machine the tests are meant for.
      pool: "threads",
      maxWorkers: 2,
      testTimeout: long ? 600_000 : 120_000,
      hookTimeout: 120_000,
      reporters: ["default"]
    }
  }
})
