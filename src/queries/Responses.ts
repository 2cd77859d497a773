/** Responses on their way to who asked: sent at once, and once more if no acknowledgement comes. */

/** The most responses that wait, for an acknowledgement or for the proof of an address. */
export const MaxResponses = 1024

interface Waiting<R> {
  readonly slot: number
  readonly response: R
  /** When who asked stops to wait, in ms. */
  readonly deadline: number
  /** When it is sent again, in ms. */
  resendAt: number
}

/** How a response is sent. Returns `false` if the message has no room for it. */
export type Send<R> = (slot: number, sequence: number, response: R) => boolean

/** Times are in ms of the monotonic clock. */
export class Responses<R> {
  /** Responses that were sent again. */
  resent = 0
  /** By the sequence of the PING that carries it. */
  readonly #unacknowledged = new Map<number, Waiting<R>>()
  #unproved: Array<Waiting<R>> = []
  readonly #send: Send<R>
  readonly #timeout: number
  #sequence: number

  /** `timeout`: how long to wait for an acknowledgement. `sequence`: unpredictable 32 bits, from which PINGs are counted. */
  constructor(send: Send<R>, timeout: number, sequence: number) {
    this.#send = send
    this.#timeout = timeout
    this.#sequence = sequence
  }

  /** How many wait. */
  get size(): number {
    return this.#unacknowledged.size + this.#unproved.length
  }

  /** Sends a response to the member of a slot, or when its address is `proved`. Returns `false` if there is no room for it. */
  add(slot: number, proved: boolean, response: R, deadline: number, now: number): boolean {
    if (this.size >= MaxResponses) return false
    const waiting = { slot, response, deadline, resendAt: now + this.#timeout }
    if (proved) return this.#first(waiting)
    this.#unproved.push(waiting)
    return true
  }

  #first(waiting: Waiting<R>): boolean {
    this.#sequence = (this.#sequence + 1) >>> 0
    if (!this.#send(waiting.slot, this.#sequence, waiting.response)) return false
    this.#unacknowledged.set(this.#sequence, waiting)
    return true
  }

  /** The address of the member of a slot is proved. */
  proved(slot: number, now: number): void {
    const ready = this.#unproved.filter((waiting) => waiting.slot === slot)
    this.#unproved = this.#unproved.filter((waiting) => waiting.slot !== slot)
    for (const waiting of ready) {
      if (now >= waiting.deadline) continue
      waiting.resendAt = now + this.#timeout
      this.#first(waiting)
    }
  }

  /** An ACK of the member of a slot. */
  acknowledged(slot: number, sequence: number): void {
    if (this.#unacknowledged.get(sequence)?.slot === slot) this.#unacknowledged.delete(sequence)
  }

  /** Forgets what waits for the member of a slot, because that may belong to another from now on. */
  forget(slot: number): void {
    this.#unproved = this.#unproved.filter((waiting) => waiting.slot !== slot)
    for (const [sequence, waiting] of this.#unacknowledged) {
      if (waiting.slot === slot) this.#unacknowledged.delete(sequence)
    }
  }

  /** When `due` next has something to do, or Infinity. */
  get next(): number {
    let next = Infinity
    for (const { resendAt } of this.#unacknowledged.values()) next = Math.min(next, resendAt)
    for (const { deadline } of this.#unproved) next = Math.min(next, deadline)
    return next
  }

  /** Sends again what was not acknowledged, and gives up what nobody waits for any more. */
  due(now: number): void {
    this.#unproved = this.#unproved.filter(({ deadline }) => deadline > now)
    for (const [sequence, { deadline, resendAt, response, slot }] of this.#unacknowledged) {
      if (resendAt > now) continue
      // The second is the last.
      this.#unacknowledged.delete(sequence)
      if (now >= deadline) continue
      this.resent++
      this.#send(slot, sequence, response)
    }
  }
}
