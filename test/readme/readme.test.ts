/** The code blocks of the README run, as a reader would run them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Logger } from "effect"
import type { Events } from "../../src/events/Events.ts"
import type { Membership } from "../../src/membership/Membership.ts"
import type { Queries } from "../../src/queries/Queries.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import { programs } from "./Blocks.ts"
import * as NodeRuntime from "./NodeRuntime.ts"

// In the checkout, so that the programs find its packages.
const folder = mkdtempSync(join(import.meta.dirname, "../../examples-of-comments-readme-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Imports a program of the README. What it imports of Node.js is replaced, so that it runs on a virtual network. */
const load = (
  index: number,
  last = ""
): Promise<{
  readonly program?: Effect.Effect<void, unknown, Events | Membership | Queries>
  readonly LoadHandler?: Layer.Layer<never, never, Queries>
}> => {
  const code = (programs[index] ?? "")
    .replace(`"@effect/platform-node"`, JSON.stringify(join(import.meta.dirname, "NodeRuntime.ts")))
    .replace(`"effect-gossip/node"`, JSON.stringify(join(import.meta.dirname, "NodeCluster.ts")))
  const file = join(folder, `program-${index}.ts`)
  writeFileSync(file, `${code}\n${last}\n`)
  return import(/* @vite-ignore */ file)
}

/** Collects what a program logs. */
const logged = () => {
  const lines: Array<string> = []
  const tell = (value: unknown): string =>
    typeof value === "object" && value !== null && "_tag" in value ? String(value._tag) : String(value)
  const layer = Logger.layer([Logger.make(({ message }) => void lines.push([message].flat().map(tell).join(" ")))])
  return { lines, layer }
}

describe("a program of the README", () => {
  it("is one of four", () => assert.lengthOf(programs, 4))

  it.effect("logs how many are alive, and every change", () =>
    Simulation.run(
      Effect.gen(function* () {
        const { inRealTime, kill, network, start } = yield* Simulation.Simulation
        yield* start(1)
        yield* inRealTime(Effect.promise(() => load(0)))
        const [program] = NodeRuntime.programs
        assert(program !== undefined)
        const { layer, lines } = logged()
        yield* program.pipe(
          Effect.provide([network.host("reader", ["10.0.0.99"]).layer, layer]),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* Effect.sleep("5 seconds")
        const [second] = yield* start(1)
        yield* Effect.sleep("5 seconds")
        yield* kill(second)
        yield* Effect.sleep("10 seconds")
        assert.match(lines[0] ?? "", /^[12] alive$/)
        // The name and the start of a member may become known after it joined.
        const changes = new Set(lines.slice(1).filter((line) => line !== "Updated"))
        assert.deepStrictEqual([...changes], ["Joined", "Suspected", "Died"])
      }).pipe(Effect.scoped)
    )
  )

  it.effect("describes changes by their tags", () =>
    Simulation.run(
      Effect.gen(function* () {
        const { inRealTime, kill, start } = yield* Simulation.Simulation
        const { program } = yield* inRealTime(Effect.promise(() => load(1, "export { program }")))
        assert(program !== undefined)
        const [node] = yield* start(1)
        const { layer, lines } = logged()
        yield* node.run(Effect.provide(program, layer)).pipe(Effect.forkScoped({ startImmediately: true }))
        const [other] = yield* start(1)
        yield* Effect.sleep("5 seconds")
        yield* kill(other)
        yield* Effect.sleep("10 seconds")
        const others = lines.filter((line) => line !== "Updated")
        assert.deepStrictEqual(others, [
          "2 joined",
          "2: Suspected, because of ProbeFailed",
          "2: Died, because of SuspicionExpired"
        ])
      }).pipe(Effect.scoped)
    )
  )
})

describe("the events and queries of the README", () => {
  it.effect("tell and ask every member", () =>
    Simulation.run(
      Effect.gen(function* () {
        const { inRealTime, startWith, untilConverged } = yield* Simulation.Simulation
        const { LoadHandler, program } = yield* inRealTime(Effect.promise(() => load(2)))
        assert(LoadHandler !== undefined && program !== undefined)
        const [node] = yield* startWith(LoadHandler, 3)
        yield* untilConverged("10 seconds")
        yield* Effect.sleep("5 seconds")
        const { layer, lines } = logged()
        yield* node.run(Effect.provide(program, layer))
        assert.lengthOf(lines, 3)
        for (const line of lines) assert.isTrue(line.endsWith("Success"), line)
      })
    )
  )
})

describe("the test of the README", async () => {
  // It declares a test.
  await load(3)
})
