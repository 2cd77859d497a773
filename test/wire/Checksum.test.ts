import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { internetChecksum } from "../../src/wire/Checksum.ts"

const checksum = (...bytes: ReadonlyArray<number>) => internetChecksum(Uint8Array.from(bytes), 0, bytes.length)

/** The sum as RFC 1071 defines it: words modulo 2^16 - 1, where a sum that is not nothing is never 0. */
const reference = (bytes: Uint8Array) => {
  let sum = 0n
  for (let i = 0; i < bytes.length; i += 2) sum += BigInt(bytes[i]!) * 256n + BigInt(bytes[i + 1] ?? 0)
  const folded = sum === 0n ? 0n : ((sum - 1n) % 0xffffn) + 1n
  return 0xffff - Number(folded)
}

describe("internetChecksum", () => {
  it("gives what the example of RFC 1071, section 3, says", () => {
    // Its sum is ddf2; the checksum is the complement.
    expect(checksum(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)).toBe(0xffff - 0xddf2)
  })

  it("gives the checksum of an IPv4 header", () => {
    const header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7]
    expect(checksum(...header)).toBe(0xb861)
    expect(checksum(...header.with(10, 0xb8).with(11, 0x61))).toBe(0)
  })

  it("takes an odd last byte as the high half of a word", () => {
    expect(checksum(0x12)).toBe(0xffff - 0x1200)
    expect(checksum(0x12, 0x34, 0x56)).toBe(checksum(0x12, 0x34, 0x56, 0x00))
    expect(checksum(0x12, 0x34, 0x56)).not.toBe(checksum(0x12, 0x34, 0x00, 0x56))
  })

  it("carries around, twice where the first carry makes another", () => {
    expect(checksum(0xff, 0xff, 0x00, 0x01)).toBe(0xffff - 0x0001)
    // 2 x ffff + 1 is 1ffff: folded once it is 10000, and folded again 1.
    expect(checksum(0xff, 0xff, 0xff, 0xff, 0x00, 0x01)).toBe(0xffff - 0x0001)
    expect(checksum()).toBe(0xffff)
  })

  it("is right for the longest datagram there is, all of it ones", () => {
    const bytes = new Uint8Array(65_507).fill(0xff)
    expect(internetChecksum(bytes, 0, bytes.length)).toBe(reference(bytes))
  })

  it("is the sum of RFC 1071 over any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(internetChecksum(bytes, 0, bytes.length)).toBe(reference(bytes))
      })
    )
  })

  it("sums only what lies between start and end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.nat(60), (bytes, a, b) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)]
        expect(internetChecksum(bytes, start, end)).toBe(reference(bytes.slice(start, end)))
      })
    )
  })

  it("is 0 over bytes, of any length, that hold their own checksum at an even place", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 300 }), fc.nat(298), (bytes, place) => {
        const at = Math.min(place, bytes.length - 2) & ~1
        bytes[at] = 0
        bytes[at + 1] = 0
        const sum = internetChecksum(bytes, 0, bytes.length)
        bytes[at] = sum >>> 8
        bytes[at + 1] = sum & 0xff
        expect(internetChecksum(bytes, 0, bytes.length)).toBe(0)
      })
    )
  })
})
