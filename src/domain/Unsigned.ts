/**
 * Unsigned integers of the widths that the protocol uses.
 *
 * @since 0.2.0
 */
import { Schema } from "effect"

const upTo = (maximum: number, expected: string) =>
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }, { expected }))

/**
 * A whole number from 0 to 255.
 *
 * @category schemas
 * @since 0.2.0
 */
export const U8 = upTo(0xff, "a whole number from 0 to 255")

/**
 * A whole number from 0 to 65535.
 *
 * @category schemas
 * @since 0.2.0
 */
export const U16 = upTo(0xffff, "a whole number from 0 to 65535")

/**
 * A whole number from 0 to 2^32 - 1.
 *
 * @category schemas
 * @since 0.2.0
 */
export const U32 = upTo(0xffff_ffff, "a whole number from 0 to 2^32 - 1")

/**
 * A `bigint` from 0 to 2^64 - 1. Its JSON form is a string of decimal digits.
 *
 * @category schemas
 * @since 0.2.0
 */
export const U64 = Schema.BigInt.check(
  Schema.isBetweenBigInt(
    { minimum: 0n, maximum: 0xffff_ffff_ffff_ffffn },
    { expected: "a whole number from 0 to 2^64 - 1" }
  )
)
