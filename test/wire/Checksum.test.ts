import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { internetChecksum, internetChecksumOfView } from "../../src/wire/Checksum.ts"
import { anyBytes } from "./Datagrams.ts"

const checksum = (...bytes: ReadonlyArray<number>) => internetChecksum(Uint8Array.from(bytes), 0, bytes.length)

/** The sum as RFC 1071 defines it: words modulo 2^16 - 1, where 0 stands for a sum of nothing only. */
const reference = (bytes: Uint8Array) => {
  let sum = 0n
  for (let i = 0; i < bytes.length; i += 2) sum += BigInt(bytes[i]!) * 256n + BigInt(bytes[i + 1] ?? 0)
  const folded = sum === 0n ? 0n : ((sum - 1n) % 0xffffn) + 1n
  return 0xffff - Number(folded)
}

/** Any bytes, as short as a header and longer than the longest message. */
const bytes = anyBytes(1500)
const arbitrary = { runs: 200, size: 1500 }
const place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1500 }))

describe("internetChecksum", () => {
  it("is that of the example in RFC 1071, section 3", () => {
    // The sum in the example is ddf2; the checksum is its complement.
    expect(checksum(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)).toBe(0xffff - 0xddf2)
  })

  it("is that of an IPv4 header", () => {
    const header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7]
    expect(checksum(...header)).toBe(0xb861)
    expect(checksum(...header.with(10, 0xb8).with(11, 0x61))).toBe(0)
  })

  it("takes an odd last byte as the high half of a word", () => {
    expect(checksum(0x12)).toBe(0xffff - 0x1200)
    expect(checksum(0x00, 0x01, 0x12)).toBe(0xffff - 0x1201)
  })

  it("adds a carry, and the carry of that addition", () => {
    expect(checksum(0xff, 0xff, 0x00, 0x01)).toBe(0xffff - 0x0001)
    // 2 x ffff + 1 is 1ffff: folded once it is 10000, and folded again 1.
    expect(checksum(0xff, 0xff, 0xff, 0xff, 0x00, 0x01)).toBe(0xffff - 0x0001)
    expect(checksum()).toBe(0xffff)
  })

  it("is right for the longest datagram there is, when every bit of it is set", () => {
    const bytes = new Uint8Array(65_507).fill(0xff)
    expect(internetChecksum(bytes, 0, bytes.length)).toBe(reference(bytes))
  })

  it.prop(
    "is the sum of RFC 1071, over bytes and over a view",
    [bytes],
    ([bytes]) => {
      expect(internetChecksum(bytes, 0, bytes.length)).toBe(reference(bytes))
      expect(internetChecksumOfView(new DataView(bytes.buffer), 0, bytes.length)).toBe(reference(bytes))
    },
    { arbitrary }
  )

  it.prop(
    "sums only what lies between start and end, in a byte array that is part of a larger one",
    { bytes, places: Schema.Tuple([place, place, place]) },
    ({ bytes, places }) => {
      const [offset, start, end] = places.map((place) => Math.min(place, bytes.length)).sort((a, b) => a - b)
      const part = bytes.subarray(offset)
      const [from, to] = [start! - offset!, end! - offset!]
      expect(internetChecksum(part, from, to)).toBe(reference(bytes.slice(start, end)))
      const view = new DataView(bytes.buffer, offset)
      expect(internetChecksumOfView(view, from, to)).toBe(reference(bytes.slice(start, end)))
    },
    { arbitrary }
  )

  it.prop(
    "is 0 over bytes, of any length, that hold their own checksum at an even place",
    { bytes: anyBytes(1500, 2), place },
    ({ bytes, place }) => {
      const at = Math.min(place, bytes.length - 2) & ~1
      const copy = bytes.slice().fill(0, at, at + 2)
      const sum = internetChecksum(copy, 0, copy.length)
      copy[at] = sum >>> 8
      copy[at + 1] = sum & 0xff
      expect(internetChecksum(copy, 0, copy.length)).toBe(0)
    },
    { arbitrary }
  )
})
