/** From packed addresses to slots. The addresses stay in the table. */
import { readU16, readU32 } from "../wire/Bytes.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import { SlotIndex } from "./SlotIndex.ts"

/** Where the table keeps the address of a slot: in which bytes, and where it begins. */
export interface AddressTable {
  readonly addressBytes: (slot: number) => Uint8Array
  readonly addressAt: (slot: number) => number
}

export class AddressIndex extends SlotIndex {
  readonly #table: AddressTable
  readonly #seed: number

  /** `seed`: random bits, so that nobody can choose addresses that collide. */
  constructor(table: AddressTable, seed: number, capacity = 16) {
    super(capacity)
    this.#table = table
    this.#seed = seed | 0
  }

  protected override hashOf(slot: number): number {
    return this.#hash(this.#table.addressBytes(slot), this.#table.addressAt(slot))
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

  /** Where the entry of an address is, or the empty one where it belongs. */
  #find(hash: number, bytes: Uint8Array, at: number): number {
    const { entries, mask } = this
    let place = hash & mask
    while (true) {
      const entry = entries[place]!
      const slot = this.slotIn(entry)
      if (slot < 0 || (this.mayBe(entry, hash) && this.#isAt(slot, bytes, at))) return place
      place = (place + 1) & mask
    }
  }

  #isAt(slot: number, bytes: Uint8Array, at: number): boolean {
    return PackedAddress.equals(this.#table.addressBytes(slot), this.#table.addressAt(slot), bytes, at)
  }

  /** The slot of a packed canonical address, or -1. */
  get(bytes: Uint8Array, at: number): number {
    return this.slotIn(this.entries[this.#find(this.#hash(bytes, at), bytes, at)]!)
  }

  /** Gives the address of a slot to that slot if no other has it. Returns whether it did. */
  claim(slot: number): boolean {
    this.reserve()
    const hash = this.hashOf(slot)
    const place = this.#find(hash, this.#table.addressBytes(slot), this.#table.addressAt(slot))
    if (this.slotIn(this.entries[place]!) >= 0) return false
    this.put(place, hash, slot)
    return true
  }

  /** Removes the address of a slot, which must be that slot's here. */
  delete(slot: number): void {
    this.clear(this.#find(this.hashOf(slot), this.#table.addressBytes(slot), this.#table.addressAt(slot)))
  }
}
