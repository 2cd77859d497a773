/** Warnings on standard error, for commands whose standard output is for their result. */
import { Array as Arr, Console, Effect, type Layer, Logger } from "effect"
import { errorLines } from "./Presentation.ts"

const text = (warning: string): string => errorLines(`warning: ${warning}`)

/** Prints warnings on standard error, one line each. */
export const print = (warnings: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(warnings, (warning) => Console.error(text(warning)), { discard: true })

const formatter = Logger.make(({ message }) => text(Arr.ensure(message).map(String).join(" ")))

/** Logs to standard error, as warnings. */
export const layer: Layer.Layer<never> = Logger.layer([Logger.withConsoleError(formatter)])
