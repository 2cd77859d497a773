/**
 * How a node logs: for people or for programs, and from which level on. A flag takes precedence over the environment.
 */
import { Effect, Layer, Logger, type LogLevel, Option, References, Schema } from "effect"
import { GlobalFlag } from "effect/cli"
import { show } from "../config/ConfigProblem.ts"
import { Host } from "./Host.ts"
import * as HumanLog from "./HumanLog.ts"
import type { LineWriter } from "./LineWriter.ts"
import * as Variables from "./Variables.ts"

/**
 * A variable that says how to log has a value that is not one of its choices.
 */
export class LogSettingError extends Schema.TaggedError<LogSettingError>()("LogSettingError", {
  message: Schema.String
}) {}

// The words that --log-level takes.
const levels: Readonly<Record<string, LogLevel.LogLevel>> = {
  all: "All",
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  warning: "Warn",
  error: "Error",
  fatal: "Fatal",
  none: "None"
}

const fromVariable = Effect.fnUntraced(function* <A>(
  name: string,
  choices: Readonly<Record<string, A>>
): Effect.fn.Return<Option.Option<A>, LogSettingError, Host> {
  const { env } = yield* Host
  const text = Variables.textOf(env, name)
  if (text === undefined) return Option.none()
  const found = Object.entries(choices).find(([word]) => word === text.toLowerCase())
  if (found !== undefined) return Option.some(found[1])
  const message = `${name} is ${show(text)}; expected ${Object.keys(choices).join(" | ")}`
  return yield* new LogSettingError({ message })
})

// The schemas of changes take a node that logs for people several milliseconds to make.
const jsonFormatter = Effect.map(Effect.orDie(Effect.tryPromise(() => import("./JsonLog.ts"))), ({ format }) => format)

/**
 * Logs to `writer` as the flags say, or else the environment: for people and from level info on if neither does.
 */
export const layer = (
  writer: LineWriter,
  format: Option.Option<"human" | "json">
): Layer.Layer<never, LogSettingError, Host | GlobalFlag.Setting.Identifier<"log-level">> =>
  Layer.unwrap(
    Effect.gen(function* () {
      // A variable is checked even if a flag overrides it.
      const formatSet = yield* fromVariable(Variables.names.logFormat, { human: "human", json: "json" } as const)
      const levelSet = yield* fromVariable(Variables.names.logLevel, levels)
      const chosen = Option.getOrElse(
        Option.orElse(format, () => formatSet),
        () => "human" as const
      )
      const level = Option.orElse(yield* GlobalFlag.LogLevel, () => levelSet)
      const formatter = yield* chosen === "json" ? jsonFormatter : HumanLog.formatter
      return Layer.merge(
        Logger.layer([Logger.map(formatter, (line) => writer.write(line))]),
        Option.match(level, {
          onNone: () => Layer.empty,
          onSome: (level) => Layer.succeed(References.MinimumLogLevel, level)
        })
      )
    })
  )
