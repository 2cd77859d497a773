/**
 * The program: its commands, and how each of them logs and reports mistakes.
 */
import { Cause, Console, Effect, Layer, Runtime, Stdio } from "effect"
import { CliConfig, Command, GlobalFlag } from "effect/cli"
import { config } from "./config.ts"
import { demo } from "./demo.ts"
import { event } from "./event.ts"
import { events } from "./events.ts"
import { explain } from "./explain.ts"
import { forget } from "./forget.ts"
import * as HumanLog from "./HumanLog.ts"
import * as Invocation from "./Invocation.ts"
import { join } from "./join.ts"
import { keygen } from "./keygen.ts"
import { keys } from "./keys.ts"
import { leave } from "./leave.ts"
import { members } from "./members.ts"
import * as Presentation from "./Presentation.ts"
import { query } from "./query.ts"
import { run } from "./run.ts"
import { sim } from "./sim.ts"
import { status } from "./status.ts"
import { tags } from "./tags.ts"

/**
 * The command line.
 */
export const gossip = Command.make("gossip").pipe(
  Command.withDescription("Cluster membership by SWIM gossip over UDP: which nodes are up, which failed, which left."),
  Command.withSubcommands([
    { group: "A NODE", commands: [run, config, keygen, demo, sim] },
    {
      group: "A RUNNING NODE",
      commands: [members, status, events, event, query, explain, tags, join, forget, leave, keys]
    }
  ]),
  Command.withExamples([
    { command: "gossip demo", description: "See what it does" },
    { command: "gossip run --bind 127.0.0.1:7946", description: "The first node of a cluster on this machine" },
    { command: "gossip run --peers 127.0.0.1:7946", description: "Another node that joins it" },
    { command: "gossip --bind 127.0.0.1:7946", description: "Short for gossip run" },
    { command: "gossip --generate-key", description: "Short for gossip keygen" }
  ])
)

// Errors that a user can correct were shown where they happened; any other is a defect of the program.
const reportDefect = <E>(cause: Cause.Cause<E>): Effect.Effect<void> =>
  !Cause.hasInterruptsOnly(cause) && (Cause.hasDies(cause) || Runtime.getErrorReported(Cause.squash(cause)))
    ? Console.error(`gossip: this is a mistake in the program, please report it\n${Cause.pretty(cause)}`)
    : Effect.void

/**
 * Runs the command that the arguments of the process name.
 */
export const main = (version: string) =>
  Stdio.Stdio.use(({ args }) => args).pipe(
    Effect.flatMap((args) => Command.runWith(gossip, { version })(Invocation.withCommand(args))),
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
