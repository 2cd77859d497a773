import { describe, expect } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as SummaryLog from "../../src/metrics/SummaryLog.ts"
import { Lab, pass, scenario } from "../cluster/Lab.ts"

/** The lines of 30 s in a node that knows one other. */
const linesOf = Effect.fnUntraced(function* (logInterval: number) {
  const lab = yield* Lab.make()
  const node = yield* lab.start(1, { metrics: { logInterval } })
  yield* lab.start(2, { peers: [node.address] })
  yield* pass("5 seconds")
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => lines.push(String(message)))
  yield* Layer.build(SummaryLog.layer).pipe(
    Effect.provideContext(node.context),
    Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
  )
  yield* pass("30 seconds")
  return lines
})

describe("the summary", () => {
  scenario("is logged at each interval", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf(10_000)
      expect(lines).toHaveLength(3)
      for (const line of lines) {
        expect(line).toMatch(
          /^2 alive, 0 suspect, 0 dead; [1-9]\S* datagrams\/s \([\d.]+ B\/s\) in, [1-9]\S* \([\d.]+ B\/s\) out, 0 dropped; local health 0$/
        )
      }
    })
  )

  scenario("is not logged for an interval of 0", () =>
    Effect.gen(function* () {
      expect(yield* linesOf(0)).toEqual([])
    })
  )
})
