/** Processes that keep their state: killed and back, two on one directory, and a disk that does not take it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory, ended, line, outcome, type Running, running, timeout } from "./Program.ts"

/** Waits until a node has ended. */
const killed = (node: Running) =>
  Effect.andThen(
    Effect.sync(() => node.process.kill("SIGKILL")),
    ended(node)
  )

const saved = (path: string): { readonly id: string; readonly incarnation: number } => {
  const text = readFileSync(join(path, "node.state"), "utf8")
  return JSON.parse(text.slice(text.indexOf("\n")))
}

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
        while (!readFileSync(join(path, "node.state"), "utf8").includes(other.address)) yield* Effect.sleep(50)
        const { incarnation } = saved(path)
        yield* killed(node)
        yield* killed(seed)
        const back = yield* running([...args, "--bind", node.address])
        assert.strictEqual(back.id, node.id)
        const [first] = yield* line(back, new RegExp(`node ${node.id} is back from ${path}, with incarnation (\\d+) `))
        assert.strictEqual(Number(first), incarnation + 1)
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
})
