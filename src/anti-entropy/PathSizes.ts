/**
 * Which paths carry no long datagrams. The first long chunk to a member asks for an ACK. Without one the chunks are sent
 * once more, and then in short datagrams. If one of those is acknowledged, the path is taken for a small one for a while
 * (compare RFC 8899, Datagram Packetization Layer Path MTU Discovery).
 */

/** How long the ACK of a chunk may take, in ms. */
export const AckWait = 1000

/** How long a path is taken for a small one before long datagrams are tried again, in ms (RFC 8899, section 5.1.1). */
export const SmallFor = 600_000

/** The most members whose ACK is waited for. */
export const MaxWaiting = 256

/** Times that long datagrams are sent before short ones are tried. */
const LongTries = 2

interface Waiting {
  readonly again: (short: boolean) => void
  tries: number
  until: number
}

/** What is to be done about the path to the member of a slot. */
export interface PathActions {
  /** From now on its datagrams are to be short, or with `false` as long as those of others again. */
  readonly setSmall: (slot: number, small: boolean) => void
}

/** Times are in ms of the monotonic clock. */
export class PathSizes {
  readonly #actions: PathActions
  readonly #waiting = new Map<number, Waiting>()
  /** Slots whose path carried a long datagram. */
  readonly #long = new Set<number>()
  /** Slots whose path is small, and until when. */
  readonly #small = new Map<number, number>()

  constructor(actions: PathActions) {
    this.#actions = actions
  }

  /** Whether the path to a slot may be tested: nothing is known about it, and there is room for one more test. */
  isOpen(slot: number): boolean {
    return (
      !this.#long.has(slot) && !this.#small.has(slot) && !this.#waiting.has(slot) && this.#waiting.size < MaxWaiting
    )
  }

  /** A long chunk that asks for an ACK was sent. `again` sends the chunks once more, with the same question. */
  sent(slot: number, again: (short: boolean) => void, now: number): void {
    this.#waiting.set(slot, { again, tries: 1, until: now + AckWait })
  }

  /** The member of a slot acknowledged something that had no sequence, as a chunk has none. */
  acknowledged(slot: number, now: number): void {
    const waiting = this.#waiting.get(slot)
    if (waiting === undefined) return
    this.#waiting.delete(slot)
    if (waiting.tries <= LongTries) this.#long.add(slot)
    else {
      this.#small.set(slot, now + SmallFor)
      this.#actions.setSmall(slot, true)
    }
  }

  /** When something is due, or Infinity. */
  get next(): number {
    let next = Infinity
    for (const { until } of this.#waiting.values()) next = Math.min(next, until)
    for (const until of this.#small.values()) next = Math.min(next, until)
    return next
  }

  /** Sends again what was not acknowledged, and tries paths again that were small. */
  due(now: number): void {
    for (const [slot, waiting] of this.#waiting) {
      if (waiting.until > now) continue
      waiting.tries++
      waiting.until = now + AckWait
      // Not even a short one came through: the member is away, and nothing is known about the path.
      if (waiting.tries > LongTries + 1) this.#waiting.delete(slot)
      else waiting.again(waiting.tries > LongTries)
    }
    for (const [slot, until] of this.#small) {
      if (until > now) continue
      this.#small.delete(slot)
      this.#actions.setSmall(slot, false)
    }
  }

  /** The slot may be given to another node, or its member has another address. */
  forget(slot: number): void {
    this.#waiting.delete(slot)
    this.#long.delete(slot)
    if (this.#small.delete(slot)) this.#actions.setSmall(slot, false)
  }

  /** Nothing is sent any more. */
  clear(): void {
    this.#waiting.clear()
    this.#small.clear()
  }
}
