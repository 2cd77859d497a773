/**
 * Reading text files, with errors that a user can act on.
 *
 * @since 0.2.0
 */
import { Effect, FileSystem, type PlatformError, Schema } from "effect"
import { withoutSecrets } from "../config/ConfigProblem.ts"

/**
 * A file cannot be read.
 *
 * **Details**
 *
 * `message` is one line, without anything from the file.
 *
 * @category errors
 * @since 0.2.0
 */
export class UnreadableFile extends Schema.TaggedError<UnreadableFile>()("UnreadableFile", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot read ${this.path}: ${this.reason}`
  }
}

const reasonOf = ({ reason }: PlatformError.PlatformError): string => {
  switch (reason._tag) {
    case "NotFound":
      return "there is no such file"
    case "PermissionDenied":
      return "permission denied"
    case "BadResource":
      return "it is not a file"
    default:
      return withoutSecrets(reason.cause instanceof Error ? reason.cause.message : reason.message)
  }
}

/** The error of reading a path. A path that may be a key by mistake is not repeated. */
export const unreadable =
  (path: string) =>
  (error: PlatformError.PlatformError): UnreadableFile =>
    new UnreadableFile({ path: withoutSecrets(path), reason: reasonOf(error) })

/** The text of a file. */
export const read = (path: string): Effect.Effect<string, UnreadableFile, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    return yield* Effect.mapError(files.readFileString(path), unreadable(path))
  })
