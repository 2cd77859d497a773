/** Writes a trace to a file, one line of JSON per event. */
import { Effect, FileSystem, Option, type PlatformError, Schema } from "effect"
import type { TraceRecord } from "../simulation/report/Trace.ts"

/** A file that cannot be written. */
export class UnwritableFile extends Schema.TaggedError<UnwritableFile>()("UnwritableFile", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot write ${this.path}: ${this.reason}`
  }
}

const NotRegular = "it is not a regular file"

/** Opens a file for writing. Only a regular one, or one that is not there yet: a pipe would be waited for. */
export const open = (path: string, flag: "w" | "a") =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const found = yield* Effect.option(files.stat(path))
    if (Option.isSome(found) && found.value.type !== "File") {
      return yield* new UnwritableFile({ path, reason: NotRegular })
    }
    return yield* Effect.mapError(files.open(path, { flag }), unwritable(path))
  })

/** The error for a failed write to a path. */
export const unwritable =
  (path: string) =>
  ({ reason }: PlatformError.PlatformError): UnwritableFile => {
    switch (reason._tag) {
      case "NotFound":
        return new UnwritableFile({ path, reason: "its directory does not exist" })
      case "PermissionDenied":
        return new UnwritableFile({ path, reason: "permission denied" })
      case "BadResource":
        return new UnwritableFile({ path, reason: NotRegular })
      default:
        return new UnwritableFile({
          path,
          reason: reason.cause instanceof Error ? reason.cause.message : reason.message
        })
    }
  }

/** Time between two writes. A simulation makes many records at once, and yields to other fibers only now and then. */
const WriteEvery = "20 millis"

const utf8 = new TextEncoder()

/** Runs `use` with a function that adds a record. The file is complete when `use` ends, and a failed write ends it. */
export const during = <A, E, R>(
  path: string,
  use: (trace: (record: TraceRecord) => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | UnwritableFile, R | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const file = yield* open(path, "w")
    let lines: Array<string> = []
    const flush = Effect.suspend(() => {
      if (lines.length === 0) return Effect.void
      const text = lines.join("")
      lines = []
      return Effect.mapError(file.writeAll(utf8.encode(text)), unwritable(path))
    })
    const pump = Effect.sleep(WriteEvery).pipe(Effect.andThen(flush), Effect.forever)
    const used = use((record) => {
      lines.push(`${JSON.stringify(record)}\n`)
    })
    const result = yield* Effect.raceFirst(used, pump)
    yield* flush
    return result
  }).pipe(Effect.scoped)
