/** The output of `gossip sim`, in this process: its table, JSON, page and trace. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as PlanFile from "../../src/simulation/plan/PlanFile.ts"
import * as PlanRunner from "../../src/simulation/plan/PlanRunner.ts"
import { directory, outcome, refused, timeout } from "./InProcess.ts"

/** Five nodes for five seconds: fast, and long enough for all nodes to join. */
const small = ["sim", "--nodes", "5", "--seconds", "5"]

/** All lines but the one of the wall clock. */
const lasting = (stdout: string) => stdout.replace(/^wall time .*\n/m, "")

const row = (stdout: string, name: string) => new RegExp(`^${name} {2,}(.*)$`, "m").exec(stdout)?.[1]

const written = (name: string, text: string) =>
  Effect.map(directory, (path) => {
    const file = join(path, name)
    writeFileSync(file, text)
    return file
  })

describe("gossip sim", () => {
  it.live(
    "prints a table that is the same in each run but for one line, and for a plan from flags or from a file",
    () =>
      Effect.gen(function* () {
        const args = [...small, "--loss", "0.05", "--kill", "1@2s", "--encrypt", "--seed", "a seed"]
        const first = yield* outcome(args)
        assert.deepStrictEqual([first.end, first.stderr], [0, ""])
        assert.notInclude(first.stdout, "\x1b")
        assert.strictEqual(row(first.stdout, "seed"), "a seed")
        assert.strictEqual(row(first.stdout, "virtual time"), "5 s")
        assert.strictEqual(row(first.stdout, "up at the end"), "4 of 5 nodes")
        assert.match(row(first.stdout, "trace hash") ?? "", /^[0-9a-f]{16}$/)
        assert.match(row(first.stdout, "wall time") ?? "", /^[\d.]+ m?s, [\d.]+ times as fast as real time$/)
        assert.notInclude(lasting(first.stdout), "wall")
        assert.strictEqual(lasting((yield* outcome(args)).stdout), lasting(first.stdout))

        const plan = yield* outcome([...args, "--print-plan"])
        const byFile = yield* outcome(["sim", yield* written("plan.toml", plan.stdout)])
        assert.strictEqual(lasting(byFile.stdout), lasting(first.stdout))
        const other = yield* outcome([...args, "--latency", "2ms"])
        assert.notStrictEqual(row(other.stdout, "trace hash"), row(first.stdout, "trace hash"))
      }),
    timeout
  )

  it.live(
    "prints the report as JSON, and writes every event and a page to files",
    () =>
      Effect.gen(function* () {
        const [trace, page] = [join(yield* directory, "trace.jsonl"), join(yield* directory, "page.html")]
        const args = [...small, "--kill", "n3@2s", "--json", "--trace", trace, "--report", page]
        const { end, stderr, stdout } = yield* outcome(args)
        assert.deepStrictEqual([end, stderr], [0, ""])

        const plan = Result.getOrThrow(
          PlanFile.decode({ nodes: 5, duration_ms: 5000, step: [{ do: "kill", at_ms: 2000, nodes: ["n3"] }] })
        )
        const expected: Array<unknown> = []
        const { hash, report } = yield* PlanRunner.run(plan, { trace: (record) => expected.push(record) })
        assert.deepStrictEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(report)))
        const lines = readFileSync(trace, "utf8").trimEnd().split("\n")
        assert.deepStrictEqual(
          lines.map((line): unknown => JSON.parse(line)),
          expected
        )
        const html = readFileSync(page, "utf8")
        assert.match(html, /^<!doctype html>/i)
        assert.include(html, hash)
        assert.include(html, `gossip sim --nodes 5 --seconds 5 --kill n3@2s --json --trace ${trace} --report ${page}`)
      }),
    timeout
  )

  it.live(
    "reports each mistake in one line",
    () =>
      refused(
        ["sim", "--nodes", "0", "--kill", "n3@3"],
        [
          /^gossip: --nodes is "0"; expected a whole number from 1 to 10000$/,
          /^gossip: --kill "n3@3": "3" is no time; /
        ]
      ),
    timeout
  )

  it.live(
    "runs a recorded plan again, and says whether the same happens",
    () =>
      Effect.gen(function* () {
        const recording = {
          plan: { nodes: 3, duration_ms: 2000, seed: "r" },
          broken: { invariant: "bounds", node: "n2", event: 17 }
        }
        const { end, stdout } = yield* outcome(["sim", "--replay", yield* written("r.json", JSON.stringify(recording))])
        assert.strictEqual(end, 0)
        assert.strictEqual(row(stdout, "seed"), "r")
        assert.strictEqual(row(stdout, "recorded"), "bounds broke on n2 at event 17, and now nothing")
      }),
    timeout
  )
})
