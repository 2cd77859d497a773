import { describe, expect, it } from "@effect/vitest"
import { Nonces } from "../../src/crypto/Nonces.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const take = (nonces: Nonces): string => {
  const into = new Uint8Array(12)
  nonces.next(into)
  return hex(into)
}

/** Prefixes 01 01 .., 02 02 .., and so on. */
const counting = () => {
  let drawn = 0
  return (length: number) => new Uint8Array(length).fill(++drawn)
}

describe("Nonces", () => {
  it("consist of a random prefix and a counter", () => {
    const nonces = new Nonces(counting())
    expect([take(nonces), take(nonces)]).toEqual(["010101010101010100000000", "010101010101010100000001"])
    const later = new Nonces(counting(), 0x01020304)
    expect(take(later)).toBe("010101010101010101020304")
  })

  it("take a new prefix before the counter wraps", () => {
    const nonces = new Nonces(counting(), 2 ** 32 - 2)
    expect([take(nonces), take(nonces), take(nonces), take(nonces)]).toEqual([
      "0101010101010101fffffffe",
      "0101010101010101ffffffff",
      "020202020202020200000000",
      "020202020202020200000001"
    ])
  })

  it("never repeat, not after a restart or the end of a counter either", () => {
    const random = counting()
    const seen = new Set<string>()
    for (const start of [0, 0, 2 ** 32 - 100, 2 ** 32 - 1, 2 ** 32 - 1000]) {
      const nonces = new Nonces(random, start)
      for (let i = 0; i < 2000; i++) seen.add(take(nonces))
    }
    expect(seen.size).toBe(5 * 2000)
  })

  it("throw when the random bytes repeat", () => {
    const nonces = new Nonces((length) => new Uint8Array(length), 2 ** 32 - 1)
    take(nonces)
    expect(() => take(nonces)).toThrow(/repeats/)
    expect(() => take(nonces)).toThrow(/repeats/)
    expect(() => new Nonces((length) => new Uint8Array(length - 1))).toThrow(RangeError)
  })

  it("do not keep the random array", () => {
    const drawn: Array<Uint8Array> = []
    const nonces = new Nonces((length) => {
      const bytes = new Uint8Array(length).fill(7)
      drawn.push(bytes)
      return bytes
    })
    drawn[0]!.fill(0)
    expect(take(nonces)).toBe("070707070707070700000000")
  })
})
