/**
 * The program as a process of Node.js: its arguments, environment, signals and exit code.
 */
// Not from the package's index, which loads an HTTP client and much more: it doubles the time to start.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit, FileSystem, Option, Queue, Runtime, Schema } from "effect"
import { constants } from "node:os"
import { fileURLToPath } from "node:url"
import { main } from "../cli/gossip.ts"
import { Host } from "../cli/Host.ts"

let signal: Option.Option<"SIGINT" | "SIGTERM"> = Option.none()
let isUnfinished = false

// The first signal is left to the runtime, which interrupts the program; it would ignore the second.
const countSignal = (name: "SIGINT" | "SIGTERM"): void => {
  if (Option.isNone(signal)) {
    signal = Option.some(name)
    return
  }
  process.stderr.write(`gossip: ${name} again, exits at once\n`)
  process.exit(128 + constants.signals[name])
}
process.on("SIGINT", countSignal)
process.on("SIGTERM", countSignal)

const hangups = Effect.gen(function* () {
  const queue = yield* Queue.sliding<void>(1)
  const offer = () => {
    Queue.offerUnsafe(queue, undefined)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", offer)),
    () => Effect.sync(() => process.off("SIGHUP", offer))
  )
  return queue
})

const unfinished = Effect.sync(() => {
  isUnfinished = true
})

const teardown: Runtime.Teardown = (exit, onExit) =>
  Option.isSome(signal) && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    ? onExit(isUnfinished ? 128 + constants.signals[signal.value] : 0)
    : Runtime.defaultTeardown(exit, onExit)

// What the user can mend was shown where it happened; what is left is a mistake in the program.
const reportDefect = <E>(cause: Cause.Cause<E>): Effect.Effect<void> =>
  !Cause.hasInterruptsOnly(cause) && (Cause.hasDies(cause) || Runtime.getErrorReported(Cause.squash(cause)))
    ? Console.error(`gossip: this is a mistake in the program, please report it\n${Cause.pretty(cause)}`)
    : Effect.void

const Manifest = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

// Seen from the source and from the build alike.
const manifest = fileURLToPath(new URL("../../package.json", import.meta.url))

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { version } = yield* Schema.decodeEffect(Manifest)(yield* fs.readFileString(manifest))
  yield* main(version)
})

program.pipe(
  Effect.provideService(Host, { env: process.env, signal: Effect.sync(() => signal), hangups, unfinished }),
  Effect.provide(NodeServices.layer),
  Effect.tapCause(reportDefect),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
