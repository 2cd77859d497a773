import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { AddressIndex } from "../../src/membership/AddressIndex.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

const Stride = 20

/** Addresses of both families that differ only in a byte or a port, many more than a small index has entries. */
const addresses = [
  ...Array.from({ length: 40 }, (_, i) => Uint8Array.of(4, 10, 0, i >> 3, i & 7, 0x1f, 0x0a)),
  ...Array.from({ length: 20 }, (_, i) => Uint8Array.of(4, 10, 0, 0, 1, i, 255 - i)),
  ...Array.from({ length: 20 }, (_, i) => {
    const bytes = new Uint8Array(PackedAddress.MaxLength)
    bytes[0] = 6
    bytes[1] = 0xfd
    bytes[1 + (i % 16)] = i + 1
    bytes[18] = i
    return bytes
  })
]

/** A table of addresses: slot i holds `addresses[i]`. */
const keep = () => {
  const address = new Uint8Array(addresses.length * Stride)
  addresses.forEach((bytes, slot) => address.set(bytes, slot * Stride))
  return { address, addressBytes: () => address, addressAt: (slot: number) => slot * Stride }
}

describe("AddressIndex", () => {
  it("finds what a map finds, with collisions, growth and removals", () => {
    const operations = fc.array(fc.record({ slot: fc.nat(addresses.length - 1), remove: fc.boolean() }), {
      maxLength: 400
    })
    fc.assert(
      fc.property(operations, fc.constantFrom(4, 8, 64), fc.integer(), (operations, capacity, seed) => {
        const index = new AddressIndex(keep(), seed, capacity)
        const model = new Set<number>()
        const claims: Array<boolean> = []
        for (const { remove, slot } of operations) {
          if (!remove) {
            claims.push(index.claim(slot) !== model.has(slot))
            model.add(slot)
          } else if (model.delete(slot)) index.delete(slot)
          expect(index.get(addresses[slot]!, 0)).toBe(model.has(slot) ? slot : -1)
        }
        expect(index.size).toBe(model.size)
        expect(claims).not.toContain(false)
        addresses.forEach((bytes, slot) => expect(index.get(bytes, 0)).toBe(model.has(slot) ? slot : -1))
      }),
      { numRuns: 300 }
    )
  })

  it("leaves an address to the slot that had it first", () => {
    const kept = keep()
    kept.address.copyWithin(Stride, 0, Stride)
    const index = new AddressIndex(kept, 1)
    expect([index.claim(0), index.claim(1)]).toEqual([true, false])
    expect([index.get(addresses[0]!, 0), index.size]).toEqual([0, 1])
    index.delete(0)
    expect([index.get(addresses[0]!, 0), index.size]).toEqual([-1, 0])
  })

  it("looks up an address at an offset in a message", () => {
    const index = new AddressIndex(keep(), 1)
    addresses.forEach((_, slot) => index.claim(slot))
    for (const [slot, bytes] of addresses.entries()) {
      const message = new Uint8Array(64).fill(0xaa)
      message.set(bytes, 17)
      expect(index.get(message, 17)).toBe(slot)
    }
  })
})
