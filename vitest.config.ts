import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { defaultExclude, defineConfig } from "vitest/config"

const isInstalled = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

// These tests need a real Prometheus, which npm does not bring. Who has none runs the others; where the tests are to be
// complete, its absence is a failure.
const withPrometheus =
  process.env["CI"] === "true" ||
  process.env["GOSSIP_TEST_PROMETHEUS"] === "1" ||
  ["prometheus", "promtool"].every(isInstalled)

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: withPrometheus ? defaultExclude : [...defaultExclude, "test/observability/**"],
    // Threads start faster than processes; two of them suit the smallest machine the tests are meant for.
    pool: "threads",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default"]
  }
})
