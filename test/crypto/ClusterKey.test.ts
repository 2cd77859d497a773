import { describe, expect, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import * as fc from "fast-check"
import { inspect } from "node:util"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"

const text = "00112233445566778899aAbBcCdDeEfF00112233445566778899aabbccddeeff"
const bytesOf = (key: Redacted.Redacted<Uint8Array>) => Array.from(Redacted.value(key))

/** Every text that can be reached from a value, also where printing hides it. */
const textsIn = (value: unknown, seen = new Set<unknown>()): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (typeof value !== "object" || value === null || seen.has(value)) return []
  seen.add(value)
  const own = Reflect.ownKeys(value).flatMap((key) => textsIn(Reflect.get(value, key), seen))
  return [...own, inspect(value, { depth: 20, showHidden: true }), String(value), JSON.stringify(value) ?? ""]
}

describe("ClusterKey", () => {
  it("is 64 digits and never printed", () => {
    const key = Result.getOrThrow(ClusterKey.fromText(text))
    expect(Buffer.from(Redacted.value(key)).toString("hex")).toBe(text.toLowerCase())
    for (const shown of textsIn({ key })) expect(shown).not.toMatch(/0011|0, ?17/)
    expect(String(key)).toBe("<redacted>")
  })

  it("reads what it writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const written = ClusterKey.toText(ClusterKey.fromBytes(bytes))
        expect(written).toMatch(/^[0-9a-f]{64}$/)
        expect(bytesOf(Result.getOrThrow(ClusterKey.fromText(` ${written.toUpperCase()}\r\n`)))).toEqual([...bytes])
      })
    )
  })

  it("has a copy of its 32 bytes", () => {
    const bytes = new Uint8Array(32).fill(1)
    const key = ClusterKey.fromBytes(bytes)
    bytes.fill(2)
    expect(bytesOf(key)).toEqual(new Array(32).fill(1))
    expect(() => ClusterKey.fromBytes(new Uint8Array(31))).toThrow(RangeError)
  })

  it.each<[wrong: string, message: string]>([
    ["", "expected a key of 64 hexadecimal digits, got 0 characters"],
    [text.slice(1), "expected a key of 64 hexadecimal digits, got 63 characters"],
    [`${text}0`, "expected a key of 64 hexadecimal digits, got 65 characters"],
    [`${text.slice(0, 40)}🔑`, "expected a key of 64 hexadecimal digits, got 41 characters"],
    [`q${text.slice(1)}`, "expected a key of 64 hexadecimal digits, but character 1 is not one"],
    [`${text.slice(0, 62)}q0`, "expected a key of 64 hexadecimal digits, but character 63 is not one"],
    [`${text.slice(0, 30)} q${text.slice(32)}`, "expected a key of 64 hexadecimal digits, but character 31 is not one"],
    [`${text.slice(0, 63)}🔑`, "expected a key of 64 hexadecimal digits, but character 64 is not one"]
  ])("says what is wrong and not what was given (%#)", (wrong, message) => {
    const errors = [
      Result.merge(ClusterKey.fromText(wrong)),
      Result.merge(Schema.decodeUnknownResult(ClusterKey.ClusterKeyFromText)(wrong)),
      Result.merge(Schema.decodeUnknownResult(Schema.Struct({ key: ClusterKey.ClusterKeyFromText }))({ key: wrong }))
    ]
    for (const error of errors) {
      expect(error).toMatchObject({ message: expect.stringContaining(message) })
      for (const shown of textsIn(error)) expect(shown).not.toMatch(/2233|q|🔑/)
    }
  })

  it("has a schema that does not write it out", () => {
    const key = Schema.decodeSync(ClusterKey.ClusterKeyFromText)(text)
    expect(ClusterKey.toText(key)).toBe(text.toLowerCase())
    const encoded = Schema.encodeResult(ClusterKey.ClusterKeyFromText)(key)
    expect(Result.merge(encoded)).toMatchObject({ message: "a cluster key is not written out" })
    for (const shown of textsIn(encoded)) expect(shown).not.toMatch(/2233/)
  })

  describe("file", () => {
    const keyText = (n: number) => n.toString(16).padStart(64, "0")
    const read = (file: string) => Result.map(ClusterKey.fromFileText(file), (keys) => keys.map(ClusterKey.toText))

    it("has one key in each line, the primary first, and comments", () => {
      const file = `\uFEFF# primary\r\n\n${keyText(2)}\r\n  ${keyText(1)}  # old\n#${keyText(3)}\n\t\n${keyText(4)}`
      expect(Result.getOrThrow(read(file))).toEqual([keyText(2), keyText(1), keyText(4)])
    })

    it("names the first line that is no key, and not its text", () => {
      for (const [file, message] of [
        [`# a\n${keyText(1)}\n${keyText(2)}77\n`, "line 3: expected a key of 64 hexadecimal digits, got 66 characters"],
        [`${keyText(1).slice(0, -1)}x`, "line 1: expected a key of 64 hexadecimal digits, but character 64 is not one"],
        [`${keyText(1)} ${keyText(2)}`, "line 1: expected a key of 64 hexadecimal digits, got 129 characters"]
      ] as const) {
        const error = Result.merge(read(file))
        expect(error).toMatchObject({ _tag: "ClusterKeyError", message })
        for (const shown of textsIn(error)) expect(shown).not.toMatch(/000/)
      }
    })

    it("has at least one key", () => {
      for (const file of ["", "\n\n", "# none\n"]) {
        expect(Result.merge(read(file))).toMatchObject({ _tag: "ClusterKeyError", reason: "NoKey" })
      }
    })
  })
})
