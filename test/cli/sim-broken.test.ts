/** `gossip sim` when an invariant breaks, which a test has to bring about. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { vi } from "vitest"
import { sim } from "../../src/cli/sim.ts"
import { InvariantBroken } from "../../src/simulation/SimulationError.ts"
import type * as PlanRunner from "../../src/simulation/plan/PlanRunner.ts"
import { NanosPerMilli } from "../../src/simulation/time/Timeline.ts"
import { layerHost } from "./InProcess.ts"

vi.mock(import("../../src/simulation/plan/PlanRunner.ts"), async (original) => {
  const real = await original()
  const run: typeof PlanRunner.run = (plan, options) =>
    real.run(plan, {
      ...options,
      onSimulation: (verbs) => {
        verbs.timeline.at(1500 * NanosPerMilli, () => {
          const { events } = verbs.timeline
          const at = verbs.now()
          verbs.fail(new InvariantBroken({ invariant: "bounds", node: "n2", detail: "a test", at, event: events }))
        })
      }
    })
  return { ...real, run }
})

/** What is printed, and what goes wrong. */
const outcome = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const before = (yield* TestConsole.logLines).length
    const error = yield* Effect.flip(Command.runWith(sim, { version: "0" })(args))
    const stdout = (yield* TestConsole.logLines).slice(before).map(String).join("\n")
    return { error, stdout }
  }).pipe(Effect.provide([NodeServices.layer, layerHost()]))

const small = ["--nodes", "3", "--seconds", "4"]

const row = (stdout: string, name: string) => new RegExp(`^${name} {2,}(.*)$`, "m").exec(stdout)?.[1]

const recording = (broken: object) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const path = `${yield* files.makeTempDirectoryScoped()}/r.json`
    yield* files.writeFileString(path, JSON.stringify({ plan: { nodes: 3, duration_ms: 4000 }, broken }))
    return path
  }).pipe(Effect.provide(NodeServices.layer))

describe("a broken invariant", () => {
  it.effect("ends gossip sim with an error, after what came of it until then", () =>
    Effect.gen(function* () {
      const { error, stdout } = yield* outcome(small)
      expect(row(stdout, "virtual time")).toBe("1.5 s")
      expect(row(stdout, "up at the end")).toBe("3 of 3 nodes")
      const events = row(stdout, "events")
      expect(error).toMatchObject({
        _tag: "UserError",
        userMessage: `bounds broken on n2 at 1.5 s, event ${events}: a test`
      })
    })
  )

  it.effect("is in the JSON", () =>
    Effect.gen(function* () {
      const { stdout } = yield* outcome([...small, "--json"])
      const report: unknown = JSON.parse(stdout)
      expect(report).toMatchObject({ duration: 1500, broken: { invariant: "bounds", node: "n2", at: 1500 } })
    })
  )

  it.effect("is compared with what was recorded", () =>
    Effect.gen(function* () {
      const event = Number(row((yield* outcome(small)).stdout, "events"))
      const recorded = (broken: object) =>
        Effect.gen(function* () {
          const { stdout } = yield* outcome(["--replay", yield* recording(broken)])
          return row(stdout, "recorded")
        })
      const broken = { invariant: "bounds", node: "n2", event }
      const text = `broke on n2 at event ${event}`
      expect(yield* recorded(broken)).toBe(`bounds ${text}, as now`)
      expect(yield* recorded({ ...broken, invariant: "loops" })).toBe(`loops ${text}, but now otherwise`)
      expect(yield* recorded({ ...broken, event: event + 1 })).toMatch(/, but now otherwise$/)
      expect(yield* recorded({ ...broken, node: "n1" })).toMatch(/, but now otherwise$/)
    }).pipe(Effect.scoped)
  )
})
