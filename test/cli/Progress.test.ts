import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Sink, Stdio } from "effect"
import { TestClock } from "effect/testing"
import * as Progress from "../../src/cli/Progress.ts"

/** Standard error, as far as it has come. */
const terminal = (isTerminal: boolean) => {
  const written: Array<string> = []
  const decoder = new TextDecoder()
  const layer = Stdio.layerTest({
    stderrIsTerminal: Effect.succeed(isTerminal),
    stderr: () =>
      Sink.forEach((chunk: string | Uint8Array) =>
        Effect.sync(() => written.push(typeof chunk === "string" ? chunk : decoder.decode(chunk)))
      )
  })
  return { layer, written }
}

const erase = "\r\x1b[K"

describe("progress", () => {
  it.effect("is a line that is drawn again, and erased in the end", () =>
    Effect.gen(function* () {
      const { layer, written } = terminal(true)
      const result = yield* Progress.during(60_000, (progress) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("2 seconds")
          yield* progress?.(15_000) ?? Effect.void
          yield* TestClock.adjust("1 second")
          yield* progress?.(60_001) ?? Effect.void
          return "done"
        })
      ).pipe(Effect.provide(layer))
      expect(result).toBe("done")
      expect(written).toEqual([
        `${erase}██████░░░░░░░░░░░░░░░░░░ 25 %, 15.0 of 60.0 s, 7.5 times as fast as real time`,
        `${erase}████████████████████████ 100 %, 60.0 of 60.0 s, 20 times as fast as real time`,
        erase
      ])
    })
  )

  it.effect("is erased also when what it is about fails or is interrupted", () =>
    Effect.gen(function* () {
      for (const end of [Effect.fail("no"), Effect.interrupt]) {
        const { layer, written } = terminal(true)
        const exit = yield* Effect.exit(
          Effect.provide(
            Progress.during(1, () => end),
            layer
          )
        )
        expect(Exit.isFailure(exit)).toBe(true)
        expect(written).toEqual([erase])
      }
    })
  )

  it.effect("is nothing where nobody sees it", () =>
    Effect.gen(function* () {
      const { layer, written } = terminal(false)
      yield* Effect.provide(
        Progress.during(1, (progress) => Effect.sync(() => expect(progress).toBe(undefined))),
        layer
      )
      expect(written).toEqual([])
    })
  )
})
