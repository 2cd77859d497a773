/** A short form of the decoder's part of `npm run fuzz`. */
import { describe, expect, it } from "@effect/vitest"
import { fuzzDecoder } from "./Decoder.ts"

describe("the decoders", () => {
  it("read any datagram or refuse it with a typed error, and agree about it", () => {
    expect(fuzzDecoder(20_261, 5000).faults).toEqual([])
  })
})
