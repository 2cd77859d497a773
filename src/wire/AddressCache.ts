/**
 * Addresses that were read before.
 *
 * @since 0.2.0
 */
import type { Address } from "../domain/Address.ts"
import { readU16, readU32 } from "./Bytes.ts"
import * as PackedAddress from "./PackedAddress.ts"

/**
 * Gives the same `InetAddress` for the same packed address.
 *
 * **When to use**
 *
 * Use when many messages are decoded into values. They name the same members again
 * and again, and building an `InetAddress` costs more than decoding the rest of an
 * entry.
 *
 * **Details**
 *
 * The cache is direct-mapped: an address has one slot, which the address read last
 * holds. So it never has more than its `size`, and needs no removal.
 *
 * @category reading
 * @since 0.2.0
 */
export class AddressCache {
  readonly #mask: number
  readonly #keys: Uint8Array
  readonly #addresses: Array<Address | undefined>

  /** `size`: the most addresses that are kept, a power of two up to 65536. */
  constructor(size: number = 1024) {
    this.#mask = size - 1
    this.#keys = new Uint8Array(size * PackedAddress.MaxLength)
    this.#addresses = new Array<Address | undefined>(size).fill(undefined)
  }

  /** Reads the packed address at `at`, whose family must be known. */
  read(bytes: Uint8Array, at: number): Address {
    const length = PackedAddress.lengthOf(bytes[at]!)
    // The last four address bytes and the port are what differs between the members of a cluster. Multiplicative hashing.
    const end = at + length
    const hash = Math.imul(readU32(bytes, end - 6) ^ Math.imul(readU16(bytes, end - 2), 0x85ebca6b), 0x9e3779b1)
    const slot = (hash >>> 16) & this.#mask
    const key = slot * PackedAddress.MaxLength
    const known = this.#addresses[slot]
    if (known !== undefined && PackedAddress.equals(bytes, at, this.#keys, key)) return known
    const address = PackedAddress.read(bytes, at)
    PackedAddress.copy(bytes, at, this.#keys, key)
    this.#addresses[slot] = address
    return address
  }
}
