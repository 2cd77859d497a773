/** Short forms of the decoders' part of `npm run fuzz`. */
import { describe, expect, it } from "@effect/vitest"
import { fuzzConfig } from "./ConfigText.ts"
import { corpus, reachedBy } from "./Corpus.ts"
import { fuzzDecoder, outcomes } from "./Decoder.ts"
import { fuzzState } from "./StateText.ts"

describe("the decoders", () => {
  it("read any datagram or refuse it with a typed error, and agree about it", () => {
    expect(fuzzDecoder(20_261, 5000).faults).toEqual([])
  })

  it("read each datagram of the corpus as before, and the corpus has every outcome", () => {
    const items = corpus()
    for (const { bytes, reached } of items) expect(reachedBy(bytes)).toBe(reached.replace(/^kept /, ""))
    const all = new Set(items.flatMap(({ reached }) => reached.split(", ")))
    expect(outcomes.filter((outcome) => !all.has(outcome))).toEqual([])
  })
})

describe("the configuration file", () => {
  it("is read or refused whatever it holds, and no message repeats the key in it", () => {
    const { faults, read, refused } = fuzzConfig(20_261, 600)
    expect(faults).toEqual([])
    expect(Math.min(read, refused)).toBeGreaterThan(20)
  })
})

describe("the state of a node", () => {
  it("is read as it was written, or refused, whatever has happened to it", () => {
    const { faults, read, refused } = fuzzState(20_261, 3000)
    expect(faults).toEqual([])
    expect(Math.min(read, refused)).toBeGreaterThan(100)
  })
})
