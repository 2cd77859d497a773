/**
 * When tables are compared. Soon after the start of a node, and after many changes
 * at once, tables still differ, so rounds come quickly and then less and less often
 * (as in RFC 6206, Trickle). A comparison of equal tables costs one small datagram.
 */

/** The time to the first round after many changes, in ms. */
export const FirstPause = 500
/** How much longer each pause is than the one before. */
const Growth = 1.5

/** Times are in ms. */
export class RoundTimes {
  /** When the next round is due, in ms of the monotonic clock; Infinity for never. */
  next = Infinity
  readonly #longest: number
  readonly #first: number
  #pause = 0

  /** `longest`: the pause between two rounds when nothing happens; 0 for no rounds. `quick`: whether pauses may be shorter. */
  constructor(longest: number, quick: boolean, now: number) {
    this.#longest = longest
    this.#first = quick ? Math.min(FirstPause, longest) : longest
    this.restart(now)
  }

  /** Tables are likely to differ. */
  restart(now: number): void {
    if (this.#longest === 0) return
    this.#pause = this.#first
    this.next = now + this.#pause
  }

  /** The round that is due happens now. */
  began(now: number): void {
    this.#pause = Math.min(this.#longest, Growth * this.#pause)
    this.next = now + this.#pause
  }
}
