/**
 * Lines for an output that may fail or stall. The writer never throws and never waits: a line that the output does not
 * take is dropped and counted, so a full disk or a stopped reader cannot hold up a node.
 */

/** Starts to write a text, and calls back once it is written or has failed. */
export type Write = (text: string, done: (error?: Error | null) => void) => void

/** Lines that were dropped before the output took lines again. */
export interface Gap {
  readonly lines: number
  /** Why the last of them was dropped. */
  readonly reason: string
}

/** Characters that may wait for a slow output, room for some 10,000 log lines. */
export const Capacity = 1_048_576

const Stalled = "the output takes lines too slowly"

const reasons = new Map([
  ["ENOSPC", "no space is left on the device"],
  ["EDQUOT", "the disk quota is used up"],
  ["EPIPE", "the reader has closed the pipe"],
  ["EIO", "input/output error"]
])

/** Why an output failed, for people. */
export const reasonOf = (error: Error): string =>
  reasons.get("code" in error ? String(error.code) : "") ?? error.message

export class LineWriter {
  readonly #write: Write
  readonly #capacity: number
  #onGap: (gap: Gap) => void = () => {}
  #waiting = 0
  #dropped = 0
  #lines = 0
  #reason = ""
  #onIdle: () => void = () => {}

  constructor(write: Write, capacity: number = Capacity) {
    this.#write = write
    this.#capacity = capacity
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped
  }

  /** Calls back once, when every line is written or dropped. */
  onIdle(callback: () => void): void {
    if (this.#waiting === 0) callback()
    else this.#onIdle = callback
  }

  /** Calls back after the first line that is written after others were dropped. */
  onGap(callback: (gap: Gap) => void): void {
    this.#onGap = callback
  }

  /** Writes a line. Anything that goes wrong only adds to `dropped`. */
  write(line: string): void {
    const text = `${line}\n`
    // One line always may wait, so that a single long one is not dropped.
    if (this.#waiting > 0 && this.#waiting + text.length > this.#capacity) return this.#drop(Stalled)
    this.#waiting += text.length
    this.#write(text, (error) => {
      this.#waiting -= text.length
      if (error) this.#drop(reasonOf(error))
      else this.#written()
      if (this.#waiting > 0) return
      const idle = this.#onIdle
      this.#onIdle = () => {}
      idle()
    })
  }

  #drop(reason: string): void {
    this.#dropped++
    this.#lines++
    this.#reason = reason
  }

  #written(): void {
    if (this.#lines === 0) return
    const gap = { lines: this.#lines, reason: this.#reason }
    this.#lines = 0
    this.#onGap(gap)
  }
}
