/**
 * Makes a random cluster key, and writes it to standard output or to a new file.
 */
import { Console, Effect, FileSystem, Option, type PlatformError, Schema } from "effect"
import { CliError } from "effect/cli"
import { SecureRandom } from "effect/crypto"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import type { Flags } from "./keygen.ts"

/**
 * The file for the key cannot be written.
 */
export class KeyFileError extends Schema.TaggedError<KeyFileError>()("KeyFileError", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot write ${this.path}: ${this.reason}`
  }
}

const reasonOf = ({ reason }: PlatformError.PlatformError): string => {
  switch (reason._tag) {
    case "AlreadyExists":
      return "it exists already and may contain a key in use; remove it first, or choose another name"
    case "NotFound":
      return "its directory does not exist"
    case "PermissionDenied":
      return "permission denied"
    default:
      return reason.cause instanceof Error ? reason.cause.message : reason.message
  }
}

// The file is created with permissions for its owner alone, and only if it does not exist.
const write = (path: string, text: string): Effect.Effect<void, KeyFileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    yield* Effect.mapError(
      files.writeFileString(path, text, { flag: "wx", mode: 0o600 }),
      (error) => new KeyFileError({ path, reason: reasonOf(error) })
    )
  })

/**
 * Handles `gossip keygen`.
 */
export const handle = Effect.fnUntraced(
  function* ({ out }: Flags) {
    const random = yield* SecureRandom.SecureRandom
    const text = ClusterKey.toText(ClusterKey.fromBytes(yield* random.randomBytes(ClusterKey.Length)))
    yield* Option.match(out, {
      onNone: () => Console.log(text),
      onSome: (path) => write(path, `${text}\n`)
    })
  },
  Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: cause.message })),
  Effect.provide(SecureRandom.layerWebCrypto)
)
