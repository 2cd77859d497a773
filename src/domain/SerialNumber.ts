/**
 * Serial-number arithmetic over 32 bits (RFC 1982).
 *
 * Incarnations and heartbeats only ever count up, in 32 bits. So one is higher than another when it is ahead of it by at
 * most 2^31 - 1. At a distance of exactly 2^31 neither is higher.
 */
/** Negative when `a` is lower than `b`, positive when it is higher, 0 when they are equal or exactly 2^31 apart. */
export const compare = (a: number, b: number): number => {
  const distance = (a - b) | 0
  return distance === -0x80000000 ? 0 : distance
}

/** `a + n` modulo 2^32, as an unsigned number. */
export const add = (a: number, n: number): number => (a + n) >>> 0
