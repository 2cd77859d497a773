/** Nonces that are never used twice: 8 random bytes, and then a counter. */
import { writeU32 } from "../wire/Bytes.ts"

/** Bytes of the prefix. */
export const PrefixLength = 8

/** The counter has 32 bits. */
const Wrap = 2 ** 32

/**
 * The nonces of one process: a random prefix and a counter (big-endian, from 0), with a new prefix before the counter
 * wraps. Two processes, or two runs of one, have different prefixes.
 *
 * With a nonce that is used twice under one key, others can read both messages and forge new ones (RFC 8439, section 4).
 * So `random` must be cryptographically secure. Only simulations may use a seeded one.
 */
export class Nonces {
  readonly #random: (length: number) => Uint8Array
  readonly #prefix = new Uint8Array(PrefixLength)
  #counter: number

  /** `random` returns that many random bytes. `counter` is the first value of the counter. */
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

  /** Writes the next nonce, `NonceLength` bytes, to `into`. Throws when `random` repeats itself, as sealing is not safe then. */
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
