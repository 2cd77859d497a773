/**
 * Sections about the buckets of a table (docs/PROTOCOL.md, 3.7): the hashes of all
 * buckets, and a bitmap of some. Both begin with log2 of the number of buckets, u8.
 *
 * @since 0.2.0
 */

/**
 * The highest log2 of a number of buckets: at most 256.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxBits = 8

/**
 * Bytes of a bitmap of `2^bits` buckets.
 *
 * @category reading
 * @since 0.2.0
 */
export const bitmapLength = (bits: number): number => (bits < 3 ? 1 : 1 << (bits - 3))

/**
 * Whether bucket `bucket` is set in the bitmap at `at`. Bucket `8 i + j` is the
 * bit of value `2^j` in byte `i`.
 *
 * @category reading
 * @since 0.2.0
 */
export const isSet = (bytes: Uint8Array, at: number, bucket: number): boolean =>
  (bytes[at + (bucket >>> 3)]! & (1 << (bucket & 7))) !== 0

/**
 * Sets bucket `bucket` in the bitmap at `at`.
 *
 * @category writing
 * @since 0.2.0
 */
export const set = (bytes: Uint8Array, at: number, bucket: number): void => {
  bytes[at + (bucket >>> 3)]! |= 1 << (bucket & 7)
}

/**
 * Whether `bytes[start, end)` is the content of a buckets section: bits u8, and a
 * u32 hash for each bucket.
 *
 * @category reading
 * @since 0.2.0
 */
export const checkHashes = (bytes: Uint8Array, start: number, end: number): boolean =>
  start < end && bytes[start]! <= MaxBits && end - start === 1 + (4 << bytes[start]!)

/**
 * Whether `bytes[start, end)` is the content of a differing section: bits u8, and
 * a bitmap. Bits of buckets that do not exist must be 0.
 *
 * @category reading
 * @since 0.2.0
 */
export const checkBitmap = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (start >= end || bytes[start]! > MaxBits) return false
  const bits = bytes[start]!
  if (end - start !== 1 + bitmapLength(bits)) return false
  return bits >= 3 || bytes[start + 1]! >>> (1 << bits) === 0
}
