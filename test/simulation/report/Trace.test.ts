import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { TraceHash } from "../../../src/simulation/report/Trace.ts"

const digest = (fill: (hash: TraceHash) => void): string => {
  const hash = new TraceHash()
  fill(hash)
  return hash.digest
}

const ofBytes = (bytes: Uint8Array): string => digest((hash) => hash.bytes(bytes))
const ofText = (text: string): string => digest((hash) => hash.text(text))
const ofNumber = (number: number): string => digest((hash) => hash.number(number))

describe("TraceHash", () => {
  it("is the same on every machine and in every version", () => {
    // Recorded when the hash was introduced. Changing it would change all recorded hashes.
    expect([
      digest(() => {}),
      digest((hash) => hash.word(0)),
      digest((hash) => hash.word(-1)),
      ofNumber(1),
      ofNumber(2 ** 53 - 1),
      ofText(""),
      ofText("gossip"),
      ofText("💡"),
      ofBytes(new Uint8Array()),
      ofBytes(Uint8Array.of(1, 2, 3, 4, 5, 6, 7)),
      ofBytes(Uint8Array.from({ length: 1400 }, (_, i) => (i * 31) & 255)),
      digest((hash) => {
        for (let i = 0; i < 1000; i++) {
          hash.number(i * 1e9)
          hash.text(`n${i}`)
          hash.bytes(new Uint8Array(i % 7).fill(i))
        }
      })
    ]).toEqual([
      "9f7c150ea2cd3c1f",
      "fa9e29b954c1408b",
      "8cb3de4b8f60a26a",
      "a5a84a7ffcc4a7f1",
      "2fabe974418163e3",
      "fa9e29b954c1408b",
      "fe73c4e14b95cbf5",
      "a6b7d8c65c529c11",
      "fa9e29b954c1408b",
      "12bc94061f89c409",
      "b3ffb40f20a7493b",
      "d7fd8850ae5ec978"
    ])
  })

  it("depends on each bit of its input", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        const all = new Set([ofBytes(bytes)])
        for (let bit = 0; bit < 8 * bytes.length; bit++) {
          const other = bytes.slice()
          other[bit >> 3]! ^= 1 << (bit & 7)
          all.add(ofBytes(other))
        }
        expect(all.size).toBe(8 * bytes.length + 1)
      })
    )
    const numbers = new Set([ofNumber(0)])
    for (let bit = 0; bit < 53; bit++) numbers.add(ofNumber(2 ** bit))
    for (let bit = 0; bit < 53; bit++) numbers.add(ofNumber(2 ** 53 - 1 - 2 ** bit))
    expect(numbers.size).toBe(1 + 2 * 53)
    const texts = new Set([ofText("\0")])
    for (let bit = 0; bit < 16; bit++) texts.add(ofText(String.fromCharCode(1 << bit)))
    expect(texts.size).toBe(17)
  })

  it("changes in about half of its bits for each bit of its input, in both halves", () => {
    const changed = new Array<number>(64).fill(0)
    let flips = 0
    for (let sample = 0; sample < 20; sample++) {
      const bytes = Uint8Array.from({ length: 32 }, (_, i) => (sample * 97 + i * 41) & 255)
      const whole = BigInt(`0x${ofBytes(bytes)}`)
      for (let bit = 0; bit < 256; bit++) {
        const other = bytes.slice()
        other[bit >> 3]! ^= 1 << (bit & 7)
        const difference = whole ^ BigInt(`0x${ofBytes(other)}`)
        for (let place = 0; place < 64; place++) changed[place]! += Number((difference >> BigInt(place)) & 1n)
        flips++
      }
    }
    for (const count of changed) {
      expect(count / flips).toBeGreaterThan(0.45)
      expect(count / flips).toBeLessThan(0.55)
    }
  })

  it("depends on the order, the lengths and the boundaries of its input", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\0", "\u{fffd}"), maxLength: 5 }), {
          minLength: 2,
          maxLength: 8
        }),
        fc.nat(),
        (texts, pick) => {
          const of = (texts: ReadonlyArray<string>) =>
            digest((hash) => {
              for (const text of texts) hash.text(text)
            })
          const usual = of(texts)
          expect(of(texts)).toBe(usual)
          expect(of([...texts, ""])).not.toBe(usual)
          const at = pick % (texts.length - 1)
          const [left, right] = [texts[at]!, texts[at + 1]!]
          expect(of(texts.with(at, right).with(at + 1, left)) === usual).toBe(left === right)
          const moved = texts.with(at, left.slice(1)).with(at + 1, left.slice(0, 1) + right)
          expect(of(moved) === usual).toBe(left === "")
        }
      )
    )
    const lengths = [...Array(20).keys()].map((length) => ofBytes(new Uint8Array(length)))
    expect(new Set(lengths).size).toBe(20)
  })

  it("has no collisions in a random sample", () => {
    const all = new Set<string>()
    for (let i = 0; i < 100_000; i++) all.add(ofNumber(i * 1_000_003))
    expect(all.size).toBe(100_000)
  })

  it("can be read at any time", () => {
    const hash = new TraceHash()
    hash.text("one")
    expect(hash.digest).toBe(ofText("one"))
    expect(hash.digest).toMatch(/^[0-9a-f]{16}$/)
    hash.text("two")
    expect(hash.digest).toBe(
      digest((hash) => {
        hash.text("one")
        hash.text("two")
      })
    )
  })
})
