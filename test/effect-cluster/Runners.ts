/** Three real runners of `effect/cluster` in processes of their own, of which one is killed. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { Effect, Schedule, Schema } from "effect"
import { reserve } from "../integration/RealNodes.ts"

const Answer = Schema.fromJsonString(Schema.Struct({ entity: Schema.String, runner: Schema.String, at: Schema.Number }))
const decodeAnswer = Schema.decodeUnknownSync(Answer)

/** A runner, and by which runner each entity answered it last. */
interface Runner {
  readonly port: string
  readonly child: ChildProcess
  readonly answers: Map<string, string>
  readonly errors: () => string
}

const startRunner = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): Runner => {
      const child = spawn(process.execPath, [join(import.meta.dirname, "runner.ts"), ...args], {
        stdio: ["ignore", "pipe", "pipe"]
      })
      const answers = new Map<string, string>()
      let text = ""
      let errors = ""
      child.stderr.on("data", (more: Buffer) => (errors += more.toString()))
      child.stdout.on("data", (more: Buffer) => {
        const lines = (text + more.toString()).split("\n")
        text = lines.pop() ?? ""
        for (const line of lines) {
          if (!line.startsWith("{")) {
            errors += `${line}\n`
            continue
          }
          const { entity, runner } = decodeAnswer(line)
          answers.set(entity, runner)
        }
      })
      return { port: args[0] ?? "", child, answers, errors: () => errors }
    }),
    ({ child }) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )

/** Far beyond what the slowest machine needs. */
const Limit = "90 seconds"

const until = (what: () => string, holds: () => boolean) =>
  Effect.sync(holds).pipe(
    Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("10 millis") }),
    Effect.timeout(Limit),
    Effect.catchTag("TimeoutError", () => Effect.die(new Error(`did not happen: ${what()}`)))
  )

/** How many entities runners ask for. */
const Entities = 12

/**
 * Starts three runners, kills one, and waits until others answer for all of its entities. Returns how long that took after
 * the kill, in ms, and how many entities it had.
 */
export const takeOver = Effect.fnUntraced(function* (health: "gossip" | "ping", lockSeconds: number) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-runners-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const addresses = yield* reserve(6)
  const ports = addresses.slice(3).map((address) => address.split(":")[1] ?? "")
  const [seed = ""] = addresses
  const start = (port: string, index: number) =>
    startRunner(
      port,
      addresses[index] ?? "",
      index === 0 ? "" : seed,
      join(folder, "cluster.sqlite"),
      health,
      String(lockSeconds)
    )
  // One after the other, since each creates the tables.
  const runners = yield* Effect.forEach(ports, (port, index) =>
    Effect.tap(start(port, index), ({ errors }) => until(errors, () => errors().includes("Listening")))
  )
  const [first, , victim] = runners
  const logs = () => runners.map(({ errors, port }) => `${port}:\n${errors()}`).join("\n")
  if (first === undefined || victim === undefined) return yield* Effect.die("there are three runners")
  const owners = () => new Set(first.answers.values())
  yield* until(
    () => `each of ${ports.join()} answers for some entities, not ${inspect(first.answers)}: ${logs()}`,
    () => first.answers.size === Entities && ports.every((port) => owners().has(port))
  )
  const entities = [...first.answers].filter(([, runner]) => runner === victim.port).map(([entity]) => entity)
  victim.child.kill("SIGKILL")
  const killed = performance.now()
  yield* until(
    () => `others answer for the one that was killed: ${logs()}`,
    () => !owners().has(victim.port)
  )
  return { took: performance.now() - killed, entities: entities.length }
})
