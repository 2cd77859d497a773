import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as ClusterEvent from "../../src/events/ClusterEvent.ts"
import { checkNamed } from "../../src/events/NamedBytes.ts"

const Deploy = ClusterEvent.make("deploy", { payload: Schema.Struct({ version: Schema.String, at: Schema.BigInt }) })
const Flush = ClusterEvent.make("flush")

describe("an event", () => {
  it("carries JSON that reads as it was written", () => {
    const bytes = Result.getOrThrow(Deploy.encode({ version: "1", at: 7n }))
    assert.strictEqual(new TextDecoder().decode(bytes), '{"version":"1","at":"7"}')
    assert.deepStrictEqual(Result.getOrThrow(Deploy.decode(bytes)), { version: "1", at: 7n })
  })

  it("without a payload has no bytes", () => {
    assert.lengthOf(Result.getOrThrow(Flush.encode()), 0)
    assert.isUndefined(Result.getOrThrow(Flush.decode(new Uint8Array(0))))
  })

  it("is not read from other bytes, and the reason is given", () => {
    for (const text of ["", "{", '{"version":1}', "null"]) {
      assert.isTrue(Result.isFailure(Deploy.decode(new TextEncoder().encode(text))), text)
    }
    assert.isTrue(Result.isFailure(Deploy.decode(Uint8Array.of(0xff))))
  })

  it("has a name of 1 to 255 bytes and a payload of at most 512", () => {
    const refusal = (name: string, length: number) =>
      Result.match(checkNamed(name, new Uint8Array(length)), {
        onFailure: ({ bytes, reason }) => [reason, bytes],
        onSuccess: () => undefined
      })
    assert.deepStrictEqual(refusal("", 0), ["EmptyName", undefined])
    assert.deepStrictEqual(refusal("ä".repeat(128), 0), ["NameTooLong", undefined])
    assert.deepStrictEqual(refusal("a", 513), ["PayloadTooLong", 513])
    assert.isUndefined(refusal("a".repeat(255), 512))
  })
})
