/**
 * The file with the keys of the cluster.
 *
 * @since 0.2.0
 */
import { type Array as Arr, Effect, FileSystem, type Redacted, Schema } from "effect"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import * as TextFile from "./TextFile.ts"

/**
 * A key file has a line that is no key, or no key at all.
 *
 * **Details**
 *
 * `message` is one line, without anything from the file.
 *
 * @category errors
 * @since 0.2.0
 */
export class ClusterKeyFileError extends Schema.TaggedError<ClusterKeyFileError>()("ClusterKeyFileError", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `key file ${this.path}: ${this.reason}`
  }
}

/**
 * Why a key file gives no keys.
 *
 * @category errors
 * @since 0.2.0
 */
export type ReadError = TextFile.UnreadableFile | ClusterKeyFileError

/** The bits of the mode of a file that let others than its owner read, write or run it. */
const OthersBits = 0o077

const warnOfOthers = Effect.fnUntraced(function* (path: string, mode: number) {
  // On Windows the mode of every file allows all users.
  if (process.platform === "win32" || (mode & OthersBits) === 0) return
  const octal = (mode & 0o777).toString(8).padStart(4, "0")
  yield* Effect.logWarning(`key file ${path} is open to other users (mode ${octal}): chmod 600 it`)
})

/** Reads the keys in a file; the first one seals. Warns if other users than its owner can read it. */
export const read = (
  path: string
): Effect.Effect<
  Arr.NonEmptyReadonlyArray<Redacted.Redacted<ClusterKey.ClusterKey>>,
  ReadError,
  FileSystem.FileSystem
> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const text = yield* TextFile.read(path)
    const keys = yield* Effect.mapError(
      Effect.fromResult(ClusterKey.fromFileText(text)),
      ({ message }) => new ClusterKeyFileError({ path, reason: message })
    )
    const { mode } = yield* Effect.mapError(files.stat(path), TextFile.unreadable(path))
    yield* warnOfOthers(path, mode)
    return keys
  })

/** The configuration with the keys of the file that it names. Unchanged if it names none, or if encryption is off. */
export const load = (
  config: ClusterConfig.ClusterConfig
): Effect.Effect<ClusterConfig.ClusterConfig, ReadError | ClusterConfig.ClusterConfigError, FileSystem.FileSystem> => {
  const { clusterKeyFile, encryption } = config.network
  return clusterKeyFile === undefined || encryption === "off"
    ? Effect.succeed(config)
    : Effect.flatMap(read(clusterKeyFile), (keys) => Effect.fromResult(ClusterConfig.withKeys(config, keys)))
}
