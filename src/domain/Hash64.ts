/** A 64-bit hash in two 32-bit halves, so that no `bigint` is allocated. */

/**
 * Chains the finaliser of splitmix64 (Steele, Lea, Flood: "Fast Splittable
 * Pseudorandom Number Generators", OOPSLA 2014) over 64-bit words: the state
 * becomes `finalise(state xor word)` for each word, from a state of 0. One object
 * can be used for any number of hashes.
 */
export class Hash64 {
  /** High half of the hash, unsigned. */
  hi = 0
  /** Low half of the hash, unsigned. */
  lo = 0

  /** Starts a new hash. */
  reset(): this {
    this.hi = 0
    this.lo = 0
    return this
  }

  /** Adds one 64-bit word. */
  add(wordHi: number, wordLo: number): this {
    this.hi = (this.hi ^ wordHi) >>> 0
    this.lo = (this.lo ^ wordLo) >>> 0
    this.#xorShift(30)
    this.#multiply(0xbf58476d, 0x1ce4e5b9)
    this.#xorShift(27)
    this.#multiply(0x94d049bb, 0x133111eb)
    this.#xorShift(31)
    return this
  }

  /** The hash as a number in [0, 1), from its upper 53 bits. */
  get fraction(): number {
    return (this.hi * 0x200000 + (this.lo >>> 11)) / 0x20000000000000
  }

  /** `h ^= h >>> bits`, for 0 < bits < 32. */
  #xorShift(bits: number): void {
    const { hi, lo } = this
    this.lo = (lo ^ ((hi << (32 - bits)) | (lo >>> bits))) >>> 0
    this.hi = (hi ^ (hi >>> bits)) >>> 0
  }

  /** `h *= by`, modulo 2^64: the low halves are multiplied in pieces of 16 bits, whose products a double holds exactly. */
  #multiply(byHi: number, byLo: number): void {
    const { hi, lo } = this
    const a0 = lo & 0xffff
    const a1 = lo >>> 16
    const b0 = byLo & 0xffff
    const b1 = byLo >>> 16
    const low = a0 * b0
    const middle = a0 * b1 + a1 * b0 + Math.floor(low / 0x10000)
    this.lo = (((middle & 0xffff) << 16) | (low & 0xffff)) >>> 0
    const carry = Math.floor(middle / 0x10000) + a1 * b1
    // The sum may exceed 2^32; `>>> 0` takes it modulo 2^32, which is what a 64-bit product keeps.
    this.hi = (carry + (Math.imul(hi, byLo) >>> 0) + (Math.imul(lo, byHi) >>> 0)) >>> 0
  }
}
