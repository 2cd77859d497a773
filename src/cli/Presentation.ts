/**
 * Help, version and mistakes in the invocation, as the program shows them: help and version on standard output; a
 * mistake on standard error, as one line each and without the help.
 */
import { Console, Effect, Layer, Option } from "effect"
import type { CliError, HelpDoc } from "effect/cli"
import { CliOutput, TerminalCapabilities } from "effect/cli"
import { show, withoutSecrets } from "../config/ConfigResolution.ts"
import { entries } from "../config/ConfigTable.ts"

const program = "gossip"

/**
 * Marks each line as this program's, so that it can be told apart in the log of a service manager.
 */
export const errorLines = (message: string): string =>
  message
    .split("\n")
    .map((line) => `${program}: ${line}`)
    .join("\n")

const orHelp = (suggestions: ReadonlyArray<string>, path: ReadonlyArray<string> | undefined): string =>
  suggestions.length === 0
    ? `; ${[...(path ?? [program]), "--help"].join(" ")} lists what there is`
    : `; did you mean ${suggestions.join(" or ")}?`

// Every key of the configuration has the name of a flag, and only the keys of one node's place in the network, and of who
// may speak to it, have the flag. Who tries another one is told where it goes.
const elsewhere = (flag: string): string | undefined => {
  const entry = entries.find((entry) => entry.flag === flag)
  return entry && `${flag} is not a flag; set ${entry.variable}, or \`${entry.path}\` in the file that --config names`
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
        elsewhere(error.option) ??
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

// The value of an unknown flag is then a value too many, and not a mistake of its own.
const withoutConsequences = (errors: ReadonlyArray<CliError.CliError>): ReadonlyArray<CliError.CliError> => {
  const causes = errors.filter((error) => error._tag !== "UnexpectedArgument")
  return causes.some((error) => error._tag === "UnrecognizedOption") ? causes : errors
}

// Effect's own flags list their choices twice, in lines wider than a terminal.
const briefly: Readonly<Record<string, Pick<HelpDoc.FlagDoc, "type" | "description">>> = {
  help: { type: "boolean", description: Option.some("Show this help.") },
  version: { type: "boolean", description: Option.some("Show the version.") },
  "log-level": {
    type: "LEVEL",
    description: Option.some("Least level to log: all, trace, debug, info (default), warn, error, fatal or none.")
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
 * How the program shows help, version and mistakes.
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
