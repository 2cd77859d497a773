/**
 * The secret that the nodes of a cluster share: 32 bytes, as text 64 hexadecimal digits.
 *
 * A key is always `Redacted`. No message contains the text of a key, not even of a wrong
 * one, since it may be a right one with a typing error.
 *
 * @since 0.2.0
 */
import { Array as Arr, type Brand, Effect, Redacted, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import * as Hex from "effect/encoding/Hex"

/**
 * Bytes of a key.
 *
 * @category constants
 * @since 0.2.0
 */
export const Length = 32
const Digits = 2 * Length

/**
 * The 32 secret bytes of a key.
 *
 * @category models
 * @since 0.2.0
 */
export type ClusterKey = Uint8Array & Brand.Brand<"effect-gossip/ClusterKey">

const isClusterKey = (bytes: Uint8Array): bytes is ClusterKey => bytes.length === Length

/**
 * A text is no key, or a file has none.
 *
 * **Details**
 *
 * `message` says what is wrong and in which line, and never contains what was given.
 *
 * @category errors
 * @since 0.2.0
 */
export class ClusterKeyError extends Schema.TaggedError<ClusterKeyError>()("ClusterKeyError", {
  reason: Schema.Literals(["Length", "Digit", "NoKey"]),
  /** The line of a key file, counted from 1. */
  line: Schema.optionalKey(Schema.Int),
  /** For `Length`: how many characters were given. */
  length: Schema.optionalKey(Schema.Int),
  /** For `Digit`: the position of the first character that is no hexadecimal digit, counted from 1. */
  position: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const where = this.line === undefined ? "" : `line ${this.line}: `
    switch (this.reason) {
      case "Length":
        return `${where}expected a key of ${Digits} hexadecimal digits, got ${this.length} characters`
      case "Digit":
        return `${where}expected a key of ${Digits} hexadecimal digits, but character ${this.position} is not one`
      case "NoKey":
        return `expected a key of ${Digits} hexadecimal digits in a line of its own, found none`
    }
  }
}

/**
 * A key from 32 bytes, which are copied.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` for another number of bytes.
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromBytes = (bytes: Uint8Array): Redacted.Redacted<ClusterKey> => {
  const copy = Uint8Array.from(bytes)
  if (!isClusterKey(copy)) throw new RangeError(`a cluster key has ${Length} bytes, not ${copy.length}`)
  return Redacted.make(copy)
}

const digit = /[0-9a-fA-F]/

const parse = (text: string, line?: number): Result.Result<Redacted.Redacted<ClusterKey>, ClusterKeyError> => {
  const at = line === undefined ? {} : { line }
  const characters = Array.from(text)
  if (characters.length !== Digits) {
    return Result.fail(new ClusterKeyError({ ...at, reason: "Length", length: characters.length }))
  }
  const bad = characters.findIndex((character) => !digit.test(character))
  if (bad !== -1) return Result.fail(new ClusterKeyError({ ...at, reason: "Digit", position: bad + 1 }))
  return Result.succeed(fromBytes(Result.getOrThrow(Hex.decode(text))))
}

/**
 * Reads a key from 64 hexadecimal digits in upper or lower case. Blanks around them are
 * ignored.
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromText = (text: string): Result.Result<Redacted.Redacted<ClusterKey>, ClusterKeyError> =>
  parse(text.trim())

/**
 * Reads the text of a key file: one key in each line, the first of which is the primary.
 *
 * **Details**
 *
 * `#` begins a comment, and empty lines are ignored. Fails for the first line that is no
 * key, and when there is no key.
 *
 * ```text
 * # since March
 * 6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c
 * 00d1c2b3a495867768594a3b2c1d0e0f1f2e3d4c5b6a79880716253443526170  # to be removed in April
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromFileText = (
  text: string
): Result.Result<Arr.NonEmptyReadonlyArray<Redacted.Redacted<ClusterKey>>, ClusterKeyError> => {
  const keys: Array<Redacted.Redacted<ClusterKey>> = []
  for (const [index, line] of text.split("\n").entries()) {
    const content = line.split("#", 1).join("").trim()
    if (content === "") continue
    const key = parse(content, index + 1)
    if (Result.isFailure(key)) return Result.fail(key.failure)
    keys.push(key.success)
  }
  return Arr.isReadonlyArrayNonEmpty(keys)
    ? Result.succeed(keys)
    : Result.fail(new ClusterKeyError({ reason: "NoKey" }))
}

/**
 * The 64 digits of a key, in lower case.
 *
 * **Gotchas**
 *
 * This is the secret itself. Write it only where secrets are kept.
 *
 * @category encoding
 * @since 0.2.0
 */
export const toText = (key: Redacted.Redacted<ClusterKey>): string => Hex.encode(Redacted.value(key))

/**
 * A key as text, decoded to a `Redacted` that is never printed.
 *
 * **Details**
 *
 * Errors have the message of `ClusterKeyError`. Encoding fails, so that a printed
 * configuration does not show the key; use `toText` where the secret is wanted.
 *
 * **Gotchas**
 *
 * Do not decode with `reportInput`, which puts the text into errors.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ClusterKeyFromText: Schema.Codec<Redacted.Redacted<ClusterKey>, string> = Schema.String.pipe(
  Schema.decodeTo(
    Schema.declare((input): input is Redacted.Redacted<ClusterKey> => {
      if (!Redacted.isRedacted(input)) return false
      const value = Redacted.value(input)
      return value instanceof Uint8Array && isClusterKey(value)
    }),
    SchemaTransformation.transformEffect<Redacted.Redacted<ClusterKey>, string>({
      decode: (text) =>
        Result.match(fromText(text), {
          onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message })),
          onSuccess: (key) => Effect.succeed(key)
        }),
      encode: () => Effect.fail(new SchemaIssue.InvalidValue({ message: "a cluster key is not written out" }))
    })
  )
)
