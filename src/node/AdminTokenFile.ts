/**
 * The file with the token that lets its bearer operate a node.
 *
 * @since 0.2.0
 */
import { Effect, FileSystem, Redacted, Schema } from "effect"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import { isToken, tokenForm } from "../config/ConfigKey.ts"
import * as TextFile from "./TextFile.ts"

/**
 * A file has no token.
 *
 * **Details**
 *
 * `message` is one line, without anything from the file.
 *
 * @category errors
 * @since 0.2.0
 */
export class TokenFileError extends Schema.TaggedError<TokenFileError>()("TokenFileError", { path: Schema.String }) {
  override get message(): string {
    return `token file ${this.path}: expected a token of ${tokenForm}`
  }
}

/**
 * Why a file gives no token.
 *
 * @category errors
 * @since 0.2.0
 */
export type ReadError = TextFile.UnreadableFile | TokenFileError

/** The bits of the mode of a file that let others than its owner read, write or run it. */
const OthersBits = 0o077

/** Reads the token in a file, without the spaces around it. Warns if other users than its owner can read it. */
export const read = (path: string): Effect.Effect<Redacted.Redacted<string>, ReadError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const text = (yield* TextFile.read(path)).trim()
    if (!isToken(text)) return yield* new TokenFileError({ path })
    const { mode } = yield* Effect.mapError(files.stat(path), TextFile.unreadable(path))
    // On Windows the mode of every file allows all users.
    if (process.platform !== "win32" && (mode & OthersBits) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0")
      yield* Effect.logWarning(`token file ${path} is open to other users (mode ${octal}): chmod 600 it`)
    }
    return Redacted.make(text)
  })

/** The token of a configuration, or of the file that it names, or none. */
export const load = ({
  admin: { token, tokenFile }
}: ClusterConfig): Effect.Effect<Redacted.Redacted<string> | undefined, ReadError, FileSystem.FileSystem> =>
  token !== undefined || tokenFile === undefined ? Effect.succeed(token) : read(tokenFile)
