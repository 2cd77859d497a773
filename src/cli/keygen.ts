/**
 * `gossip keygen`: a new cluster key.
 */
import { Console, Effect, FileSystem, Option, type PlatformError, Schema } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import { SecureRandom } from "effect/crypto"
import * as ClusterKey from "../crypto/ClusterKey.ts"

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
      return "it exists already, and a key in use may be in it; remove it first, or choose another name"
    case "NotFound":
      return "its directory does not exist"
    case "PermissionDenied":
      return "permission denied"
    default:
      return reason.cause instanceof Error ? reason.cause.message : reason.message
  }
}

// The file is made for its owner alone before anything is in it, and only if it is new.
const write = (path: string, text: string): Effect.Effect<void, KeyFileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    yield* Effect.mapError(
      files.writeFileString(path, text, { flag: "wx", mode: 0o600 }),
      (error) => new KeyFileError({ path, reason: reasonOf(error) })
    )
  })

/**
 * Draws a key and prints it to standard output, or writes it to a new file that only its owner can read.
 */
export const keygen = Command.make(
  "keygen",
  {
    out: Flag.String("out").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write the key to this new file, readable by its owner alone, and not to standard output."),
      Flag.optional
    )
  },
  Effect.fnUntraced(
    function* ({ out }) {
      const random = yield* SecureRandom.SecureRandom
      const text = ClusterKey.toText(ClusterKey.fromBytes(yield* random.randomBytes(ClusterKey.Length)))
      yield* Option.match(out, {
        onNone: () => Console.log(text),
        onSome: (path) => write(path, `${text}\n`)
      })
    },
    Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: cause.message }))
  )
).pipe(
  Command.provide(SecureRandom.layerWebCrypto),
  Command.withShortDescription("Make a key for encryption between the nodes of a cluster."),
  Command.withDescription(
    [
      "Makes a new random key, the same for all nodes of a cluster: 64 hexadecimal digits, on standard output or in a",
      "  new file. Whoever has it can read and forge everything that the nodes say to each other."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip keygen --out cluster.key", description: "Into a file that only its owner can read" },
    { command: "export GOSSIP_CLUSTER_KEY=$(gossip keygen)", description: "Into the environment" }
  ])
)
