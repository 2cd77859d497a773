/** The Internet checksum, RFC 1071. */

/**
 * The one's complement sum of the 16-bit words in `bytes[start, end)`, folded to
 * 16 bits and complemented. An odd last byte counts as the high half of a word.
 * Over a message with its checksum in place the result is 0.
 */
export const internetChecksum = (bytes: Uint8Array, start: number, end: number): number => {
  let sum = 0
  let i = start
  for (const even = end - 1; i < even; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!
  if (i < end) sum += bytes[i]! << 8
  // A datagram has fewer than 2^15 words, so the sum fits 31 bits and two folds suffice.
  sum = (sum & 0xffff) + (sum >>> 16)
  sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
