/**
 * Log lines for people: time, level and message, one line per event, on standard output.
 *
 * The log is the output of a running node, so `gossip run | grep dead` works without redirection. Only errors that
 * keep a command from running go to standard error.
 */
import type { LogLevel } from "effect"
import { Array as Arr, Cause, Effect, Layer, Logger, Predicate, References } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { visible } from "../domain/VisibleText.ts"
import { ChangeMessage } from "./ChangeLine.ts"

type Paint = (text: string) => string

const plain: Paint = (text) => text

const paint =
  (code: number): Paint =>
  (text) =>
    `\x1b[${code}m${text}\x1b[0m`

const gray = paint(90)
const yellow = paint(33)
const red = paint(31)
const green = paint(32)

const paintOf = (level: LogLevel.LogLevel): Paint => {
  switch (level) {
    case "Fatal":
    case "Error":
      return red
    case "Warn":
      return yellow
    case "Info":
      return green
    default:
      return gray
  }
}

const textOf = (part: unknown): string => {
  if (Predicate.isString(part)) return visible(part)
  return visible(part instanceof ChangeMessage ? part.text : (JSON.stringify(part) ?? String(part)))
}

/**
 * Formats log lines: `2026-01-31T12:00:00.000Z WARN  message key=value`. The time is UTC, so that the lines of several
 * machines sort together. A cause follows on lines of its own.
 */
export const format = (colors: boolean): Logger.Logger<unknown, string> => {
  const dim = colors ? gray : plain
  return Logger.make(({ cause, date, fiber, logLevel, message }) => {
    const level = (colors ? paintOf(logLevel) : plain)(logLevel.toUpperCase().padEnd(5))
    const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
    const line = [
      dim(date.toISOString()),
      level,
      ...Arr.ensure(message).map(textOf),
      ...annotations.map(([key, value]) => dim(`${key}=${textOf(value)}`))
    ].join(" ")
    return cause.reasons.length === 0 ? line : `${line}\n${Cause.pretty(cause)}`
  })
}

/**
 * The format for this standard output: in colour on a terminal unless `NO_COLOR` is set.
 */
export const formatter: Effect.Effect<Logger.Logger<unknown, string>> = Effect.map(
  TerminalCapabilities.TerminalCapabilities,
  // `canColor` may be forced where there is no terminal; `canAnimate` says that there is one.
  ({ canAnimate, canColor }) => format(canColor && canAnimate)
)

/**
 * Logs to standard output for people to read.
 */
export const layer: Layer.Layer<never> = Layer.unwrap(
  Effect.map(formatter, (formatter) => Logger.layer([Logger.withConsoleLog(formatter)]))
)
