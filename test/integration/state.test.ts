/** Processes that keep their state: killed and back, two on one directory, and a disk that does not take it. */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { ask } from "../admin/HttpRequests.ts"
import { until } from "./RealNodes.ts"
import { directory, ended, line, outcome, type Running, running, timeout } from "./Program.ts"

/** Waits until a node has ended. */
const killed = (node: Running) =>
  Effect.andThen(
    Effect.sync(() => node.process.kill("SIGKILL")),
    ended(node)
  )

const run = (program: string, ...args: ReadonlyArray<string>): boolean => {
  try {
    execFileSync(program, args, { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/**
 * A disk that can be filled. Only root can make a file system for it; anybody else gets a directory in which the file that
 * is written next cannot be opened.
 */
const smallDisk = Effect.gen(function* () {
  const path = yield* directory
  const mounted = run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path)
  yield* Effect.addFinalizer(() => Effect.sync(() => mounted && run("umount", "--lazy", path)))
  const filler = mounted ? join(path, "filler") : join(path, "state", "node.state.new")
  return {
    path,
    fill: Effect.sync(() => {
      if (mounted) run("dd", "if=/dev/zero", `of=${filler}`, "bs=1k", "count=100")
      else mkdirSync(filler)
    }),
    empty: Effect.sync(() => rmSync(filler, { recursive: true }))
  }
})

const saved = (path: string): { readonly id: string; readonly incarnation: number } => {
  const text = readFileSync(join(path, "node.state"), "utf8")
  return JSON.parse(text.slice(text.indexOf("\n")))
}

/** Waits until the address of another node is saved. */
const remembered = (path: string, other: Running) =>
  Effect.sync(() => readFileSync(join(path, "node.state"), "utf8").includes(`"${other.address}"`)).pipe(
    Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("50 millis") }),
    Effect.timeout("3 minutes"),
    Effect.orDie
  )

describe("gossip run --state-dir", () => {
  it.live(
    "comes back as itself after SIGKILL, through a member that it remembers when its peer is gone",
    () =>
      Effect.gen(function* () {
        const path = join(yield* directory, "state")
        const seed = yield* running()
        const args = ["--state-dir", path, "--peers", seed.address]
        const other = yield* running(["--peers", seed.address])
        const node = yield* running(args)
        yield* line(node, new RegExp(`INFO {2}node ${node.id} keeps its state in ${path}$`))
        yield* line(node, new RegExp(`joined {2}${other.id} `))
        // Until it has saved where the others are.
        yield* remembered(path, other)
        const { incarnation } = saved(path)
        yield* killed(node)
        yield* killed(seed)
        const back = yield* running([...args, "--bind", node.address])
        assert.strictEqual(back.id, node.id)
        const [first] = yield* line(back, new RegExp(`node ${node.id} is back from ${path}, with incarnation (\\d+) `))
        assert.isAbove(Number(first), incarnation)
        yield* line(back, new RegExp(`joined {2}${other.id} `))
        yield* line(other, new RegExp(`(changed|alive) +${node.id} `))
        assert.notMatch(other.stdout(), /WARN .*the id/)

        back.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(back), 0)
        assert.strictEqual(back.stderr(), "")
        assert.isAtLeast(saved(path).incarnation, incarnation + 1)
      }),
    timeout
  )

  it.live(
    "refuses a directory that another process uses, until that is killed",
    () =>
      Effect.gen(function* () {
        const path = join(yield* directory, "state")
        const node = yield* running(["--state-dir", path])
        const second = yield* outcome(["run", "--state-dir", path])
        assert.strictEqual(second.end, 1)
        assert.strictEqual(
          second.stderr,
          `gossip: state of this node in ${path}: another process uses it; give each node a directory of its own\n`
        )
        yield* killed(node)
        const third = yield* running([], { env: { GOSSIP_NETWORK_STATE_DIR: path } })
        assert.strictEqual(third.id, node.id)
      }),
    timeout
  )

  it.live(
    "goes on when its disk is full, says so, and says when it is saved again; it starts on a full disk too",
    () =>
      Effect.gen(function* () {
        const disk = yield* smallDisk
        const path = join(disk.path, "state")
        const socketPath = join(yield* directory, "admin.sock")
        const node = yield* running(["--state-dir", path, "--admin-socket", socketPath])
        const answer = (path: string) =>
          Effect.map(ask("http://node", path, { socketPath }), ({ json }) => Object(json))
        const unsaved = Effect.map(answer("/metrics/json"), (json) => json["swim_state_unsaved"].series[0].value)
        yield* until("the state is saved", unsaved, (value) => value === 0)

        yield* disk.fill
        // A new member is remembered.
        const other = yield* running(["--peers", node.address])
        yield* line(
          node,
          new RegExp(`WARN {2}cannot save the state of this node in ${path}: .*; keeps trying; until then`)
        )
        yield* until("the metric says that it is not", unsaved, (value) => value === 1)
        assert.match((yield* answer("/healthz")).warnings[0], /^cannot save the state of this node in /)
        assert.strictEqual(saved(path).id, node.id)
        yield* killed(node)
        const back = yield* running(["--state-dir", path, "--peers", other.address, "--bind", node.address])
        assert.strictEqual(back.id, node.id)
        yield* line(back, new RegExp(`joined {2}${other.id} `))
        yield* line(back, /WARN {2}cannot save the state of this node/)

        yield* disk.empty
        yield* line(back, new RegExp(`INFO {2}the state of this node is saved in ${path} again$`))
        assert.isAbove(saved(path).incarnation, 0)
        yield* remembered(path, other)
      }),
    timeout
  )

  it.live(
    "refuses a directory that it cannot use, with what to do",
    () =>
      Effect.gen(function* () {
        const home = yield* directory
        const path = join(home, "state")
        const refused = (reason: string) =>
          Effect.gen(function* () {
            const { end, stderr, stdout } = yield* outcome(["run", "--state-dir", path])
            assert.deepStrictEqual([end, stdout], [1, ""])
            assert.strictEqual(stderr, `gossip: state of this node in ${path}: ${reason}\n`)
          })
        writeFileSync(path, "")
        yield* refused("cannot make the directory: it is not a directory")
        rmSync(path)
        mkdirSync(path)
        writeFileSync(join(path, "node.state"), "effect-gossip sta")
        yield* refused(
          "node.state is damaged: its first line is not whole, and node.state.copy is not there; restore one of them from a " +
            "backup; to start as a new node with another id, remove node.state and node.state.copy"
        )
        assert.strictEqual(readFileSync(join(path, "node.state"), "utf8"), "effect-gossip sta")
      }),
    timeout
  )
})
