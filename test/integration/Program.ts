/** The program as a child process, for tests of it from outside. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert } from "@effect/vitest"
import { Effect, Schedule } from "effect"

const node = fileURLToPath(new URL("../../node_modules/.bin/node", import.meta.url))
const program = fileURLToPath(new URL("../../bin/gossip.js", import.meta.url))

/** How long a condition may take, in ms: far beyond what the slowest machine needs. */
const Patience = 180_000
/** For tests that wait for several conditions. */
export const timeout = 5 * Patience

export interface Started {
  readonly process: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** The exit code or the signal, once the process has ended and all that it wrote is here. */
  readonly end: () => number | NodeJS.Signals | undefined
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The working directory. */
  readonly cwd?: string
  /** Arguments of Node.js itself. */
  readonly node?: ReadonlyArray<string>
  /** A file descriptor for standard output, instead of a pipe that is read here. */
  readonly stdout?: number
}

/** Starts the program; it is killed at the end of the test, whatever becomes of it. */
export const start = (args: ReadonlyArray<string>, options: StartOptions = {}) =>
  Effect.acquireRelease(
    Effect.sync((): Started => {
      const child = spawn(node, [...(options.node ?? []), program, ...args], {
        cwd: options.cwd,
        env: { PATH: process.env["PATH"], ...options.env },
        stdio: ["ignore", options.stdout ?? "pipe", "pipe"]
      })
      let stdout = ""
      let stderr = ""
      let end: number | NodeJS.Signals | undefined
      child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text))
      child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
      child.on("close", (code, signal) => (end = code ?? signal ?? undefined))
      return { process: child, stdout: () => stdout, stderr: () => stderr, end: () => end }
    }),
    ({ process }) => Effect.sync(() => process.kill("SIGKILL"))
  )

const shown = (started: Started) =>
  `\nstdout:\n${started.stdout()}\nstderr:\n${started.stderr()}\nend: ${started.end()}`

/** Waits until `ask` finds something, which it cannot any more once the process has ended. */
const found = <A>(what: string, started: Started, ask: () => A | null | undefined) =>
  Effect.suspend(() => {
    const over = started.end() !== undefined
    const answer = ask()
    if (answer !== null && answer !== undefined) return Effect.succeed(answer)
    return over ? Effect.die(new Error(`ended without ${what}${shown(started)}`)) : Effect.fail("not yet")
  }).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout(Patience),
    Effect.catch(() => Effect.die(new Error(`waited in vain for ${what}${shown(started)}`)))
  )

/** Waits for a line on standard output, and gives what the pattern captured. */
export const line = (started: Started, pattern: RegExp) =>
  found(`${pattern}`, started, () => new RegExp(pattern, "m").exec(started.stdout())?.slice(1))

export const ended = (started: Started) => found("the end", started, started.end)

/** A node that is up. */
export interface Running extends Started {
  readonly id: string
  readonly address: string
}

export const running = (args: ReadonlyArray<string> = [], options: StartOptions = {}) =>
  Effect.gen(function* () {
    const started = yield* start(["run", ...args], options)
    const [id = "", address = ""] = yield* line(started, /^\S+Z INFO {2}node (\d+) is bound to (127\.0\.0\.1:\d+)$/)
    return { ...started, id, address } satisfies Running
  })

/** How the log names a node, as a pattern. */
export const named = (node: Running) => `${node.id} \\(${node.address}\\)`.replaceAll(".", "\\.")

/** A running node and another that has joined it, by both their logs. */
export const pair = (options: StartOptions = {}) =>
  Effect.gen(function* () {
    const first = yield* running([], options)
    const second = yield* running(["--peers", first.address], options)
    yield* line(first, new RegExp(`INFO {2}joined {2}${named(second)}: `))
    yield* line(second, new RegExp(`INFO {2}joined {2}${named(first)}: `))
    return { first, second }
  })

/** A directory for files of this test. */
export const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-cli-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export const file = (text: string) =>
  Effect.map(directory, (path) => {
    const name = join(path, "gossip.toml")
    writeFileSync(name, text)
    return name
  })

/** Runs the program to its end. */
export const outcome = (args: ReadonlyArray<string>, options: StartOptions = {}) =>
  Effect.gen(function* () {
    const started = yield* start(args, options)
    const end = yield* ended(started)
    return { end, stdout: started.stdout(), stderr: started.stderr() }
  })

/** Refused: exit code 1, nothing on standard output, and one line for each mistake. */
export const refused = (args: ReadonlyArray<string>, lines: ReadonlyArray<RegExp>, options: StartOptions = {}) =>
  Effect.gen(function* () {
    const { end, stderr, stdout } = yield* outcome(args, options)
    assert.strictEqual(end, 1, stderr)
    assert.strictEqual(stdout, "")
    const got = stderr.trimEnd().split("\n")
    assert.strictEqual(got.length, lines.length, stderr)
    lines.forEach((pattern, index) => assert.match(got[index] ?? "", pattern))
  })
