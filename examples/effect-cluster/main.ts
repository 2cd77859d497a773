// Three runners, of which two have processes of their own. One is killed, and others answer for its entities.
import { NodeRuntime } from "@effect/platform-node"
import { Duration, Effect, Schedule } from "effect"
import { fork } from "node:child_process"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Runner from "./Runner.ts"

const [ours, others] = [7951, [7952, 7953]] as const
const database = join(mkdtempSync(join(tmpdir(), "runners-")), "cluster.sqlite")
const entities = Array.from({ length: 12 }, (_, index) => `entity-${index}`)

const start = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => fork(join(import.meta.dirname, "process.ts"), [`${port}`, database, `127.0.0.1:${ours}`])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const program = Effect.gen(function* () {
  const [, victim] = yield* Effect.forEach(others, start)
  const clientOf = yield* Runner.Witness.client
  const ask = Effect.forEach(entities, (entity) => clientOf(entity).WhoAnswers(), { concurrency: "unbounded" })
  const askUntil = (holds: (ports: ReadonlySet<number>) => boolean) =>
    Effect.map(Effect.timeout(ask, "1 second"), (ports) => new Set(ports)).pipe(
      Effect.filterOrFail(holds),
      Effect.retry(Schedule.spaced("100 millis")),
      Effect.tap((ports) => Effect.log(`the runners that answer: ${[...ports].toSorted().join(", ")}`))
    )
  yield* askUntil((ports) => ports.size === 3)
  yield* Effect.log(`kill ${others[1]}`)
  yield* Effect.sync(() => victim?.kill("SIGKILL"))
  const [took] = yield* Effect.timed(askUntil((ports) => !ports.has(others[1])))
  yield* Effect.log(`others answer for its entities after ${Duration.toSeconds(took).toFixed(1)} s`)
})

program.pipe(Effect.scoped, Effect.provide(Runner.layer(ours, [], database)), NodeRuntime.runMain)
