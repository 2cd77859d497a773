/**
 * Responses to queries: number u64, status u8, length u16, value.
 *
 * @since 0.2.0
 */
import { readU16, readU32, writeU16, writeU32 } from "../Bytes.ts"

/**
 * Bytes of a response before its value.
 *
 * @category constants
 * @since 0.2.0
 */
export const PrefixLength = 11

/**
 * One response; the number of its query as two unsigned 32-bit words.
 *
 * @category models
 * @since 0.2.0
 */
export interface Response {
  readonly numberHi: number
  readonly numberLo: number
  /** The status byte: 0 a value, 1 a failure. */
  readonly status: number
  readonly bytes: Uint8Array
  /** Where the value begins in `bytes`. */
  readonly valueAt: number
  /** Where the value ends in `bytes`. */
  readonly valueEnd: number
}

/**
 * A reader of responses. One mutable reader serves all packets.
 *
 * @category reading
 * @since 0.2.0
 */
export class ResponseReader implements Response {
  numberHi = 0
  numberLo = 0
  /** The status byte. A response with a value above 1 is to be skipped. */
  status = 0
  bytes: Uint8Array = new Uint8Array(0)
  valueAt = 0
  valueEnd = 0

  /** Reads the response whose checked section has its content at `at`. */
  read(bytes: Uint8Array, at: number): void {
    this.numberHi = readU32(bytes, at)
    this.numberLo = readU32(bytes, at + 4)
    this.status = bytes[at + 8]!
    this.bytes = bytes
    this.valueAt = at + PrefixLength
    this.valueEnd = this.valueAt + readU16(bytes, at + 9)
  }
}

/**
 * Whether `bytes[start, end)` is the content of a response section.
 *
 * @category reading
 * @since 0.2.0
 */
export const check = (bytes: Uint8Array, start: number, end: number): boolean =>
  start + PrefixLength <= end && start + PrefixLength + readU16(bytes, start + 9) === end

/**
 * Bytes of the content of a response section.
 *
 * @category writing
 * @since 0.2.0
 */
export const lengthOf = ({ valueAt, valueEnd }: Response): number => PrefixLength + valueEnd - valueAt

/**
 * Writes the `lengthOf` bytes of the content of a response section.
 *
 * @category writing
 * @since 0.2.0
 */
export const write = (response: Response, bytes: Uint8Array, at: number): void => {
  writeU32(bytes, at, response.numberHi)
  writeU32(bytes, at + 4, response.numberLo)
  bytes[at + 8] = response.status
  writeU16(bytes, at + 9, response.valueEnd - response.valueAt)
  bytes.set(response.bytes.subarray(response.valueAt, response.valueEnd), at + PrefixLength)
}
