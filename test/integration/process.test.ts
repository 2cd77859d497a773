/** The program as a process: signals, exit codes, and its start by bin/gossip.js. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as InProcess from "../cli/InProcess.ts"
import { directory, ended, line, named, outcome, pair, running, start, timeout } from "./Program.ts"

describe("gossip run", () => {
  it.live(
    "leaves at SIGTERM, and exits 0 when no member acknowledges that; without colours in a pipe",
    () =>
      Effect.gen(function* () {
        const env = {
          FORCE_COLOR: "1",
          GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS: "200",
          GOSSIP_NETWORK_RELIABLE_MAX_RETRIES: "2"
        }
        const { first, second } = yield* pair({ env })
        first.process.kill("SIGSTOP")
        second.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(second), 0)
        assert.notInclude(second.stdout(), "\x1b")
        assert.strictEqual(second.stderr(), "")
      }),
    timeout
  )

  it.live(
    "exits at once at a second signal, with the exit code of that signal",
    () =>
      Effect.gen(function* () {
        // Leaving takes an hour, because the stopped member does not acknowledge it.
        const env = { GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS: "3600000" }
        const { first, second } = yield* pair({ env })
        const third = yield* running(["--peers", first.address], { env })
        yield* line(third, new RegExp(`joined {2}${named(first)}: `))
        first.process.kill("SIGSTOP")
        for (const [node, signal, again, code] of [
          [second, "SIGTERM", "SIGINT", 130],
          [third, "SIGINT", "SIGTERM", 143]
        ] as const) {
          node.process.kill(signal)
          yield* line(node, new RegExp(`INFO {2}${signal}: leaving the cluster`))
          node.process.kill(again)
          assert.strictEqual(yield* ended(node), code)
          assert.strictEqual(node.stderr(), `gossip: ${again} again, exits at once\n`)
          assert.notInclude(node.stdout(), "left the cluster")
        }
      }),
    timeout
  )

  it.live(
    "does not open the inspector of Node.js, which could read its keys, at SIGUSR1",
    () =>
      Effect.gen(function* () {
        const { first, second } = yield* pair()
        second.process.kill("SIGUSR1")
        // It is handled before the next signal.
        second.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(second), 0)
        assert.strictEqual(second.stderr(), "")
        yield* line(first, new RegExp(`INFO {2}left {4}${second.id} `))
      }),
    timeout
  )

  it.live(
    "is suspected and then declared dead when it is killed, each with its cause",
    () =>
      Effect.gen(function* () {
        const first = yield* InProcess.running([], {
          env: {
            GOSSIP_PROBES_INTERVAL_MS: "300",
            GOSSIP_PROBES_TIMEOUT_MS: "150",
            GOSSIP_PROBES_SUSPECT_TIMEOUT_MS: "300"
          }
        })
        const second = yield* running(["--peers", first.address])
        yield* InProcess.line(first, new RegExp(`INFO {2}joined {2}${named(second)}: `))
        second.process.kill("SIGKILL")
        const member = named(second)
        yield* InProcess.line(
          first,
          new RegExp(`WARN {2}suspect ${member}: no answer to our direct probe, and no relay to ask$`)
        )
        yield* InProcess.line(first, new RegExp(`WARN {2}dead {4}${member}: suspect for [\\d.]+ m?s, no refutation$`))
      }),
    timeout
  )

  it.live(
    "ends at SIGHUP, as when its terminal closes, unless it has a key file to read again",
    () =>
      Effect.gen(function* () {
        const key = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"
        const nodes = yield* Effect.all([running(), running([], { env: { GOSSIP_CLUSTER_KEY: key } })], {
          concurrency: 2
        })
        for (const node of nodes) node.process.kill("SIGHUP")
        for (const node of nodes) assert.strictEqual(yield* ended(node), "SIGHUP")
      }),
    timeout
  )

  it.live(
    "works the same when an older Node.js starts it with the one of the checkout",
    () =>
      Effect.gen(function* () {
        // What bin/gossip.js sees of such a Node.js; the one that it starts is not changed.
        const older = `if (process.env.EFFECT_GOSSIP_STARTED_AGAIN === undefined) {
          Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.0.0" } })
          process.execve = undefined
        }`
        const node = yield* running([], { node: ["--import", `data:text/javascript,${encodeURIComponent(older)}`] })
        node.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(node), 0)
        yield* line(node, /SIGTERM: leaving the cluster/)
      }),
    timeout
  )
})

describe("gossip", () => {
  it.live(
    "prints its version",
    () =>
      Effect.gen(function* () {
        const { end, stderr, stdout } = yield* outcome(["--version"])
        assert.deepStrictEqual([end, stderr], [0, ""])
        assert.match(stdout, /^gossip \d+\.\d+\.\d+\S*\n$/)
      }),
    timeout
  )

  it.live(
    "shows the cause of a defect in the program",
    () =>
      Effect.gen(function* () {
        const broken = `import os from "node:os"
          import { syncBuiltinESMExports } from "node:module"
          os.networkInterfaces = () => { throw new TypeError("broken on purpose") }
          syncBuiltinESMExports()`
        const options = { node: ["--import", `data:text/javascript,${encodeURIComponent(broken)}`] }
        const { end, stderr } = yield* outcome(["run", "--bind", "0.0.0.0:0"], options)
        assert.strictEqual(end, 1)
        assert.match(stderr, /^gossip: this is a mistake in the program/)
        assert.match(stderr, /TypeError: broken on purpose\n\s+at /)
      }),
    timeout
  )
})

describe("gossip sim", () => {
  it.live(
    "ends at once at a signal, with its exit code",
    () =>
      Effect.gen(function* () {
        for (const [signal, code] of [
          ["SIGINT", 130],
          ["SIGTERM", 143]
        ] as const) {
          const path = join(yield* directory, "trace.jsonl")
          writeFileSync(path, "")
          const simulation = yield* start(["sim", "--nodes", "20", "--seconds", "2000000", "--trace", path])
          while (readFileSync(path, "utf8") === "") yield* Effect.sleep("20 millis")
          simulation.process.kill(signal)
          assert.strictEqual(yield* ended(simulation), code)
          assert.deepStrictEqual([simulation.stdout(), simulation.stderr()], ["", ""])
        }
      }),
    timeout
  )
})

/** Makes Node.js write the modules that it loads to standard error. */
const tracing = `data:text/javascript,import { registerHooks } from "node:module"
registerHooks({ load: (url, context, next) => (process.stderr.write(url + " "), next(url, context)) })`

describe("a command", () => {
  it.live(
    "loads no code of the simulator, the HTTP server or the HTTP client, unless it needs it",
    () =>
      Effect.gen(function* () {
        const loaded = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
          Effect.map(
            outcome(args, { env: { ...env, NODE_OPTIONS: `--import=${encodeURI(tracing)}` } }),
            ({ stderr }) => {
              assert.include(stderr, "/src/cli/sim.ts ")
              const parts = [
                "/src/simulation/",
                "/src/node/NodeAdmin.ts",
                "/src/admin/AdminClient.ts",
                "/src/cli/demo/"
              ]
              return parts.filter((part) => stderr.includes(part))
            }
          )
        assert.deepStrictEqual(yield* loaded(["--help"]), [])
        // The address is not one of this machine, so the node ends after everything is loaded.
        assert.deepStrictEqual(yield* loaded(["run", "--bind", "192.0.2.1:7946"]), [])
        assert.deepStrictEqual(yield* loaded(["sim", "--nodes", "1", "--seconds", "1"]), ["/src/simulation/"])
        assert.deepStrictEqual(yield* loaded(["members", "-e", "/no/such.sock"]), ["/src/admin/AdminClient.ts"])
      }),
    timeout
  )
})
