/**
 * How many datagrams are let in: token buckets, one for all and one per source. It comes before decryption and decoding,
 * so that a flood costs no more than this.
 */
import * as PackedAddress from "../wire/PackedAddress.ts"
import { readU16, readU32 } from "../wire/Bytes.ts"

/** Datagrams that may come at once when nothing came before, from all sources; the buckets refill half of it a second. */
export const DefaultMaxInboundRate = 1000
/** Datagrams that may come at once from one source. */
export const DefaultSourceCapacity = 100
/** Datagrams a second from one source. */
export const DefaultSourceRefill = 50
/** Sources remembered of each kind, members and strangers. */
export const DefaultMaxSources = 4096

export interface RateLimiterOptions {
  /**
   * Sets both figures of the bucket for all sources: it holds this many tokens and gets half as many a second. At least
   * 2. Half of what it holds only members can take.
   */
  readonly maxInboundRate?: number
  /** Tokens that the bucket of one source holds, at least 1. */
  readonly sourceCapacity?: number
  /** Tokens that it gets a second, more than 0. */
  readonly sourceRefill?: number
  /**
   * Most sources remembered, of members and of strangers each; beyond, the one that was quiet for longest is forgotten.
   * With at least `maxInboundRate x (1 + sourceCapacity / sourceRefill)` (3000 by default), whichever is forgotten has a
   * full bucket again, so that nothing is gained by being forgotten: only as many sources are let in meanwhile.
   */
  readonly maxSources?: number
  /** A random number that keeps strangers from choosing addresses that collide. */
  readonly seed: number
}

/** What becomes of a datagram. */
export const Verdict = {
  Admitted: 0,
  /** All sources together sent too much, or strangers did and this is one. */
  GlobalLimit: 1,
  /** This source sent too much. */
  SourceLimit: 2
} as const

/** One of the `Verdict` codes. */
export type VerdictCode = (typeof Verdict)[keyof typeof Verdict]

// Buckets count thousandths: in whole milliseconds and whole tokens a second they then stay exact.
const Token = 1000

// Tokens and times lie in arrays: in a field, a number that is not a small integer may be allocated at every change.
const refilled = (level: number, since: number, now: number, refill: number, capacity: number): number =>
  now <= since ? level : Math.min(capacity, level + (now - since) * refill)

/**
 * Admits datagrams by the buckets. `now` is always given, in ms, of a clock that never goes back.
 *
 * One bucket is for all; from its lower half only members take. So strangers, however many, leave half of what may come
 * at once to the members, and all of what is refilled as long as members want it. A member is one address and port; of
 * strangers, whose ports cost nothing, all of one address are one source.
 *
 * A healthy cluster of 1000 with default settings stays below all of this. At one node: 2.1 messages a second in
 * (one PING, one ACK, and some); while a change spreads, each of 1000 nodes sends 10 GOSSIPs in each round of 200 ms to
 * random members, which makes 50 a second in; of 500. Bursts: everybody pings one node at once, 999 of 1000 that may
 * come at once; a table for a newcomer, 1000 entries of 24 bytes in 21 chunks of at most 1200, is 21 of 100 from one
 * source, sent in bursts of 8; anti-entropy brings one such table in 10 s on average, and ten in the same second,
 * which does not happen, would be 210.
 *
 * @example
 * ```ts
 * const limiter = new RateLimiter({ seed })
 * if (limiter.admit(inbound.source, 0, isMember, now) !== Verdict.Admitted) return
 * ```
 */
export class RateLimiter {
  readonly #capacity: number
  readonly #refill: number
  readonly #reserve: number
  // Tokens, and when they were counted.
  readonly #all = new Float64Array(2)
  readonly #members: Sources
  readonly #strangers: Sources

  /** Throws a `RangeError` for options out of their bounds, under which some bucket would let nothing or all through. */
  constructor(options: RateLimiterOptions) {
    const rate = options.maxInboundRate ?? DefaultMaxInboundRate
    const sourceCapacity = options.sourceCapacity ?? DefaultSourceCapacity
    const sourceRefill = options.sourceRefill ?? DefaultSourceRefill
    const maxSources = options.maxSources ?? DefaultMaxSources
    if (!(rate >= 2 && sourceCapacity >= 1 && sourceRefill > 0 && maxSources >= 1)) {
      throw new RangeError("a rate limit is out of its bounds")
    }
    this.#capacity = rate * Token
    this.#refill = rate / 2
    this.#reserve = (rate / 2) * Token
    this.#all[0] = this.#capacity
    this.#all[1] = -Infinity
    this.#members = new Sources(sourceCapacity * Token, sourceRefill, maxSources, options.seed)
    this.#strangers = new Sources(sourceCapacity * Token, sourceRefill, maxSources, options.seed)
  }

  /** Members' addresses that have a bucket. */
  get members(): number {
    return this.#members.size
  }

  /** Strangers' addresses that have a bucket. */
  get strangers(): number {
    return this.#strangers.size
  }

  /**
   * Judges a datagram from the packed address, in canonical form, at `at`. `member`: whether it is the address of a known
   * member. A datagram that its source's bucket refuses takes nothing from the bucket for all, and one that the bucket for
   * all refuses leaves no trace.
   */
  admit(source: Uint8Array, at: number, member: boolean, now: number): VerdictCode {
    const all = this.#all
    const level = refilled(all[0]!, all[1]!, now, this.#refill, this.#capacity)
    all[0] = level
    all[1] = Math.max(all[1]!, now)
    if (level < (member ? Token : Token + this.#reserve)) return Verdict.GlobalLimit
    if (!(member ? this.#members : this.#strangers).take(source, at, member, now)) return Verdict.SourceLimit
    all[0] = level - Token
    return Verdict.Admitted
  }
}

const none = -1
/** Words of a key: 4 of the address, one of family and port. */
const KeyWords = 5
const InitialSlots = 64

/** Buckets by source: a hash table with chains, and a list from the source last heard to the one quiet for longest. */
class Sources {
  readonly #capacity: number
  readonly #refill: number
  readonly #maximum: number
  readonly #seed: number
  #size = 0
  #newest = none
  #oldest = none
  // By hash: the first slot of a chain.
  #heads: Int32Array
  // By slot.
  #keys: Uint32Array
  #chain: Int32Array
  #newer: Int32Array
  #older: Int32Array
  #tokens: Float64Array
  #since: Float64Array
  readonly #key = new Uint32Array(KeyWords)

  constructor(capacity: number, refill: number, maximum: number, seed: number) {
    this.#capacity = capacity
    this.#refill = refill
    this.#maximum = maximum
    this.#seed = seed | 0
    const slots = Math.min(InitialSlots, maximum)
    this.#heads = new Int32Array(headsFor(slots)).fill(none)
    this.#keys = new Uint32Array(slots * KeyWords)
    this.#chain = new Int32Array(slots)
    this.#newer = new Int32Array(slots)
    this.#older = new Int32Array(slots)
    this.#tokens = new Float64Array(slots)
    this.#since = new Float64Array(slots)
  }

  get size(): number {
    return this.#size
  }

  /** Takes a token from the source's bucket, if there is one in it. */
  take(source: Uint8Array, at: number, withPort: boolean, now: number): boolean {
    this.#readKey(source, at, withPort)
    let slot = this.#find()
    if (slot === none) slot = this.#add(now)
    else if (slot !== this.#newest) this.#touch(slot)
    const level = refilled(this.#tokens[slot]!, this.#since[slot]!, now, this.#refill, this.#capacity)
    this.#since[slot] = Math.max(this.#since[slot]!, now)
    this.#tokens[slot] = level < Token ? level : level - Token
    return level >= Token
  }

  #readKey(source: Uint8Array, at: number, withPort: boolean): void {
    const key = this.#key
    const family = source[at]!
    const end = at + PackedAddress.lengthOf(family) - 2
    const v4 = family === 4
    key[0] = readU32(source, at + 1)
    key[1] = v4 ? 0 : readU32(source, at + 5)
    key[2] = v4 ? 0 : readU32(source, at + 9)
    key[3] = v4 ? 0 : readU32(source, at + 13)
    key[4] = (family << 16) | (withPort ? readU16(source, end) : 0)
  }

  /** The finaliser of MurmurHash3 over each word of a key in turn. */
  #hash(keys: Uint32Array, at: number): number {
    let h = this.#seed
    for (let i = at; i < at + KeyWords; i++) {
      h ^= keys[i]!
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
      h ^= h >>> 16
    }
    return h & (this.#heads.length - 1)
  }

  #find(): number {
    const key = this.#key
    const keys = this.#keys
    let slot = this.#heads[this.#hash(key, 0)]!
    while (slot !== none) {
      const at = slot * KeyWords
      if (
        keys[at] === key[0] &&
        keys[at + 4] === key[4] &&
        keys[at + 1] === key[1] &&
        keys[at + 2] === key[2] &&
        keys[at + 3] === key[3]
      ) {
        return slot
      }
      slot = this.#chain[slot]!
    }
    return none
  }

  /** A full bucket for the key, as the newest; in place of the oldest when there is no room. */
  #add(now: number): number {
    let slot: number
    if (this.#size < this.#maximum) {
      if (this.#size === this.#tokens.length) this.#grow()
      slot = this.#size++
    } else {
      slot = this.#oldest
      this.#unlink(slot)
      this.#unchain(slot)
    }
    this.#keys.set(this.#key, slot * KeyWords)
    this.#enchain(slot)
    this.#link(slot)
    this.#tokens[slot] = this.#capacity
    this.#since[slot] = now
    return slot
  }

  #touch(slot: number): void {
    this.#unlink(slot)
    this.#link(slot)
  }

  #link(slot: number): void {
    this.#newer[slot] = none
    this.#older[slot] = this.#newest
    if (this.#newest === none) this.#oldest = slot
    else this.#newer[this.#newest] = slot
    this.#newest = slot
  }

  #unlink(slot: number): void {
    const newer = this.#newer[slot]!
    const older = this.#older[slot]!
    if (newer === none) this.#newest = older
    else this.#older[newer] = older
    if (older === none) this.#oldest = newer
    else this.#newer[older] = newer
  }

  #enchain(slot: number): void {
    const head = this.#hash(this.#keys, slot * KeyWords)
    this.#chain[slot] = this.#heads[head]!
    this.#heads[head] = slot
  }

  #unchain(slot: number): void {
    const head = this.#hash(this.#keys, slot * KeyWords)
    let at = this.#heads[head]!
    if (at === slot) {
      this.#heads[head] = this.#chain[slot]!
      return
    }
    while (this.#chain[at] !== slot) at = this.#chain[at]!
    this.#chain[at] = this.#chain[slot]!
  }

  // Twice the room. A node of a small cluster keeps a small table, and so does each of a thousand simulated ones.
  #grow(): void {
    const slots = Math.min(2 * this.#tokens.length, this.#maximum)
    const i32 = (old: Int32Array) => {
      const grown = new Int32Array(slots)
      grown.set(old)
      return grown
    }
    const f64 = (old: Float64Array) => {
      const grown = new Float64Array(slots)
      grown.set(old)
      return grown
    }
    const keys = new Uint32Array(slots * KeyWords)
    keys.set(this.#keys)
    this.#keys = keys
    this.#chain = new Int32Array(slots)
    this.#newer = i32(this.#newer)
    this.#older = i32(this.#older)
    this.#tokens = f64(this.#tokens)
    this.#since = f64(this.#since)
    this.#heads = new Int32Array(headsFor(slots)).fill(none)
    for (let slot = 0; slot < this.#size; slot++) this.#enchain(slot)
  }
}

/** A power of two of at least as many. */
const headsFor = (slots: number): number => 2 ** Math.ceil(Math.log2(slots))
