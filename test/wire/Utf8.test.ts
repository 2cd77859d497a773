import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Utf8 from "../../src/wire/Utf8.ts"

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** A decoder replaces what is not UTF-8 by U+FFFD, whose bytes differ from those that it replaces. */
const isUtf8 = (bytes: Uint8Array) => Buffer.compare(Buffer.from(decoder.decode(bytes)), bytes) === 0

describe("Utf8", () => {
  it("accepts what TextDecoder accepts, of all sequences of three bytes at the edges of the table", () => {
    const edges = [0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed]
    const all = [...edges, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]
    const wrong: Array<ReadonlyArray<number>> = []
    for (const a of all) {
      for (const b of all) {
        for (const c of all) {
          for (const tail of [[], [0x80], [0xbf, 0x41]]) {
            const bytes = Uint8Array.of(a, b, c, ...tail)
            if (Utf8.check(bytes, 0, bytes.length) !== isUtf8(bytes)) wrong.push([...bytes])
          }
        }
      }
    }
    expect(wrong).toEqual([])
  })

  it("looks at no byte outside the range", () => {
    const bytes = Uint8Array.of(0xff, 0xc3, 0xa9, 0xff)
    expect(Utf8.check(bytes, 1, 3)).toBe(true)
    expect(Utf8.check(bytes, 1, 2)).toBe(false)
    expect(Utf8.check(bytes, 2, 2)).toBe(true)
    expect(Utf8.decode(bytes, 1, 3)).toBe("é")
  })

  it.prop("decodes the text that it encoded", [Schema.String], ([text]) => {
    const bytes = Utf8.encode(text)
    expect(Utf8.check(bytes, 0, bytes.length)).toBe(true)
    expect(Utf8.decode(bytes, 0, bytes.length)).toBe(text.toWellFormed())
  })

  it("keeps a byte order mark", () => {
    const bytes = Utf8.encode("\ufeffa")
    expect(Utf8.decode(bytes, 0, bytes.length)).toBe("\ufeffa")
  })
})
