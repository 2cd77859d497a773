/**
 * The members that a newcomer sends a PING of its own accord, one after the other. Who was there before knows the newcomer by
 * hearsay only and may send it nothing, so that a lie about a member is not multiplied. Until the two have spoken, neither
 * probes the other. Those that start at the same time need no greeting, since each was told of the other while it joined.
 */
import { JoiningTime } from "../outbox/StrangerPings.ts"

/** From the first member that a node learns of to its first greeting, in ms. By then it has the table and the tags. */
const First = 1000

/** From one greeting to the next, in ms. */
const Interval = 100

/** Whether a member had joined already when we started, by the wall clocks of both. Who has not said when it started had not. */
export const wasThereBefore = (member: number | undefined, own: number | undefined): boolean =>
  member !== undefined && own !== undefined && own - member > JoiningTime

/** Members by slot. Times are in ms of the monotonic clock. */
export class Acquaintances {
  #slots: Array<number> = []
  /** When the next one is due; Infinity for never. */
  next = Infinity

  add(slot: number, now: number): void {
    this.#slots.push(slot)
    if (this.next === Infinity) this.next = now + First
  }

  /** The next member that `wants` a greeting, or -1, if one is due. */
  takeDue(now: number, wants: (slot: number) => boolean): number {
    if (now < this.next) return -1
    for (let slot = this.#slots.shift(); slot !== undefined; slot = this.#slots.shift()) {
      if (!wants(slot)) continue
      this.next = now + Interval
      return slot
    }
    this.next = Infinity
    return -1
  }
}
