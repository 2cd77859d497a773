import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { roomFor, shortName, withLabels } from "../../src/domain/OwnTags.ts"
import * as Tags from "../../src/domain/Tags.ts"
import { MaxPairs, packPairs } from "../../src/wire/sections/MemberTags.ts"

const labels = { name: "web-1", startedAt: 1_700_000_000_000 }

const refusal = (tags: Tags.Tags) =>
  Result.match(withLabels(tags, labels), {
    onFailure: ({ key, reason }) => `${key}: ${reason}`,
    onSuccess: () => undefined
  })

describe("own tags", () => {
  it("are refused by name: an empty key, a reserved key, a key that is too long, what is no text", () => {
    assert.strictEqual(refusal({ a: "1", "": "2" }), ": EmptyKey")
    assert.strictEqual(refusal({ "@name": "x" }), "@name: ReservedKey")
    assert.strictEqual(refusal({ ["k".repeat(256)]: "" }), `${"k".repeat(256)}: KeyTooLong`)
    assert.strictEqual(refusal({ a: "\ud800" }), "a: NotText")
    assert.isUndefined(refusal({ ["k".repeat(255)]: "", zone: "ä", ["__proto__"]: "x" }))
  })

  it("have at most 512 bytes with name and start, and the longest is named", () => {
    const bytesOf = (length: number) =>
      Result.map(withLabels({ short: "1", long: "x".repeat(length) }, labels), (tags) => packPairs(tags).length)
    const fits = Array.from({ length: 600 }, (_, length) => bytesOf(length)).filter(Result.isSuccess)
    assert.strictEqual(fits.at(-1)?.success, MaxPairs)
    assert.strictEqual(refusal({ short: "1", long: "x".repeat(fits.length) }), "long: TooLong")
    assert.strictEqual(roomFor(1232), MaxPairs)
    assert.isBelow(roomFor(576), MaxPairs)
  })

  it("shorten a name to 64 bytes between characters", () => {
    assert.strictEqual(shortName("host"), "host")
    assert.strictEqual(shortName("ä".repeat(40)), "ä".repeat(32))
    assert.strictEqual(shortName(`${"x".repeat(62)}äö`), `${"x".repeat(62)}ä`)
    assert.strictEqual(shortName(`${"x".repeat(63)}ä`), "x".repeat(63))
  })
})

describe("schema", () => {
  const Service = Tags.schema(
    Schema.Struct({ http: Schema.Int, zone: Schema.String, spare: Schema.optionalKey(Schema.Boolean) })
  )

  it("reads what it writes, as texts", () => {
    const tags = { http: 8080, zone: "a", spare: true }
    const texts = Result.getOrThrow(Service.encode(tags))
    assert.deepStrictEqual(texts, { http: "8080", zone: "a", spare: "true" })
    assert.deepStrictEqual(Result.getOrThrow(Service.decode({ tags: { ...texts, other: "x" } })), tags)
    assert.deepStrictEqual(Result.getOrThrow(Service.encode({ http: 1, zone: "" })), { http: "1", zone: "" })
  })

  it("gives the reason why a member has none", () => {
    const reasonOf = (tags: Tags.Tags) =>
      Result.match(Service.decode({ tags }), { onFailure: ({ reason }) => reason, onSuccess: () => "" })
    assert.include(reasonOf({ zone: "a" }), `["http"]`)
    assert.include(reasonOf({ http: "many", zone: "a" }), `["http"]`)
    assert.strictEqual(reasonOf({ http: "1", zone: "a" }), "")
  })

  it("refuses to write what is no single text", () => {
    const Nested = Tags.schema(Schema.Struct({ at: Schema.Struct({ zone: Schema.String }) }))
    assert.isTrue(Result.isFailure(Nested.encode({ at: { zone: "a" } })))
  })
})
