/** A short form of `npm run fuzz`: a live node on real sockets gets noise and mutated messages, and keeps working. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { faultsOf } from "./Report.ts"
import { everyNth, isLong } from "../Campaign.ts"
import { fuzzHttp } from "./Http.ts"
import { run } from "./Run.ts"

describe("a node that is fuzzed", () => {
  for (const mode of everyNth(["off", "required"] as const, 2, 1)) {
    it(`stays within its bounds and answers, with encryption ${mode}`, { timeout: 600_000 }, async () => {
      expect(faultsOf(await run({ mode, seed: 20_261, datagrams: isLong ? 50_000 : 10_000, coverage: false }))).toEqual(
        []
      )
    })
  }
})

describe("an HTTP port that is fuzzed", () => {
  it.live("answers as before, and membership goes on", () =>
    Effect.map(fuzzHttp(20_261, isLong ? 4000 : 400), ({ faults, statuses }) => {
      expect(faults).toEqual([])
      // The requests reached more than the parser: some were served, others refused for what they asked.
      for (const status of [200, 400, 401, 404, 405]) expect(statuses[status], `status ${status}`).toBeGreaterThan(0)
    })
  )
})
