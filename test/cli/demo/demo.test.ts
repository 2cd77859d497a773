/** `gossip demo` without a terminal, in this process. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ended, line, outcome, refused, start, timeout } from "../InProcess.ts"

/** The times of the findings of a step, in ms. */
const times = (stdout: string, step: number): ReadonlyArray<number> => {
  const [, findings = ""] = stdout.split(new RegExp(`^${step}\\. .*\\n`, "m"))
  const [own = ""] = findings.split(/^\S/m)
  return [...own.matchAll(/^ +([\d.]+) (ms|s) {2}/gm)].map(([, n, unit]) => Number(n) * (unit === "s" ? 1000 : 1))
}

describe("gossip demo", () => {
  it.live(
    "runs every step, prints plausible times, ends by itself, and exits 0",
    () =>
      Effect.gen(function* () {
        const { end, stderr, stdout } = yield* outcome(["demo"])
        assert.deepStrictEqual([end, stderr], [0, ""])
        assert.match(stdout, /All 4 steps happened, in [\d.]+ s\.\n$/)
        assert.lengthOf(times(stdout, 1), 1)

        const [suspected = 0, died = 0, known = 0] = times(stdout, 2)
        assert.match(stdout, /is the first to suspect it: no answer to a direct probe, or through n\d/)
        assert.match(stdout, /is the first to declare it dead: suspect for [\d.]+ m?s, no refutation/)
        // A probe takes at least 200 ms, and its member is suspect before it is dead.
        assert.isAbove(suspected, 200)
        assert.isAbove(died, suspected)
        assert.isAtLeast(known, died)
        assert.lengthOf(times(stdout, 3), 1)
        assert.lengthOf(times(stdout, 4), 2)
      }),
    timeout
  )

  it.live(
    "names the step that did not happen in time, and exits 1",
    () =>
      Effect.gen(function* () {
        const { end, stderr, stdout } = yield* outcome(["demo", "--step-limit", "1"])
        assert.strictEqual(end, 1)
        assert.notInclude(stdout, "steps happened")
        assert.match(
          stderr,
          /^gossip: step 1 did not happen within 1 ms: five nodes start .*; missing: .*(five alive|of this step)\n$/
        )
      }),
    timeout
  )

  it.live("refuses a time limit of 0", () => refused(["demo", "--step-limit", "0"], [/^gossip: .*step-limit/]), timeout)

  it.live(
    "makes its nodes leave when it is interrupted, and exits 0",
    () =>
      Effect.gen(function* () {
        const demo = yield* start(["demo"])
        yield* line(demo, /^2\. n3 fails without notice$/)
        yield* demo.signal("SIGINT")
        assert.strictEqual(yield* ended(demo), 0)
        assert.strictEqual(demo.stderr(), "")
        assert.notInclude(demo.stdout(), "steps happened")
      }),
    timeout
  )
})
