/** The program in this process: what it writes, its exit code, and the signals and input that it gets. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import { Console, Effect, Fiber, Layer, Option, Queue, Schedule, Stdio, Stream } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { format } from "node:util"
import { exitCode } from "../../src/cli/ExitCode.ts"
import { main } from "../../src/cli/gossip.ts"
import type { main as onlyRun } from "../../src/cli/onlyRun.ts"
import { Host } from "../../src/cli/Host.ts"
import { LineWriter, type Write } from "../../src/cli/LineWriter.ts"

/** How long a condition may take, in ms: far beyond what the slowest machine needs. */
const Limit = 60_000
/** For tests that wait for several conditions. */
export const timeout = 5 * Limit

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  /** The text on standard input; without one, it is a terminal. */
  readonly stdin?: string
  /** Replaces standard output for the log of a node. */
  readonly log?: Write
  /** Replaces the program, which has all commands. */
  readonly program?: typeof onlyRun
}

export interface Started {
  readonly stdout: () => string
  readonly stderr: () => string
  /** The exit code, once the program has ended. */
  readonly end: () => number | undefined
  /** Sends a signal. */
  readonly signal: (name: "SIGINT" | "SIGTERM" | "SIGHUP") => Effect.Effect<void>
}

/** A directory that is removed at the end of the test. */
export const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-cli-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A free TCP port. */
export const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** A configuration file with this text. */
export const file = (text: string) =>
  Effect.map(directory, (path) => {
    const name = join(path, "gossip.toml")
    writeFileSync(name, text)
    return name
  })

/** A host without signals whose log is dropped, for tests of single commands. */
export const layerHost = (env: Readonly<Record<string, string>> = {}): Layer.Layer<Host> =>
  Layer.succeed(Host, {
    env,
    signal: Effect.succeed(Option.none()),
    hangups: Queue.unbounded<void>(),
    unfinished: Effect.void,
    openLog: Effect.sync(() => new LineWriter((_, done) => done())),
    started: Effect.void
  })

/** Starts the program. It is interrupted at the end of the test, if it has not ended by then. */
export const start = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  { env = {}, log, program = main, stdin }: Options = {}
) {
  let stdout = ""
  let stderr = ""
  let end: number | undefined
  let signal: "SIGINT" | "SIGTERM" | undefined
  let isUnfinished = false
  const hangups = yield* Queue.sliding<void>(1)
  const write = (text: string) => {
    stdout += text
  }
  const host = Host.of({
    env,
    signal: Effect.sync(() => Option.fromUndefinedOr(signal)),
    hangups: Effect.succeed(hangups),
    unfinished: Effect.sync(() => {
      isUnfinished = true
    }),
    openLog: Effect.sync(
      () =>
        new LineWriter(
          log ??
            ((text, done) => {
              write(text)
              done()
            })
        )
    ),
    started: Effect.void
  })
  const stdio = Stdio.layerTest({
    args: Effect.succeed(args),
    stdinIsTerminal: Effect.succeed(stdin === undefined),
    stdin: stdin === undefined ? Stream.empty : Stream.encodeText(Stream.make(stdin))
  })
  const console_: Console.Console = {
    ...console,
    log: (...parts) => write(`${format(...parts)}\n`),
    error: (...parts) => {
      stderr += `${format(...parts)}\n`
    }
  }
  const fiber = yield* program("0.0.0").pipe(
    Effect.provide(stdio),
    Effect.provide(NodeServices.layer),
    Effect.provideService(Host, host),
    Effect.provideService(Console.Console, console_),
    Effect.forkScoped
  )
  fiber.addObserver((exit) => {
    end = exitCode(exit, {
      signal: signal === undefined ? undefined : constants.signals[signal],
      isUnfinished
    })
  })
  const started: Started = {
    stdout: () => stdout,
    stderr: () => stderr,
    end: () => end,
    signal: (name) =>
      Effect.suspend(() => {
        if (name === "SIGHUP") return Effect.asVoid(Queue.offer(hangups, undefined))
        signal = name
        return Effect.asVoid(Effect.forkDetach(Fiber.interrupt(fiber)))
      })
  }
  return started
})

const shown = (started: Started) =>
  `\nstdout:\n${started.stdout()}\nstderr:\n${started.stderr()}\nend: ${started.end()}`

/** Waits until `ask` finds something, which it no longer can once the program has ended. */
const found = <A>(what: string, started: Started, ask: () => A | null | undefined) =>
  Effect.suspend(() => {
    const over = started.end() !== undefined
    const answer = ask()
    if (answer !== null && answer !== undefined) return Effect.succeed(answer)
    return over ? Effect.die(new Error(`ended without ${what}${shown(started)}`)) : Effect.fail("not yet")
  }).pipe(
    Effect.retry(Schedule.spaced("10 millis")),
    Effect.timeout(Limit),
    Effect.catch(() => Effect.die(new Error(`no ${what} within ${Limit} ms${shown(started)}`)))
  )

/** Waits for a line on standard output, and gives what the pattern captured. */
export const line = (started: Started, pattern: RegExp) =>
  found(`${pattern}`, started, () => new RegExp(pattern, "m").exec(started.stdout())?.slice(1))

/** Waits for the exit code. */
export const ended = (started: Started) => found("the end", started, started.end)

/** A node that is up. */
export interface Running extends Started {
  readonly id: string
  readonly address: string
}

/** Starts a node and waits until it is bound. */
export const running = (args: ReadonlyArray<string> = [], options: Options = {}) =>
  Effect.gen(function* () {
    const started = yield* start(["run", ...args], options)
    const [id = "", address = ""] = yield* line(started, /^\S+Z INFO {2}node (\d+) is bound to (127\.0\.0\.1:\d+)$/)
    return { ...started, id, address } satisfies Running
  })

/** How the log names a node, as a pattern. */
export const named = (node: Running) => `${node.id} \\(${node.address}\\)`.replaceAll(".", "\\.")

/** Waits until each of two nodes has logged that the other joined. */
export const joined = (a: Running, b: Running) =>
  Effect.andThen(
    line(a, new RegExp(`INFO {2}joined {2}${named(b)}: `)),
    line(b, new RegExp(`INFO {2}joined {2}${named(a)}: `))
  )

/** A running node and another that has joined it. */
export const pair = (options: Options = {}) =>
  Effect.gen(function* () {
    const first = yield* running([], options)
    const second = yield* running(["--peers", first.address], options)
    yield* joined(first, second)
    return { first, second }
  })

/** Runs the program to its end. */
export const outcome = (args: ReadonlyArray<string>, options: Options = {}) =>
  Effect.gen(function* () {
    const started = yield* start(args, options)
    const end = yield* ended(started)
    return { end, stdout: started.stdout(), stderr: started.stderr() }
  })

/** Expects exit code 1, nothing on standard output, and one line on standard error for each mistake. */
export const refused = (args: ReadonlyArray<string>, lines: ReadonlyArray<RegExp>, options: Options = {}) =>
  Effect.gen(function* () {
    const { end, stderr, stdout } = yield* outcome(args, options)
    assert.strictEqual(end, 1, stderr)
    assert.strictEqual(stdout, "")
    const got = stderr.trimEnd().split("\n")
    assert.strictEqual(got.length, lines.length, stderr)
    lines.forEach((pattern, index) => assert.match(got[index] ?? "", pattern))
  })
