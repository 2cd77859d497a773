/** Which queries a node has seen, so that it answers each once. */

/** The most queries that are remembered. Beyond, the oldest is forgotten. */
export const MaxSeen = 4096

/** How long a query is remembered at least, in ms. */
const LeastMemory = 60_000

/** Times are in ms of the monotonic clock. */
export class SeenQueries {
  readonly #forgetAt = new Map<string, number>()

  /** How many are remembered. */
  get size(): number {
    return this.#forgetAt.size
  }

  /** Notes a query, which its origin waits for until `deadline`. Returns whether it is new. */
  add(origin: bigint, number: bigint, deadline: number, now: number): boolean {
    const key = `${origin}/${number}`
    if (this.#forgetAt.has(key)) return false
    for (const [oldest, forgetAt] of this.#forgetAt) {
      if (this.#forgetAt.size < MaxSeen && forgetAt > now) break
      this.#forgetAt.delete(oldest)
    }
    // Others may pass it on for as long as its origin waits.
    this.#forgetAt.set(key, Math.max(now, deadline) + LeastMemory)
    return true
  }
}
