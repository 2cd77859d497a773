/**
 * Whether the whole member table of another node is on its way to us.
 *
 * @since 0.2.0
 */

/**
 * The table that a newcomer waits for. What it hears of others until then is in that table too, so the cluster knows it, and
 * the newcomer does not pass it on. Times are in ms of the monotonic clock.
 *
 * @category models
 * @since 0.2.0
 */
export class ExpectedTable {
  #until = -Infinity

  /** Until when it is expected. */
  get until(): number {
    return this.#until
  }

  /** It is expected until then, whatever was said before. */
  expect(until: number): void {
    this.#until = until
  }

  /** It is complete, or will not come. */
  end(): void {
    this.#until = -Infinity
  }

  isComing(now: number): boolean {
    return now < this.#until
  }
}
