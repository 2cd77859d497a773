/**
 * Limits the rate of received datagrams with token buckets: one for all sources, and one for each source. Datagrams are
 * counted before they are opened and decoded, so that a flood costs no more than this.
 */
import { refilled } from "../domain/TokenBucket.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { readU16, readU32 } from "../wire/Bytes.ts"

/** The sizes of the buckets. The configuration has a key for each, except for the seed. */
export interface RateLimiterOptions {
  /**
   * Tokens per second of the bucket of all sources, and the most that it holds. 0 sets no limit for all. Only members take
   * from its lower half.
   */
  readonly maxInboundRate: number
  /** Tokens that the bucket of one source holds, at least 1. */
  readonly sourceCapacity: number
  /** Tokens that it gets per second, more than 0. */
  readonly sourceRefill: number
  /**
   * The most sources remembered, of members and of strangers each. Beyond, the one that was quiet for longest is forgotten.
   * With at least `maxInboundRate x (1 + sourceCapacity / sourceRefill)` its bucket is full again by then, so that no
   * source gains by being forgotten.
   */
  readonly maxSources: number
  /** A random number that keeps strangers from choosing addresses that collide. */
  readonly seed: number
}

/** What to do with a datagram. */
export const Verdict = {
  Admitted: 0,
  /** All sources together sent too much, or all strangers, and this is one. */
  GlobalLimit: 1,
  /** This source sent too much. */
  SourceLimit: 2
} as const

/** One of the `Verdict` codes. */
export type VerdictCode = (typeof Verdict)[keyof typeof Verdict]

/** The warning for a `maxInboundRate` of 0. */
export const noLimitWarning =
  "`network.max_inbound_rate` is 0, so a flood of datagrams can use up the time of this node: set it to 1 or more"

// Buckets count thousandths of tokens, so that they stay exact for whole milliseconds and whole tokens per second. Tokens and
// times are in typed arrays, since an object field may allocate at every change of a fraction.
const Token = 1000

/**
 * Lets datagrams in by the buckets. `now` is in ms of a clock that never goes back.
 *
 * One bucket is for all sources, and only members take from its lower half. So any number of strangers leave half of a
 * burst to the members, and all of the refill as long as members use it. A source is the address and port of a member. A
 * stranger can use any port, so its source is the address alone, except on the loopback: only this machine sends from
 * there, and many of its nodes can share one address.
 *
 * A healthy cluster of 1000 stays far below the defaults of 5000 a second for all, and 1000 at once and 50 a second for
 * one source. In: 2.1 messages a second (one PING, one ACK, and some); while a change spreads, 50 a second (each of 1000
 * nodes sends 10 GOSSIPs in each round of 200 ms to random members). Bursts: 1000 nodes that join through this one at
 * once are some 3000 datagrams, of which the first 1000 are from strangers, who have 2500; a table of 1000 entries is 21
 * datagrams from one source. A table of 50000 entries, sent 8 datagrams each 20 ms, is 1042 datagrams in 2.6 s, and one
 * source may send 1130 in that time.
 *
 * @example
 * ```ts
 * const limiter = new RateLimiter({ maxInboundRate: 5000, sourceCapacity: 1000, sourceRefill: 50, maxSources: 4096, seed })
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

  /** Throws a `RangeError` for options out of their bounds, with which a bucket would let in nothing or everything. */
  constructor({ maxInboundRate, maxSources, seed, sourceCapacity, sourceRefill }: RateLimiterOptions) {
    if (!(maxInboundRate >= 0 && sourceCapacity >= 1 && sourceRefill > 0 && maxSources >= 1)) {
      throw new RangeError("a rate limit is out of its bounds")
    }
    // A bucket without a limit holds an infinite number of tokens.
    const rate = maxInboundRate === 0 ? Infinity : Math.max(1, maxInboundRate)
    this.#capacity = rate * Token
    this.#refill = rate
    // A stranger needs a whole token above the half of the members.
    this.#reserve = rate === Infinity ? 0 : Math.min(rate / 2, rate - 1) * Token
    this.#all[0] = this.#capacity
    this.#all[1] = -Infinity
    this.#members = new Sources(sourceCapacity * Token, sourceRefill, maxSources, seed)
    this.#strangers = new Sources(sourceCapacity * Token, sourceRefill, maxSources, seed)
  }

  /** How many addresses of members have a bucket. */
  get members(): number {
    return this.#members.size
  }

  /** How many addresses of strangers have a bucket. */
  get strangers(): number {
    return this.#strangers.size
  }

  /**
   * Judges a datagram from the packed address, in canonical form, at `at`. `member`: whether it is the address of a known
   * member. A datagram that the bucket of its source refuses takes nothing from the bucket of all, and one that the
   * bucket of all refuses leaves no trace.
   */
  admit(source: Uint8Array, at: number, member: boolean, now: number): VerdictCode {
    const all = this.#all
    const level = refilled(all[0]!, all[1]!, now, this.#refill, this.#capacity)
    all[0] = level
    all[1] = Math.max(all[1]!, now)
    if (level < (member ? Token : Token + this.#reserve)) return Verdict.GlobalLimit
    const sources = member ? this.#members : this.#strangers
    if (!sources.take(source, at, member || PackedAddress.isLoopback(source, at), now)) return Verdict.SourceLimit
    all[0] = level - Token
    return Verdict.Admitted
  }
}

const none = -1
/** Words of a key: 4 of the address, one of family and port. */
const KeyWords = 5
const InitialSlots = 64

/** Buckets by source: a hash table with chains, and a list from the most recent source to the one quiet for longest. */
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

  /** Adds a full bucket for the key, as the newest; it replaces the oldest when there is no room. */
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

  // Tables begin small and double, since a simulation has a thousand nodes in one process.
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

/** The number of chains: the next power of two. */
const headsFor = (slots: number): number => 2 ** Math.ceil(Math.log2(slots))
