/** Buckets of tokens: each action takes one, and they come back at a steady rate. */

/**
 * The tokens in a bucket that had `level` of them at the time `since`. `perMs` come back in a millisecond, up to
 * `capacity`. Times are in ms.
 */
export const refilled = (level: number, since: number, now: number, perMs: number, capacity: number): number =>
  now <= since ? level : Math.min(capacity, level + (now - since) * perMs)
