import { describe, expect, it } from "@effect/vitest"
import { Equal, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import { Address, AddressFromString } from "../../src/domain/Address.ts"
import { U16, U32, U64, U8 } from "../../src/domain/Unsigned.ts"

describe("Address", () => {
  const json = Schema.toCodecJson(Address)
  const encode = Schema.encodeUnknownSync(json)
  const decode = Schema.decodeUnknownResult(json)

  it("is written as text in JSON", () => {
    const address = (text: string) => NetAddress.inetAddressFromStringUnsafe(text)
    expect(encode(address("10.0.0.1:7946"))).toBe("10.0.0.1:7946")
    expect(encode(address("[fd00::1]:80"))).toBe("[fd00::1]:80")
    expect(Schema.encodeUnknownSync(AddressFromString)(address("10.0.0.1:7946"))).toBe("10.0.0.1:7946")
  })

  it.prop("is read from JSON as it was written", [Address], ([address]) => {
    expect(Equal.equals(Result.getOrThrow(decode(encode(address))), address)).toBe(true)
  })

  it("refuses text that is no address, and values that are no text", () => {
    for (const value of ["10.0.0.1", "10.0.0.1:65536", "seed.example:7946", "", 5, null]) {
      expect(Result.isFailure(decode(value))).toBe(true)
    }
    expect(Result.isFailure(Schema.decodeUnknownResult(AddressFromString)("10.0.0.1"))).toBe(true)
  })

  const seen = new Set<string>()
  it.prop(
    "generates every form of address",
    [Address],
    ([{ address }]) => {
      seen.add(NetAddress.isIpv6Address(address) && NetAddress.isIpv4Mapped(address) ? "mapped" : address._tag)
    },
    { arbitrary: { seed: 1 } }
  )
  it("has generated every form of address", () => {
    expect(seen).toEqual(new Set(["Ipv4Address", "Ipv6Address", "mapped"]))
  })
})

describe("Unsigned", () => {
  it("accepts whole numbers from 0 to the largest of the width", () => {
    for (const [schema, largest] of [
      [U8, 0xff],
      [U16, 0xffff],
      [U32, 0xffff_ffff]
    ] as const) {
      const accepts = Schema.is(schema)
      for (const good of [0, 1, largest]) expect(accepts(good)).toBe(true)
      for (const bad of [-1, 0.5, largest + 1, Number.NaN, "1", 1n]) expect(accepts(bad)).toBe(false)
    }
    for (const good of [0n, 2n ** 64n - 1n]) expect(Schema.is(U64)(good)).toBe(true)
    for (const bad of [-1n, 2n ** 64n, 1]) expect(Schema.is(U64)(bad)).toBe(false)
  })
})
