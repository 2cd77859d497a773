/**
 * Reading text files, with errors that a user can act on.
 *
 * @since 0.2.0
 */
import { Effect, FileSystem, type PlatformError, Schema, Stream } from "effect"
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

const NotRegular = "it is not a regular file"

const reasonOf = ({ reason }: PlatformError.PlatformError): string => {
  switch (reason._tag) {
    case "NotFound":
      return "there is no such file"
    case "PermissionDenied":
      return "permission denied"
    case "BadResource":
      return NotRegular
    default:
      return withoutSecrets(reason.cause instanceof Error ? reason.cause.message : reason.message)
  }
}

/** The error of reading a path. A path that may be a key by mistake is not repeated. */
export const unreadable =
  (path: string) =>
  (error: PlatformError.PlatformError): UnreadableFile =>
    new UnreadableFile({ path: withoutSecrets(path), reason: reasonOf(error) })

/** The most bytes of a file that people write. */
const Limit = 1_048_576

const utf8 = new TextDecoder()

/**
 * The text of a file of at most `limit` bytes. Only of a regular one: a pipe would be waited for, and a device may have
 * no end.
 */
export const read = (path: string, limit = Limit): Effect.Effect<string, UnreadableFile, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const refused = (reason: string) => new UnreadableFile({ path: withoutSecrets(path), reason })
    const files = yield* FileSystem.FileSystem
    const { type } = yield* Effect.mapError(files.stat(path), unreadable(path))
    if (type !== "File") return yield* refused(NotRegular)
    // The size that the system tells can be wrong: that of a file below /proc is 0.
    const bytes = yield* Effect.mapError(
      Stream.mkUint8Array(files.stream(path, { bytesToRead: limit + 1 })),
      unreadable(path)
    )
    if (bytes.length > limit) return yield* refused(`it has more than ${limit} bytes`)
    return utf8.decode(bytes)
  })
