/**
 * A process that keeps a state, uses one incarnation after the other, and kills itself at an operation on a file. Its
 * arguments are the directory, the number of the operation, and whether it dies before it, during it or after it. Each
 * incarnation that it uses is a line on standard output.
 */
import { writeSync } from "node:fs"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, FileSystem, Layer, Option, type PlatformError, Result } from "effect"
import { NetAddress } from "effect/net"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as StateDirectory from "../../src/node/StateDirectory.ts"
import { NodeState } from "../../src/state/NodeState.ts"

const [stateDir = "", operation = "", moment = ""] = process.argv.slice(2)

const say = (...words: ReadonlyArray<unknown>): void => {
  writeSync(1, `${words.join(" ")}\n`)
}

const die = Effect.callback<never>(() => {
  process.kill(process.pid, "SIGKILL")
})

let operations = 0
const step = <A, R>(
  run: Effect.Effect<A, PlatformError.PlatformError, R>,
  part: Effect.Effect<unknown, PlatformError.PlatformError> = Effect.void
): Effect.Effect<A, PlatformError.PlatformError, R> =>
  Effect.suspend(() => {
    if (operations++ !== Number(operation)) return run
    switch (moment) {
      case "before":
        return die
      case "during":
        return Effect.andThen(part, die)
      default:
        return Effect.andThen(run, die)
    }
  })

const killing = Effect.map(FileSystem.FileSystem, (files) =>
  FileSystem.FileSystem.of({
    ...files,
    rename: (from, to) => step(files.rename(from, to)),
    open: (path, options) =>
      Effect.map(step(files.open(path, options)), (file) => ({
        ...file,
        sync: step(file.sync),
        writeAll: (bytes: Uint8Array) => step(file.writeAll(bytes), file.writeAll(bytes.subarray(0, bytes.length / 2)))
      }))
  })
)

const program = Effect.gen(function* () {
  const { id, incarnation, incarnations, members, remember, tagVersion, trouble } = Option.getOrThrow(yield* NodeState)
  say("began", id, incarnation, tagVersion, members.length)
  let port = members.length
  let next = incarnation
  say("used", next)
  while (true) {
    yield* Effect.sleep(1)
    // A node goes on when a slow disk does not answer; then nothing is promised.
    if (trouble() !== undefined || !incarnations.take(next + 1)) continue
    next++
    say("used", next)
    if (next % 8 === 0 && port < 100) {
      port++
      remember(
        tagVersion,
        Array.from({ length: port }, (_, i) => NetAddress.inetAddressFromStringUnsafe(`10.0.0.1:${i + 1}`))
      )
    }
  }
})

program.pipe(
  Effect.provide(StateDirectory.layer(Result.getOrThrow(ClusterConfig.make({ stateDir })))),
  Effect.provide(Layer.fresh(Layer.effect(FileSystem.FileSystem, killing).pipe(Layer.provide(NodeFileSystem.layer)))),
  NodeRuntime.runMain
)
