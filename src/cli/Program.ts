/**
 * How the program runs a command line: which command an invocation means, how it logs, and how it reports mistakes.
 */
import { Cause, Console, Effect, Layer, Runtime, Stdio } from "effect"
import { CliConfig, Command, GlobalFlag } from "effect/cli"
import * as HumanLog from "./HumanLog.ts"
import * as Invocation from "./Invocation.ts"
import * as Presentation from "./Presentation.ts"

// Errors that a user can correct were shown where they happened; any other is a defect of the program.
const reportDefect = <E>(cause: Cause.Cause<E>): Effect.Effect<void> =>
  !Cause.hasInterruptsOnly(cause) && (Cause.hasDies(cause) || Runtime.getErrorReported(Cause.squash(cause)))
    ? Console.error(`gossip: this is a mistake in the program, please report it\n${Cause.pretty(cause)}`)
    : Effect.void

/**
 * Runs the command that the arguments of the process name.
 */
export const main = <Name extends string, Input, ContextInput, E, R>(
  command: Command.Command<Name, Input, ContextInput, E, R>,
  version: string
) =>
  Stdio.Stdio.use(({ args }) => args).pipe(
    Effect.flatMap((args) => Command.runWith(command, { version })(Invocation.withCommand(args))),
    Effect.provide(
      Layer.mergeAll(
        HumanLog.layer,
        Presentation.layer,
        CliConfig.layer({
          builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.LogLevel, GlobalFlag.Completions]
        })
      )
    ),
    Effect.tapCause(reportDefect)
  )
