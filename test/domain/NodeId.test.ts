import { describe, expect, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as NodeId from "../../src/domain/NodeId.ts"

const parse = (input: string) => Result.getOrUndefined(NodeId.fromString(input))

describe("NodeId", () => {
  it("reads decimal and hexadecimal text", () => {
    expect(parse("0")).toBe(0n)
    expect(parse("42")).toBe(42n)
    expect(parse("00042")).toBe(42n)
    expect(parse("18446744073709551615")).toBe(2n ** 64n - 1n)
    expect(parse("0x0")).toBe(0n)
    expect(parse("0xDeadBeef")).toBe(0xdeadbeefn)
    expect(parse("0xffffffffffffffff")).toBe(2n ** 64n - 1n)
  })

  it.each([
    "",
    " ",
    " 1",
    "1 ",
    "1\n",
    "-1",
    "+1",
    "1.0",
    "1e3",
    "1_000",
    "18446744073709551616",
    "99999999999999999999",
    "000000000000000000001",
    "0x",
    "0X1",
    "0x10000000000000000",
    "0x0000000000000000a",
    "ff",
    "0b1",
    "node"
  ])("refuses %j", (input) => {
    const error = Result.getFailure(NodeId.fromString(input))
    expect(error).toMatchObject({ _tag: "Some", value: { _tag: "NodeIdError", input } })
    expect(Result.isFailure(Schema.decodeUnknownResult(NodeId.NodeIdFromString)(input))).toBe(true)
  })

  it("accepts 0 to 2^64 - 1", () => {
    const decode = Schema.decodeUnknownResult(NodeId.NodeId)
    expect(Result.isSuccess(decode(0n))).toBe(true)
    expect(Result.isSuccess(decode(2n ** 64n - 1n))).toBe(true)
    expect(Result.isFailure(decode(-1n))).toBe(true)
    expect(Result.isFailure(decode(2n ** 64n))).toBe(true)
    expect(Result.isFailure(decode(1))).toBe(true)
  })

  it.prop("its text reads as the same id", [NodeId.NodeId], ([id]) => {
    expect(parse(NodeId.format(id))).toBe(id)
    expect(parse(`0x${id.toString(16)}`)).toBe(id)
    expect(Schema.decodeSync(NodeId.NodeIdFromString)(NodeId.format(id))).toBe(id)
    expect(Schema.encodeSync(NodeId.NodeIdFromString)(id)).toBe(NodeId.format(id))
  })

  it.prop("its words make the same id", [NodeId.NodeId], ([id]) => {
    for (const part of [NodeId.hi(id), NodeId.lo(id)]) {
      expect(part >>> 0).toBe(part)
    }
    expect(NodeId.fromWords(NodeId.hi(id), NodeId.lo(id))).toBe(id)
  })

  it("takes words modulo 2^32", () => {
    expect(NodeId.fromWords(-1, -1)).toBe(2n ** 64n - 1n)
    expect(NodeId.fromWords(0x8000_0000, 1)).toBe(0x8000_0000_0000_0001n)
  })

  it("draws the upper word first, from the whole range", () => {
    const draws = [0.5, 0.25, 0, 0, 1 - 2 ** -53, 1 - 2 ** -53]
    const next = () => draws.shift() ?? 0
    expect(NodeId.random(next)).toBe(0x8000_0000_4000_0000n)
    expect(NodeId.random(next)).toBe(0n)
    expect(NodeId.random(next)).toBe(2n ** 64n - 1n)
  })
})
