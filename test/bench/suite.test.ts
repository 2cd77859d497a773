import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Merging from "../../bench/suite/Merging.ts"
import * as Report from "../../bench/suite/Report.ts"
import { short } from "../../bench/suite/Row.ts"

/** The view of a datagram that its checksum reads, and a few numbers that are no small integers. */
const PerMessage = 200

/** Bytes that one call allocated on average, in the best of some rounds: the first are run before they are compiled. */
const allocated = (call: () => unknown): number => {
  const Calls = 200
  let least = Infinity
  for (let round = 0; round < 1000 && least > PerMessage; round++) {
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < Calls; i++) call()
    const bytes = process.memoryUsage().heapUsed - before
    // A collection of garbage leaves less than before.
    if (bytes >= 0) least = Math.min(least, bytes / Calls)
  }
  return least
}

describe("the benchmark", () => {
  it.effect("gives a number for every row, and a table of them", () =>
    Effect.gen(function* () {
      const report = yield* Report.make(short, 0)
      assert.isAbove(report.rows.length, 40)
      for (const { name, time } of report.rows) assert.isTrue(Number.isFinite(time) && time >= 0, `${name}: ${time}`)
      assert.strictEqual(new Set(report.rows.map(({ name }) => name)).size, report.rows.length)
      const shown = Report.table(report).split("\n")
      for (const { name } of report.rows) assert.isTrue(shown.some((line) => line.startsWith(`| ${name} |`)))
    })
  )

  it("finds that a member takes at most 100 bytes in a table of 10 000", () => {
    assert.isAtMost(Merging.bytesPerMember(), 100)
  })

  for (const { call, name } of Merging.steady(100)) {
    it(`finds that nothing is allocated per entry: ${name}`, () => {
      assert.isAtMost(allocated(call), PerMessage)
    })
  }
})
