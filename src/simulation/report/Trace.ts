/**
 * The trace of a simulation: a hash of its history, and a record of each event.
 *
 * @since 0.2.0
 */

/**
 * One event of a trace. `at` is in ms of virtual time.
 *
 * @category models
 * @since 0.2.0
 */
export type TraceRecord = { readonly at: number; readonly event: string } & Readonly<
  Record<string, string | number | boolean | ReadonlyArray<string>>
>

/**
 * A 64-bit hash of a sequence of numbers, texts and bytes.
 *
 * **Details**
 *
 * It distinguishes histories and is not cryptographic. It has two 32-bit lanes with the multipliers of cyrb53 and the
 * finalizer of MurmurHash3.
 *
 * @category models
 * @since 0.2.0
 */
export class TraceHash {
  #low = 0x9e3779b9
  #high = 0x41c6ce57

  /** Adds 32 bits. */
  word(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x9e3779b1)
    this.#low ^= this.#low >>> 15
    this.#high = Math.imul(this.#high ^ value, 0x5f356495)
    this.#high ^= this.#high >>> 13
  }

  /** Adds a whole number below 2^53. */
  number(value: number): void {
    this.word(value | 0)
    this.word(Math.floor(value / 0x100000000) | 0)
  }

  text(text: string): void {
    this.word(text.length)
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i))
  }

  bytes(bytes: Uint8Array): void {
    const { length } = bytes
    this.word(length)
    let i = 0
    for (; i + 4 <= length; i += 4) {
      this.word(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    }
    for (; i < length; i++) this.word(bytes[i]!)
  }

  /** The hash so far, as 16 hexadecimal digits. */
  get digest(): string {
    return hex(finish(this.#low ^ this.#high)) + hex(finish(this.#high + Math.imul(this.#low, 0x5bd1e995)))
  }
}

const finish = (word: number): number => {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

const hex = (word: number): string => word.toString(16).padStart(8, "0")
