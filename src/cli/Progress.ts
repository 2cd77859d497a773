/** A progress bar: one line on standard error that is redrawn, and erased at the end. */
import { Clock, Effect, Stdio, Stream } from "effect"

/** Shows the part that is done, in ms of virtual time. */
export type Progress = (done: number) => Effect.Effect<void>

const Width = 24

const erase = "\r\x1b[K"

const bar = (part: number): string => {
  const full = Math.round(part * Width)
  return `${"█".repeat(full)}${"░".repeat(Width - full)}`
}

/**
 * Runs `use` with a function that shows the progress towards `whole` ms of virtual time, or `undefined` if standard error
 * is no terminal. The line is erased when `use` ends.
 */
export const during = Effect.fnUntraced(function* <A, E, R>(
  whole: number,
  use: (progress: Progress | undefined) => Effect.Effect<A, E, R>
): Effect.fn.Return<A, E, R | Stdio.Stdio> {
  const stdio = yield* Stdio.Stdio
  if (!(yield* stdio.stderrIsTerminal)) return yield* use(undefined)
  // A failed write must not end the simulation.
  const write = (text: string) => Effect.ignore(Stream.run(Stream.make(text), stdio.stderr()))
  const began = yield* Clock.currentTimeMillis
  const progress: Progress = Effect.fnUntraced(function* (done) {
    const spent = Math.max(1, (yield* Clock.currentTimeMillis) - began)
    const part = Math.min(1, done / whole)
    const times = `${Number((done / spent).toPrecision(3))} times as fast as real time`
    const seconds = (ms: number) => (ms / 1000).toFixed(1)
    yield* write(`${erase}${bar(part)} ${Math.floor(part * 100)} %, ${seconds(done)} of ${seconds(whole)} s, ${times}`)
  })
  return yield* Effect.ensuring(use(progress), write(erase))
})
