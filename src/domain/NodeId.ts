/**
 * The identity of one run of one node: an unsigned 64-bit number.
 *
 * @since 0.2.0
 */
import { Brand, Effect, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"

const maximum = 0xffff_ffff_ffff_ffffn
const word = 0x1_0000_0000

/**
 * A whole number from 0 to 2^64 - 1, as a `bigint`.
 *
 * **Details**
 *
 * Its JSON form is a string of decimal digits: see `Schema.toCodecJson`.
 *
 * @category schemas
 * @since 0.2.0
 */
export const NodeId = Schema.BigInt.check(
  Schema.isBetweenBigInt({ minimum: 0n, maximum }, { expected: "a whole number from 0 to 2^64 - 1" })
).pipe(Schema.brand("effect-gossip/NodeId"))

/**
 * A whole number from 0 to 2^64 - 1.
 *
 * @see {@link NodeId} for the schema
 * @category models
 * @since 0.2.0
 */
export type NodeId = typeof NodeId.Type

/**
 * A text is not a node id. `message` says what is expected, and `input` is the text.
 *
 * @category errors
 * @since 0.2.0
 */
export class NodeIdError extends Schema.TaggedError<NodeIdError>()("NodeIdError", {
  input: Schema.String,
  message: Schema.String
}) {}

// For numbers whose range is known: checking costs more than making the number.
const brand = Brand.nominal<NodeId>()

// Limits the length, so that no text becomes a number of any size: 2^64 - 1 has 20 decimal digits.
const decimal = /^[0-9]{1,20}$/
const hexadecimal = /^0x[0-9a-fA-F]{1,16}$/

/**
 * Reads a node id from decimal digits (`42`), or from `0x` and 1 to 16 hexadecimal digits (`0x2a`).
 *
 * **Details**
 *
 * Fails with `NodeIdError` for anything else: signs, blanks, separators, and numbers from 2^64 on.
 *
 * @category parsing
 * @since 0.2.0
 */
export const fromString = (input: string): Result.Result<NodeId, NodeIdError> => {
  if (decimal.test(input) || hexadecimal.test(input)) {
    const n = BigInt(input)
    if (n <= maximum) return Result.succeed(brand(n))
  }
  return Result.fail(
    new NodeIdError({
      input,
      message: "expected a node id: a decimal number below 2^64, or 0x and 1 to 16 hexadecimal digits"
    })
  )
}

/**
 * The text of a node id: decimal, without leading zeros.
 *
 * @category formatting
 * @since 0.2.0
 */
export const format = (self: NodeId): string => self.toString()

/**
 * Makes a node id of its upper and lower 32 bits. Each is taken modulo 2^32, so signed numbers are accepted too.
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromWords = (hi: number, lo: number): NodeId => brand((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0))

/**
 * The upper 32 bits, unsigned.
 *
 * @category accessors
 * @since 0.2.0
 */
export const hi = (self: NodeId): number => Number(self >> 32n)

/**
 * The lower 32 bits, unsigned.
 *
 * @category accessors
 * @since 0.2.0
 */
export const lo = (self: NodeId): number => Number(self & 0xffff_ffffn)

/**
 * Draws a node id; all 2^64 are equally likely.
 *
 * **Details**
 *
 * `random` gives a number in `[0, 1)` with at least 32 random bits, as `nextDoubleUnsafe` of Effect's `Random` does. It is
 * called twice, for the upper word and then for the lower one.
 *
 * @category constructors
 * @since 0.2.0
 */
export const random = (random: () => number): NodeId => {
  const hi = Math.floor(random() * word)
  return fromWords(hi, Math.floor(random() * word))
}

/**
 * A node id from its text, as `fromString` reads it and `format` writes it.
 *
 * @category schemas
 * @since 0.2.0
 */
export const NodeIdFromString = Schema.String.pipe(
  Schema.decodeTo(
    NodeId,
    SchemaTransformation.transformEffect<bigint, string>({
      decode: (input, options) =>
        Result.match(fromString(input), {
          onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, input, options)),
          onSuccess: (id) => Effect.succeed(id)
        }),
      encode: (id) => Effect.succeed(id.toString())
    })
  )
)
