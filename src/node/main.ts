/**
 * The program as a process of Node.js: its arguments, environment, output, signals and exit code.
 */
// Only these modules, not the package's index or NodeServices: each module that is loaded takes time at every start.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { Deferred, Effect, Layer, Option, Queue, type Runtime } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { flushCompileCache } from "node:module"
import { constants } from "node:os"
import { exitCode } from "../cli/ExitCode.ts"
import { main } from "../cli/gossip.ts"
import { Host } from "../cli/Host.ts"
import { LineWriter, reasonOf } from "../cli/LineWriter.ts"
import { version } from "../domain/Version.ts"
import * as StandardOutput from "./StandardOutput.ts"

let signal: Option.Option<"SIGINT" | "SIGTERM"> = Option.none()
let isUnfinished = false
let log: LineWriter | undefined
let outputError: NodeJS.ErrnoException | undefined

// --- signals -------------------------------------------------------------------

// The runtime interrupts the program at the first signal and would ignore the second.
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
// By default Node.js opens its inspector at this signal, through which a process of any user can read the keys in memory.
process.on("SIGUSR1", () => {})

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

// Otherwise Node.js writes what it compiled when the process ends, without the functions that ran only at the start.
const started = Effect.sync(() => {
  setImmediate(flushCompileCache)
})

// --- output --------------------------------------------------------------------

const outputFailed = Deferred.makeUnsafe<void>()
StandardOutput.onError((error) => {
  if (log !== undefined) return
  outputError ??= error
  Deferred.doneUnsafe(outputFailed, Effect.void)
})

const openLog = Effect.sync(() => (log ??= new LineWriter(StandardOutput.lineOutput())))

// --- exit ----------------------------------------------------------------------

/** How long a process that is asked to end, or fails, waits for its output to be read, in ms. */
const FlushLimit = 1000

/** Ends a command whose output is lost: silently, as SIGPIPE does, if its reader closed the pipe. */
const exitWithout = (error: NodeJS.ErrnoException): void => {
  if (error.code === "EPIPE") process.exit(128 + constants.signals.SIGPIPE)
  process.stderr.write(`gossip: cannot write to standard output: ${reasonOf(error)}\n`)
  process.exit(1)
}

const teardown: Runtime.Teardown = (exit, onExit) => {
  const signalNumber = Option.isSome(signal) ? constants.signals[signal.value] : undefined
  const code = exitCode(exit, { signal: signalNumber, isUnfinished })
  const isStopped = code !== 0 || signalNumber !== undefined
  const end = (): void => {
    clearTimeout(limit)
    if (outputError !== undefined) exitWithout(outputError)
    else if (isStopped || log !== undefined) process.exit(code)
    else onExit(code)
  }
  // A command that succeeds ends once its output is read, however slow the reader is.
  const limit = isStopped || log !== undefined ? setTimeout(end, FlushLimit) : undefined
  if (log === undefined) StandardOutput.whenWritten(end)
  else log.onIdle(end)
}

const services = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeStdio.layer,
  NodeTerminal.layer,
  // The command line requires it in types. No command starts a process.
  Layer.succeed(
    ChildProcessSpawner.ChildProcessSpawner,
    ChildProcessSpawner.make(() => Effect.die("no command starts a process"))
  )
)

main(version).pipe(
  Effect.raceFirst(Deferred.await(outputFailed)),
  Effect.provideService(Host, {
    env: process.env,
    signal: Effect.sync(() => signal),
    hangups,
    unfinished,
    openLog,
    started
  }),
  Effect.provide(services),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
