/** The process when its standard output fails, is closed, or is not read. */
import { closeSync, constants, openSync, writeSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import { ask } from "../admin/HttpRequests.ts"
import * as InProcess from "../cli/InProcess.ts"
import { until } from "./RealNodes.ts"
import { directory, ended, line, start, timeout } from "./Program.ts"

/** A file or pipe as the standard output of a process. */
const opened = (path: string, flags: number) =>
  Effect.acquireRelease(
    Effect.sync(() => openSync(path, flags)),
    (fd) => Effect.sync(() => closeSync(fd))
  )

/** A pipe that nobody reads until the test does. */
const unread = Effect.gen(function* () {
  const path = join(yield* directory, "pipe")
  execFileSync("mkfifo", [path])
  const fd = yield* opened(path, constants.O_RDWR)
  return { fd, writer: yield* opened(path, constants.O_WRONLY | constants.O_NONBLOCK) }
})

/** Whether a pipe has no room left. */
const isFull = (writer: number): boolean => {
  try {
    writeSync(writer, "x")
    return false
  } catch (error) {
    return Predicate.hasProperty(error, "code") && error.code === "EAGAIN"
  }
}

describe("gossip run", () => {
  it.live(
    "goes on when the disk is full, when its reader closes the pipe, and when its reader stops, and leaves at a signal",
    () =>
      Effect.gen(function* () {
        const home = yield* directory
        const peer = yield* InProcess.running()
        const args = (id: number) => ["run", "--peers", peer.address, "--node-id", `${id}`]
        const served = (id: number) => ({
          GOSSIP_METRICS_LOG_INTERVAL_MS: "1",
          GOSSIP_ADMIN_SOCKET: join(home, `${id}.sock`)
        })
        const pipe = yield* unread
        const full = yield* start(args(1), { stdout: yield* opened("/dev/full", constants.O_WRONLY), env: served(1) })
        const closed = yield* start(args(2), { env: served(2) })
        const stopped = yield* start(args(3), { stdout: pipe.fd, env: served(3) })
        yield* line(closed, /is bound to/)
        closed.process.stdout?.destroy()
        for (const id of [1, 2, 3]) yield* InProcess.line(peer, new RegExp(`INFO {2}joined {2}${id} `))

        const metric = (id: number, name: string) =>
          Effect.map(ask("http://node", "/metrics/json", { socketPath: join(home, `${id}.sock`) }), ({ json }) =>
            Number(Object(json)[name].series[0].value)
          ).pipe(Effect.orElseSucceed(() => 0))
        for (const id of [1, 2]) {
          yield* until("lines are counted as lost", metric(id, "swim_log_lines_dropped_total"), (lost) => lost > 10)
        }
        yield* until(
          "the pipe is full",
          Effect.sync(() => isFull(pipe.writer)),
          (full) => full
        )
        assert.strictEqual(yield* metric(3, "swim_members_alive"), 4)

        for (const node of [full, closed, stopped]) node.process.kill("SIGTERM")
        for (const node of [full, closed, stopped]) assert.strictEqual(yield* ended(node), 0, node.stderr())
        for (const id of [1, 2, 3]) yield* InProcess.line(peer, new RegExp(`INFO {2}left {4}${id} `))
      }),
    timeout
  )
})

describe("a command whose output cannot be written", () => {
  it.live(
    "fails with one line on standard error, or by SIGPIPE without a word when its reader has closed the pipe",
    () =>
      Effect.gen(function* () {
        const full = yield* start(["keygen"], { stdout: yield* opened("/dev/full", constants.O_WRONLY) })
        assert.strictEqual(yield* ended(full), 1)
        assert.strictEqual(full.stderr(), "gossip: cannot write to standard output: no space is left on the device\n")
        const demo = yield* start(["demo"])
        yield* line(demo, /^1\. /)
        demo.process.stdout?.destroy()
        assert.strictEqual(yield* ended(demo), 128 + 13)
        assert.strictEqual(demo.stderr(), "")
      }),
    timeout
  )
})
