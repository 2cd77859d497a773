/**
 * From packed addresses to slots: open addressing over a typed array. The addresses
 * themselves stay where the table keeps them, so that one costs eight bytes here.
 */
import { readU16, readU32 } from "../wire/Bytes.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

const empty = -1

/** Words of an entry: the hash of the address, and the slot. */
const Stride = 2

/** Where the table keeps the address of a slot. */
export interface KeptAddresses {
  readonly address: Uint8Array
  readonly addressAt: (slot: number) => number
}

export class AddressIndex {
  readonly #kept: KeptAddresses
  readonly #seed: number
  #mask: number
  #size = 0
  #entries: Int32Array

  /** `seed` keeps a stranger from choosing addresses that collide. */
  constructor(kept: KeptAddresses, seed: number, capacity = 64) {
    this.#kept = kept
    this.#seed = seed | 0
    this.#mask = capacity - 1
    this.#entries = vacant(capacity)
  }

  get size(): number {
    return this.#size
  }

  /** Rounds of MurmurHash3 over the words of the address and the port. */
  #hash(bytes: Uint8Array, at: number): number {
    const end = at + PackedAddress.lengthOf(bytes[at]!) - 2
    let h = this.#seed ^ ((bytes[at]! << 16) | readU16(bytes, end))
    for (let word = at + 1; word < end; word += 4) {
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ readU32(bytes, word)
    }
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f)
    return h ^ (h >>> 16)
  }

  /** Where the entry of an address is, or where it would go. */
  #find(hash: number, bytes: Uint8Array, at: number): number {
    const { address } = this.#kept
    const entries = this.#entries
    let place = hash & this.#mask
    while (true) {
      const word = place * Stride
      const slot = entries[word + 1]!
      if (slot === empty) return word
      if (entries[word] === hash && PackedAddress.compare(address, this.#kept.addressAt(slot), bytes, at) === 0) {
        return word
      }
      place = (place + 1) & this.#mask
    }
  }

  /** The slot of a packed canonical address, or -1. */
  get(bytes: Uint8Array, at: number): number {
    return this.#entries[this.#find(this.#hash(bytes, at), bytes, at) + 1]!
  }

  /** Gives the address that a slot has to that slot, whoever had it. */
  set(slot: number): void {
    if (3 * (this.#size + 1) > 2 * (this.#mask + 1)) this.#grow()
    const { address } = this.#kept
    const at = this.#kept.addressAt(slot)
    const hash = this.#hash(address, at)
    const word = this.#find(hash, address, at)
    if (this.#entries[word + 1] === empty) this.#size++
    this.#entries[word] = hash
    this.#entries[word + 1] = slot
  }

  #grow(): void {
    const before = this.#entries
    const capacity = 2 * (this.#mask + 1)
    this.#mask = capacity - 1
    this.#entries = vacant(capacity)
    for (let word = 0; word < before.length; word += Stride) {
      if (before[word + 1] === empty) continue
      let place = before[word]! & this.#mask
      while (this.#entries[place * Stride + 1] !== empty) place = (place + 1) & this.#mask
      this.#entries[place * Stride] = before[word]!
      this.#entries[place * Stride + 1] = before[word + 1]!
    }
  }

  /** Forgets the address that a slot has, which must be the slot's here. It closes the gap, so that no lookup ends early. */
  delete(slot: number): void {
    const { address } = this.#kept
    const at = this.#kept.addressAt(slot)
    const entries = this.#entries
    const found = this.#find(this.#hash(address, at), address, at)
    if (entries[found + 1] === empty) return
    this.#size--
    let gap = found / Stride
    let next = (gap + 1) & this.#mask
    while (entries[next * Stride + 1] !== empty) {
      const home = entries[next * Stride]! & this.#mask
      // Move `next` into the gap unless its home lies cyclically behind the gap.
      if (((next - home) & this.#mask) >= ((next - gap) & this.#mask)) {
        entries.copyWithin(gap * Stride, next * Stride, (next + 1) * Stride)
        gap = next
      }
      next = (next + 1) & this.#mask
    }
    entries[gap * Stride + 1] = empty
  }
}

const vacant = (capacity: number): Int32Array => new Int32Array(capacity * Stride).fill(empty)
