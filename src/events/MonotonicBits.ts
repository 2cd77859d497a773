/** Which numbers of a rising sequence were seen: all recent ones exactly, and older ones as seen. */

/** How far below the highest number a number can be told apart. */
export const Window = 1024

export class MonotonicBits {
  readonly #bits = new Uint32Array(Window / 32)
  #highest = -1

  /** Notes a number. Returns `false` if it was seen, or is too far below the highest to tell. */
  add(number: number): boolean {
    if (number <= this.#highest - Window) return false
    if (number > this.#highest) this.#advance(number)
    const word = (number % Window) >>> 5
    const bit = 1 << (number & 31)
    if ((this.#bits[word]! & bit) !== 0) return false
    this.#bits[word] = this.#bits[word]! | bit
    return true
  }

  #advance(number: number): void {
    if (number - this.#highest >= Window) this.#bits.fill(0)
    else {
      for (let passed = this.#highest + 1; passed <= number; passed++) {
        const word = (passed % Window) >>> 5
        this.#bits[word] = this.#bits[word]! & ~(1 << (passed & 31))
      }
    }
    this.#highest = number
  }
}
