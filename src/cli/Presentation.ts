/**
 * How the program shows help, its version, and mistakes in the invocation: help and version on standard output, and each
 * mistake as one line on standard error, without the help.
 */
import { Console, Effect, Layer, Option } from "effect"
import type { CliError, HelpDoc } from "effect/cli"
import { CliOutput, TerminalCapabilities } from "effect/cli"
import { show, withoutSecrets } from "../config/ConfigProblem.ts"
import { entries } from "../config/ConfigTable.ts"
import { type Alias, suggestion } from "../config/Suggestion.ts"
import { visible } from "../domain/VisibleText.ts"

const program = "gossip"

/**
 * Prefixes each line with the name of the program, for the log of a service manager. Messages repeat what users, files
 * and nodes say, which must not reach a terminal as codes.
 */
export const errorLines = (message: string): string =>
  message
    .split("\n")
    .map((line) => `${program}: ${visible(line)}`)
    .join("\n")

const orHelp = (suggestions: ReadonlyArray<string>, path: ReadonlyArray<string> | undefined): string =>
  suggestions.length === 0
    ? `; see ${[...(path ?? [program]), "--help"].join(" ")}`
    : `; did you mean ${suggestions.join(" or ")}?`

// The help lists the flags of few keys, and suggestions know only what it lists.
const flagOfKey = (flag: string): string | undefined => {
  if (entries.some((entry) => entry.flag === flag)) return `${flag} is a flag of gossip run and gossip config print`
  const found = suggestion(
    flag,
    entries.map((entry): Alias => [entry.flag, entry.flag])
  )
  return found === "" ? undefined : `unknown flag ${withoutSecrets(flag)}${found}`
}

const invalidValue = ({ expected, option, value }: CliError.InvalidValue): string => {
  const flag = `--${option}`
  const choices = expected.replaceAll('"', "")
  if (expected.startsWith("at most ")) return `${flag} may be given once`
  return value === "" ? `${flag} needs a value: ${choices}` : `${flag} is ${show(value)}; expected ${choices}`
}

const sentence = (error: CliError.CliError): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return (
        (error.suggestions.length === 0 ? flagOfKey(error.option) : undefined) ??
        `unknown flag ${withoutSecrets(error.option)}${orHelp(error.suggestions, error.command)}`
      )
    case "UnknownSubcommand":
      return `unknown command ${show(error.subcommand)}${orHelp(error.suggestions, error.parent)}`
    case "UnexpectedArgument":
      return `unexpected ${error.arguments.map(show).join(" ")}`
    case "InvalidValue":
      return invalidValue(error)
    case "MissingArgument":
      return `${error.argument} is missing`
    default:
      return error.message
  }
}

// The value of an unknown flag is parsed as an unexpected argument; that is the same mistake.
const withoutConsequences = (errors: ReadonlyArray<CliError.CliError>): ReadonlyArray<CliError.CliError> => {
  const causes = errors.filter((error) => error._tag !== "UnexpectedArgument")
  return causes.some((error) => error._tag === "UnrecognizedOption") ? causes : errors
}

// The descriptions of Effect's own flags list their choices twice, in lines wider than a terminal.
const briefly: Readonly<Record<string, Pick<HelpDoc.FlagDoc, "type" | "description">>> = {
  help: { type: "boolean", description: Option.some("Show this help.") },
  version: { type: "boolean", description: Option.some("Show the version.") },
  "log-level": {
    type: "LEVEL",
    description: Option.some("Lowest level to log: all, trace, debug, info (default), warn, error, fatal or none.")
  },
  completions: {
    type: "SHELL",
    description: Option.some("Print a completion script for bash, zsh, fish or powershell.")
  }
}

const brief = (flag: HelpDoc.FlagDoc): HelpDoc.FlagDoc => ({ ...flag, ...briefly[flag.name] })

const formatterOf = (colors: boolean): CliOutput.Formatter => {
  const standard = CliOutput.defaultFormatter({ colors })
  return {
    formatHelpDoc: (doc) => standard.formatHelpDoc({ ...doc, globalFlags: (doc.globalFlags ?? []).map(brief) }),
    formatCliError: sentence,
    formatError: (error) => errorLines(sentence(error)),
    formatErrors: (errors) =>
      withoutConsequences(errors)
        .map((error) => errorLines(sentence(error)))
        .join("\n"),
    formatVersion: (name, version) => `${name} ${version}`
  }
}

const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function* (event) {
    if (event._tag !== "InvalidInvocation") return yield* CliOutput.defaultPresenter.present(event)
    const formatter = yield* CliOutput.Formatter
    yield* Console.error(formatter.formatErrors(event.errors))
  })
}

/**
 * Shows help, version and mistakes.
 */
export const layer: Layer.Layer<never> = Layer.merge(
  Layer.effect(
    CliOutput.Formatter,
    Effect.map(TerminalCapabilities.TerminalCapabilities, ({ canAnimate, canColor }) =>
      formatterOf(canColor && canAnimate)
    )
  ),
  CliOutput.layerPresenter(presenter)
)
