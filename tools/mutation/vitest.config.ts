/** How Stryker runs the tests of one core: the files that `scripts/mutation.ts` names, in their short form. */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: (process.env["GOSSIP_MUTATION_TESTS"] ?? "").split(" "),
    provide: { long: false },
    pool: "threads",
    maxWorkers: 1
  }
})
