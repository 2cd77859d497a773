/** Nonces that never come twice: 8 random bytes, then a counter. */
import { writeU32 } from "../wire/Bytes.ts"

/** Bytes of the prefix. */
export const PrefixLength = 8

/** The counter after the last: it has 32 bits. */
const Wrap = 2 ** 32

/**
 * The nonces of one process: a random prefix and a counter (big-endian, from 0), with a new prefix before the counter
 * wraps. Two processes, or two runs of one, differ by their prefixes.
 *
 * A nonce that comes twice under one key gives away both messages and lets others forge, so `random` must be
 * cryptographically secure: never one that a seed repeats, save in simulations.
 */
export class Nonces {
  readonly #random: (length: number) => Uint8Array
  readonly #prefix = new Uint8Array(PrefixLength)
  #counter: number

  /** `random` gives that many bytes. `counter`: where the counter of the first prefix starts. */
  constructor(random: (length: number) => Uint8Array, counter = 0) {
    this.#random = random
    this.#prefix.set(this.#draw())
    this.#counter = counter
  }

  #draw(): Uint8Array {
    const bytes = this.#random(PrefixLength)
    if (bytes.length !== PrefixLength)
      throw new RangeError(`asked for ${PrefixLength} random bytes, got ${bytes.length}`)
    return bytes
  }

  /** Writes the next nonce to `into`, `NonceLength` bytes. Throws when `random` repeats itself: not to seal is safer. */
  next(into: Uint8Array): void {
    if (this.#counter === Wrap) {
      const drawn = this.#draw()
      if (drawn.every((byte, at) => byte === this.#prefix[at]))
        throw new Error("the source of random bytes repeats itself")
      this.#prefix.set(drawn)
      this.#counter = 0
    }
    into.set(this.#prefix)
    writeU32(into, PrefixLength, this.#counter)
    this.#counter++
  }
}
