/** A 64-bit hash in two 32-bit halves, so that no `bigint` is allocated. */

/** The upper 32 bits of the product of two unsigned 32-bit numbers, the second of which is given as two halves. */
const highOfProduct = (a: number, highHalf: number, lowHalf: number): number => {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  // No sum here exceeds 2^32.
  const middle = a1 * lowHalf + ((a0 * lowHalf) >>> 16)
  return a1 * highHalf + (middle >>> 16) + ((a0 * highHalf + (middle & 0xffff)) >>> 16)
}

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
    // `h ^= h >>> 30; h *= 0xbf58476d1ce4e5b9; h ^= h >>> 27; h *= 0x94d049bb133111eb; h ^= h >>> 31`, in signed halves.
    // Written out, since numbers stay in registers that way, and it is most of what it costs to list a member.
    let hi = this.hi ^ wordHi
    let lo = this.lo ^ wordLo
    lo ^= (hi << 2) | (lo >>> 30)
    hi ^= hi >>> 30
    hi = (highOfProduct(lo, 0x1ce4, 0xe5b9) + Math.imul(hi, 0x1ce4e5b9) + Math.imul(lo, 0xbf58476d)) | 0
    lo = Math.imul(lo, 0x1ce4e5b9)
    lo ^= (hi << 5) | (lo >>> 27)
    hi ^= hi >>> 27
    hi = (highOfProduct(lo, 0x1331, 0x11eb) + Math.imul(hi, 0x133111eb) + Math.imul(lo, 0x94d049bb)) | 0
    lo = Math.imul(lo, 0x133111eb)
    this.lo = (lo ^ ((hi << 1) | (lo >>> 31))) >>> 0
    this.hi = (hi ^ (hi >>> 31)) >>> 0
    return this
  }

  /** The hash as a number in [0, 1), from its upper 53 bits. */
  get fraction(): number {
    return (this.hi * 0x200000 + (this.lo >>> 11)) / 0x20000000000000
  }
}
