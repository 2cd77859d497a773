/**
 * The Internet checksum, RFC 1071.
 *
 * @since 0.2.0
 */

/** From this many bytes on, a `DataView` and its four bytes a step cost less than reading single bytes. */
const ViewThreshold = 384

/**
 * The Internet checksum of `bytes[start, end)`.
 *
 * **Details**
 *
 * The one's complement sum of the 16-bit big-endian words, folded to 16 bits and
 * complemented. An odd last byte counts as the high half of a word. Over a
 * message with its checksum in place the result is 0.
 *
 * @category checksum
 * @since 0.2.0
 */
export const internetChecksum = (bytes: Uint8Array, start: number, end: number): number => {
  if (end - start >= ViewThreshold) {
    return internetChecksumOfView(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end)
  }
  let sum = 0
  let at = start
  for (const last = end - 7; at < last; at += 8) {
    sum +=
      ((bytes[at]! + bytes[at + 2]! + bytes[at + 4]! + bytes[at + 6]!) << 8) +
      (bytes[at + 1]! + bytes[at + 3]! + bytes[at + 5]! + bytes[at + 7]!)
  }
  for (const last = end - 1; at < last; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (at < end) sum += bytes[at]! << 8
  return complement(sum)
}

/**
 * The same as `internetChecksum`, for callers that have a `DataView` already.
 *
 * @category checksum
 * @since 0.2.0
 */
export const internetChecksumOfView = (view: DataView, start: number, end: number): number => {
  // The sums of the high and the low halves of 32-bit words. RFC 1071, section 2 (B): the order of the two bytes of a
  // word does not matter to the sum, so words are read in the byte order of common machines and swapped at the end.
  let high = 0
  let low = 0
  let at = start
  for (const last = end - 15; at < last; at += 16) {
    const a = view.getUint32(at, true)
    const b = view.getUint32(at + 4, true)
    const c = view.getUint32(at + 8, true)
    const d = view.getUint32(at + 12, true)
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)
  }
  for (const last = end - 1; at < last; at += 2) low += view.getUint16(at, true)
  if (at < end) low += view.getUint8(at)
  const sum = complement(high + low)
  return (sum >>> 8) | ((sum & 0xff) << 8)
}

/** Folds a sum of 16-bit words, fewer than 2^15 of them, and complements it. */
const complement = (sum: number): number => {
  const once = (sum & 0xffff) + (sum >>> 16)
  const twice = (once & 0xffff) + (once >>> 16)
  return ~twice & 0xffff
}
