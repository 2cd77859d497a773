/**
 * Big-endian integers at an offset of a byte array. They need no `DataView`,
 * which costs more to make than a whole PING costs to read.
 *
 * @since 0.2.0
 */

/**
 * Reads a u16.
 *
 * @category reading
 * @since 0.2.0
 */
export const readU16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

/**
 * Reads a u32 as an unsigned number.
 *
 * @category reading
 * @since 0.2.0
 */
export const readU32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

/**
 * Reads 32 bits as a signed number, which costs less to pass on than an unsigned one.
 *
 * @category reading
 * @since 0.2.0
 */
export const readI32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

/**
 * Writes the low 16 bits of `value`.
 *
 * @category writing
 * @since 0.2.0
 */
export const writeU16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

/**
 * Writes the low 32 bits of `value`.
 *
 * @category writing
 * @since 0.2.0
 */
export const writeU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
