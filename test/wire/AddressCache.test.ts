import { describe, expect, it } from "@effect/vitest"
import { Equal, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import { Address } from "../../src/domain/Address.ts"
import { AddressCache } from "../../src/wire/AddressCache.ts"
import * as Message from "../../src/wire/Message.ts"
import { encode, packedExactly, ping } from "./Datagrams.ts"

describe("AddressCache", () => {
  // Small, so that addresses take each other's slots.
  const cache = new AddressCache(4)
  it.prop("gives the address that was packed", [Schema.Array(Address)], ([addresses]) => {
    for (const address of addresses) expect(Equal.equals(cache.read(packedExactly(address), 0), address)).toBe(true)
  })

  it("gives the same object for the same address, and tells apart the addresses of one cluster", () => {
    const cache = new AddressCache()
    const packed = Array.from({ length: 100 }, (_, n) =>
      packedExactly(NetAddress.inetAddressFromStringUnsafe(`10.0.0.${n}:7946`))
    )
    const first = packed.map((bytes) => cache.read(bytes, 0))
    const again = packed.map((bytes) => cache.read(bytes, 0))
    // A few of them may have one slot.
    expect(again.filter((address, n) => address === first[n]).length).toBeGreaterThan(80)
    expect(new Set(first.map(String)).size).toBe(100)
  })

  it("does not take the addresses of two families for one", () => {
    const cache = new AddressCache(1)
    const texts = ["10.0.0.1:80", "[::ffff:10.0.0.1]:80", "[fd00::ffff:a00:1]:80", "10.0.0.1:80"]
    expect(
      texts.map((text) => String(cache.read(packedExactly(NetAddress.inetAddressFromStringUnsafe(text)), 0)))
    ).toEqual(texts.map((text) => String(NetAddress.inetAddressFromStringUnsafe(text))))
  })

  it.prop("changes nothing of what is decoded", [Message.Message], ([message]) => {
    const decoded = Result.getOrThrow(Message.decode(encode(message), { addresses: cache }))
    expect(Equal.equals(decoded, message)).toBe(true)
  })

  it("serves every message that is decoded with it", () => {
    const addresses = new AddressCache()
    const read = () => Result.getOrThrow(Message.decode(encode(ping), { addresses }))
    const [a, b] = [read(), read()]
    expect(a._tag === "Ping" && b._tag === "Ping" && a.entries[0]!.address === b.entries[0]!.address).toBe(true)
  })
})
