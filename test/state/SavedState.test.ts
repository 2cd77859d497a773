import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { crc32 } from "../../src/state/Crc32.ts"
import { format, parse, SavedState } from "../../src/state/SavedState.ts"

const example: SavedState = Schema.decodeUnknownSync(Schema.toCodecJson(SavedState))({
  cluster: "prod \u{1f600}\nü",
  id: "18446744073709551615",
  incarnation: 0xffff_ffff,
  tagVersion: 7,
  saves: 12,
  members: ["10.0.0.1:7946", "[fd00::1]:7946"]
})

const encode = (text: string) => new TextEncoder().encode(text)
/** As a file is read. */
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const faultOf = (text: string) => {
  const read = parse(text)
  return Result.isFailure(read) ? read.failure : undefined
}

describe("the text of a state", () => {
  it("is for people too, and has this form", () => {
    const state = Schema.decodeUnknownSync(Schema.toCodecJson(SavedState))({
      cluster: "prod",
      id: "42",
      incarnation: 7,
      tagVersion: 1,
      saves: 3,
      members: ["10.0.0.1:7946"]
    })
    assert.strictEqual(
      format(state),
      `effect-gossip state 1 7e828a6d
{
  "cluster": "prod",
  "id": "42",
  "incarnation": 7,
  "tagVersion": 1,
  "saves": 3,
  "members": [
    "10.0.0.1:7946"
  ]
}
`
    )
  })

  it.prop("is read as it was written", [SavedState], ([state]) => {
    assert.deepStrictEqual(Result.getOrThrow(parse(format(state))), state)
  })

  it("is refused when it ends at any byte before its end", () => {
    const bytes = encode(format(example))
    for (let length = 0; length < bytes.length; length++) {
      const fault = faultOf(decode(bytes.subarray(0, length)))
      assert.strictEqual(fault?.kind, length === 0 ? "Empty" : "Damaged", `${length} bytes`)
    }
  })

  it("is refused when any bit of it differs", () => {
    const bytes = encode(format(example))
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = bytes.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      assert.isDefined(faultOf(decode(changed)), `bit ${bit}`)
    }
  })

  it("is refused when something follows it, also a part of another state", () => {
    const text = format(example)
    for (const rest of ["\n", " ", "\0", text]) assert.strictEqual(faultOf(text + rest)?.kind, "Damaged")
    const longer = format({ ...example, members: [...example.members, ...example.members] })
    assert.strictEqual(faultOf(text + longer.slice(text.length))?.kind, "Damaged")
  })

  it("is told from other files, and from those of later versions", () => {
    for (const text of ["hello", "{}", "\0\0\0\0", "[network]\nbind = 1", `${format(example)}`.toUpperCase()]) {
      assert.deepStrictEqual(faultOf(text), { kind: "Foreign", reason: "is not the state of a node" })
    }
    assert.deepStrictEqual(faultOf("effect-gossip state 2 00000000\nwhatever comes then"), {
      kind: "Newer",
      reason: "is of version 2, and this program knows versions up to 1"
    })
  })

  it("is refused when its checksum is right and its content is not that of a state", () => {
    const withBody = (body: string) =>
      `effect-gossip state 1 ${crc32(encode(body)).toString(16).padStart(8, "0")}\n${body}`
    assert.isUndefined(faultOf(withBody(format(example).slice(format(example).indexOf("\n") + 1))))
    for (const body of ["", "{}", "null", "{", `{"id":"-1"}`]) {
      assert.strictEqual(faultOf(withBody(body))?.kind, "Damaged", body)
    }
    const many = Array.from({ length: 129 }, (_, i) => `10.0.0.1:${i + 1}`)
    const tooMany = { cluster: "", id: "1", incarnation: 1, tagVersion: 1, saves: 1, members: many }
    assert.strictEqual(faultOf(withBody(JSON.stringify(tooMany)))?.kind, "Damaged")
  })
})

describe("crc32", () => {
  it("gives the check value of its definition", () => {
    assert.strictEqual(crc32(encode("123456789")), 0xcbf43926)
    assert.strictEqual(crc32(new Uint8Array()), 0)
  })
})
