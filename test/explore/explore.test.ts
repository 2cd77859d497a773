/** A short form of `npm run explore`: random histories break no rule, and planted mistakes are found. */
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import * as Plan from "../../src/simulation/plan/Plan.ts"
import { expectationsOf } from "./Expectations.ts"
import { explore } from "./Explorer.ts"
import { mistaken, mistakes, withMistake } from "./Mistakes.ts"
import { type Draft, planNumber, planOf } from "./Plans.ts"
import { firstViolation, withSeeds } from "./Properties.ts"
import * as Recording from "./Recording.ts"
import { everyNth, isLong } from "../Campaign.ts"
import { shrink } from "./Shrink.ts"

const found = fileURLToPath(new URL("found", import.meta.url))
const recorded = fs.readdirSync(found).filter((name) => name.endsWith(".json"))

describe("random plans", () => {
  const drafts = Array.from({ length: 400 }, (_, index) => planNumber(7, index, 40))

  it("can all be carried out, and use everything that a plan can contain", () => {
    const kinds = new Map<string, number>([...Plan.stepKinds.keys()].map((kind) => [kind, 0]))
    const held = { agreement: 0, strict: 0, detection: 0, unsuspected: 0, unremoved: 0 }
    for (const draft of drafts) {
      const plan = planOf(draft)
      if (plan === undefined) throw new Error(`no plan: ${JSON.stringify(draft)}`)
      for (const step of plan.steps) kinds.set(step.do, (kinds.get(step.do) ?? 0) + 1)
      const { agreement, detection, strict, unremoved, unsuspected } = expectationsOf(plan)
      if (agreement !== undefined) held.agreement++
      if (agreement !== undefined && strict) held.strict++
      if (detection !== undefined) held.detection++
      if (unsuspected) held.unsuspected++
      if (unremoved) held.unremoved++
    }
    const rare = [...kinds, ...Object.entries(held)].filter(([, count]) => count < 20)
    expect(rare).toEqual([])
    // Most plans have expectations beyond the invariants.
    expect(held.agreement).toBeGreaterThan(drafts.length / 2)
  })

  it("depend on their seed and number only", () => {
    expect(planNumber(7, 399, 40)).toEqual(drafts[399])
    expect(planNumber(8, 399, 40)).not.toEqual(drafts[399])
  })

  it("break no rule", { timeout: 600_000 }, async () => {
    const count = isLong ? 30 : 8
    const { finding, tally } = await explore({ seed: 20_261, most: 12, count, minutes: 10 })
    expect(finding).toBeUndefined()
    expect(tally.plans).toBe(count)
  })
})

describe("a plan that breaks a rule", () => {
  it("is made smaller", async () => {
    const draft: Draft = {
      nodes: 9,
      seed: 4,
      duration_ms: 60_000,
      join_over_ms: 500,
      network: { latency_ms: 5, jitter_ms: 3 },
      config: { gossip: { interval_ms: 100 }, probes: { indirect_k: 1 } },
      step: [
        { do: "heal", at_ms: 1234 },
        { do: "freeze", at_ms: 20_123, nodes: ["n4", "n7", "n8"], for_ms: 5432 },
        { do: "kill", at_ms: 30_000, nodes: 2 },
        { do: "start", at_ms: 40_000, count: 3 }
      ]
    }
    const small = await shrink(
      { draft, violation: { rule: "agreement", node: "n1", detail: "", at: 35_000, event: 9 } },
      10,
      async (plan) => {
        const freeze = plan.steps.find((step) => step.do === "freeze")
        const broken = freeze !== undefined && plan.nodes >= 3 && plan.network.latency !== undefined
        const violation = { rule: "agreement", node: "n1", detail: "", at: 25_000, event: 9 }
        return { violation: broken ? violation : undefined }
      }
    )
    expect(small.draft.nodes).toBe(3)
    expect(small.draft.step).toHaveLength(1)
    expect(small.draft.step?.[0]).toMatchObject({ do: "freeze", nodes: [expect.any(String)] })
    expect(small.draft.network).toEqual({ latency_ms: 5 })
    expect(small.draft.config).toBeUndefined()
  })
})

describe("plans that once broke a rule", () => {
  it.each(recorded)("%s breaks no rule any more", { timeout: 600_000 }, async (name) => {
    const { plan } = Recording.read(path.join(found, name))
    expect(await firstViolation(withSeeds(plan, 2))).toBeUndefined()
  })
})

const run = (folder: string, args: ReadonlyArray<string>): Promise<{ readonly code: unknown; readonly text: string }> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      ["test/explore/main.ts", ...args],
      { cwd: folder, timeout: 600_000 },
      (error, _, text) => {
        resolve({ code: error === null ? 0 : error.code, text })
      }
    )
  })

describe("a planted mistake", () => {
  it.each(mistakes)("can be made: $words", (mistake) => {
    expect(mistaken(mistake)).not.toContain(mistake.right)
  })

  it.each(everyNth(mistakes, 4))("is found: $words", { timeout: 600_000 }, (mistake) =>
    withMistake(mistake, async (folder) => {
      const { violation } = Recording.read(path.join(found, `${mistake.name}.json`))
      const { code, text } = await run(folder, ["--replay", `test/explore/found/${mistake.name}.json`, "--seeds", "10"])
      expect(text).toContain(`BROKEN: ${violation?.rule ?? "?"}`)
      expect(code).toBe(1)
    })
  )
})
