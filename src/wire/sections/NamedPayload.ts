/**
 * A name and a payload, which is what events and queries end with: name length u8,
 * name in UTF-8, payload length u16, payload.
 *
 * @since 0.2.0
 */
import { readU16, writeU16 } from "../Bytes.ts"
import * as Utf8 from "../Utf8.ts"

/**
 * The most bytes of a name, in UTF-8.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxName = 255

/**
 * The most bytes of a payload.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxPayload = 512

/**
 * Where a name and a payload are in a byte array.
 *
 * @category models
 * @since 0.2.0
 */
export interface NamedPayload {
  readonly bytes: Uint8Array
  /** Where the length of the name is. */
  readonly bodyAt: number
  /** Where the payload ends. */
  readonly bodyEnd: number
}

/**
 * The offset behind the name and the payload at `at`, or -1 when they do not end
 * within `end`, the name is not UTF-8, or the payload has more than `MaxPayload`
 * bytes.
 *
 * @category reading
 * @since 0.2.0
 */
export const check = (bytes: Uint8Array, at: number, end: number): number => {
  if (at >= end) return -1
  const payloadAt = at + 1 + bytes[at]!
  if (payloadAt + 2 > end || !Utf8.check(bytes, at + 1, payloadAt)) return -1
  const length = readU16(bytes, payloadAt)
  const next = payloadAt + 2 + length
  return length > MaxPayload || next > end ? -1 : next
}

/**
 * The offset behind the name and the payload at `at`, which `check` accepted.
 *
 * @category reading
 * @since 0.2.0
 */
export const endOf = (bytes: Uint8Array, at: number): number => {
  const payloadAt = at + 1 + bytes[at]!
  return payloadAt + 2 + readU16(bytes, payloadAt)
}

/**
 * The name, as text.
 *
 * @category reading
 * @since 0.2.0
 */
export const nameOf = ({ bodyAt, bytes }: NamedPayload): string =>
  Utf8.decode(bytes, bodyAt + 1, bodyAt + 1 + bytes[bodyAt]!)

/**
 * The bytes of the payload, a view and not a copy.
 *
 * @category reading
 * @since 0.2.0
 */
export const payloadOf = ({ bodyAt, bodyEnd, bytes }: NamedPayload): Uint8Array =>
  bytes.subarray(bodyAt + 3 + bytes[bodyAt]!, bodyEnd)

/**
 * The bytes of a name and a payload. The caller keeps the name within `MaxName`
 * and the payload within `MaxPayload` bytes.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (name: string, payload: Uint8Array): NamedPayload => {
  const text = Utf8.encode(name)
  const bytes = new Uint8Array(3 + text.length + payload.length)
  bytes[0] = text.length
  bytes.set(text, 1)
  writeU16(bytes, 1 + text.length, payload.length)
  bytes.set(payload, 3 + text.length)
  return { bytes, bodyAt: 0, bodyEnd: bytes.length }
}
