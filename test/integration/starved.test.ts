/** Processes that are stopped, blocked, or out of file descriptors, or whose clock is set. */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask } from "../admin/HttpRequests.ts"
import { isLong } from "../Campaign.ts"
import { allAlive, cluster, deaths, statuses } from "./ProcessCluster.ts"
import { directory, line, named, running, timeout } from "./Program.ts"
import { until, untilTrue } from "./RealNodes.ts"

describe("a node that is stopped", () => {
  it.live(
    "for half a second is not held dead, and after longer comes back and holds nobody else dead",
    () =>
      Effect.gen(function* () {
        const nodes = yield* cluster(3)
        const [stopped, ...others] = nodes
        if (stopped === undefined) return assert.fail()
        for (const seconds of isLong ? [0.5, 5, 60] : [0.5, 5]) {
          stopped.node.process.kill("SIGSTOP")
          yield* Effect.sleep(seconds * 1000)
          stopped.node.process.kill("SIGCONT")
          for (const { socket } of nodes) yield* allAlive(socket, 3)
          if (seconds < 1) for (const { node } of others) assert.deepStrictEqual(deaths(node), [])
          assert.deepStrictEqual(deaths(stopped.node), [])
        }
      }),
    timeout
  )
})

describe("a node whose event loop is blocked", () => {
  it.live(
    "notices it, and holds nobody dead for it",
    () =>
      Effect.gen(function* () {
        const block = join(yield* directory, "block.mjs")
        writeFileSync(
          block,
          `process.on("SIGUSR2", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000))`
        )
        const nodes = yield* cluster(3, { node: ["--import", block] })
        const [blocked] = nodes
        if (blocked === undefined) return assert.fail()
        blocked.node.process.kill("SIGUSR2")
        yield* until(
          "it counts the pause",
          Effect.map(Effect.option(ask("http://node", "/metrics/json", { socketPath: blocked.socket })), (answer) =>
            answer._tag === "Some" ? Number(Object(answer.value.json).swim_pauses_total?.series?.[0]?.value ?? 0) : 0
          ),
          (pauses) => pauses > 0
        )
        for (const { socket } of nodes) yield* allAlive(socket, 3)
        assert.deepStrictEqual(deaths(blocked.node), [])
      }),
    timeout
  )
})

describe("a node whose wall clock is set", () => {
  it.live(
    "an hour forwards and back stays a member, holds nobody dead, and finds who was killed",
    () =>
      Effect.gen(function* () {
        const shift = join(yield* directory, "shift.mjs")
        writeFileSync(
          shift,
          `const { now } = Date
           let by = 3_600_000
           process.on("SIGUSR2", () => {
             const offset = by
             Date.now = () => now() + offset
             by = -by
           })`
        )
        const nodes = yield* cluster(3, { node: ["--import", shift] })
        const [moved, killed, other] = nodes
        if (moved === undefined || killed === undefined || other === undefined) return assert.fail()
        for (const _direction of ["forwards", "back"]) {
          moved.node.process.kill("SIGUSR2")
          yield* Effect.sleep("10 seconds")
          for (const { socket } of nodes) yield* allAlive(socket, 3)
        }
        for (const { node } of nodes) assert.deepStrictEqual(deaths(node), [])
        killed.node.process.kill("SIGKILL")
        for (const { node } of [moved, other]) yield* line(node, new RegExp(`WARN {2}dead {4}${named(killed.node)}`))
        // Its clock was set, or this test would show nothing.
        const logged = Date.parse(deaths(moved.node)[0]?.split(" ")[0] ?? "")
        assert.isBelow(logged, Date.now() - 3_000_000)
      }),
    timeout
  )
})

describe("a node without file descriptors", () => {
  it.live(
    "stays a member, and is served again once there are some",
    () =>
      Effect.gen(function* () {
        const peer = yield* running()
        const bin = fileURLToPath(new URL("../../bin/gossip.js", import.meta.url))
        const home = yield* directory
        const socket = join(home, "admin.sock")
        let log = ""
        let ended = false
        // As many as it needs to start, and some.
        const script = `ulimit -n 48; exec "$0" "$@"`
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            const child = spawn(
              "sh",
              ["-c", script, process.execPath, bin, "run", "--peers", peer.address, "--node-id", "7"],
              {
                env: { PATH: process.env["PATH"], GOSSIP_ADMIN_SOCKET: socket },
                stdio: ["ignore", "pipe", "pipe"]
              }
            )
            for (const output of [child.stdout, child.stderr])
              output.setEncoding("utf8").on("data", (text) => (log += text))
            child.on("close", () => (ended = true))
            return child
          }),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        yield* line(peer, /INFO {2}joined {2}7 \(/)
        yield* until("it is served", statuses(socket), (found) => found.size === 2)

        const clients: Array<Net.Socket> = []
        yield* Effect.addFinalizer(() => Effect.sync(() => clients.forEach((client) => client.destroy())))
        const hold = () => {
          const client = Net.connect(socket)
          client.on("error", () => undefined)
          // A follower is not closed for being idle.
          client.write("GET /events HTTP/1.1\r\nHost: node\r\n\r\n")
          client.resume()
          clients.push(client)
        }
        for (let n = 0; n < 60; n++) hold()
        yield* untilTrue("it refuses clients", () => clients.some(({ closed, destroyed }) => closed || destroyed))
        yield* Effect.sleep("5 seconds")
        assert.isFalse(ended, log)
        assert.deepStrictEqual(deaths(peer), [], log)
        clients.splice(0).forEach((client) => client.destroy())
        yield* until("it is served again", statuses(socket), (found) => found.size === 2)
        assert.strictEqual((yield* statuses(socket)).get(peer.id), "alive", named(peer))
      }),
    timeout
  )
})
