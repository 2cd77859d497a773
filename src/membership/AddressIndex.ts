/** From packed addresses to slots. The addresses stay in the table, so an entry here takes eight bytes. */
import { readU16, readU32 } from "../wire/Bytes.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { SlotIndex } from "./SlotIndex.ts"

/** Words of an entry: the hash and the slot. */
const Stride = 2

/** Where the table keeps the address of a slot. */
export interface AddressTable {
  readonly address: Uint8Array
  readonly addressAt: (slot: number) => number
}

export class AddressIndex extends SlotIndex {
  readonly #table: AddressTable
  readonly #seed: number

  /** `seed`: random bits, so that nobody can choose addresses that collide. */
  constructor(table: AddressTable, seed: number, capacity = 64) {
    super(Stride, capacity)
    this.#table = table
    this.#seed = seed | 0
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

  /** The entry of an address, or the empty one where it belongs. */
  #find(hash: number, bytes: Uint8Array, at: number): number {
    const { entries, mask } = this
    const { address } = this.#table
    let place = hash & mask
    while (true) {
      const entry = place * Stride
      const slot = entries[entry + 1]!
      if (slot < 0) return entry
      if (entries[entry] === hash && PackedAddress.compare(address, this.#table.addressAt(slot), bytes, at) === 0) {
        return entry
      }
      place = (place + 1) & mask
    }
  }

  /** The slot of a packed canonical address, or -1. */
  get(bytes: Uint8Array, at: number): number {
    return this.entries[this.#find(this.#hash(bytes, at), bytes, at) + 1]!
  }

  /** Gives the address of a slot to that slot, whichever had it before. */
  set(slot: number): void {
    this.reserve()
    const { address } = this.#table
    const at = this.#table.addressAt(slot)
    const hash = this.#hash(address, at)
    this.put(this.#find(hash, address, at), hash, slot)
  }

  /** Removes the address of a slot, which must be that slot's here. */
  delete(slot: number): void {
    const { address } = this.#table
    const at = this.#table.addressAt(slot)
    this.clear(this.#find(this.#hash(address, at), address, at))
  }
}
