import { describe, expect, it } from "@effect/vitest"
import { Equal } from "effect"
import { NetAddress } from "effect/net"
import { Address } from "../../src/domain/Address.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { packedExactly } from "./Datagrams.ts"

const packed = (...bytes: ReadonlyArray<number>) => Uint8Array.from(bytes)
const v6 = (...tail: ReadonlyArray<number>) => packed(6, ...Array.from({ length: 18 - tail.length }, () => 0), ...tail)

describe("PackedAddress", () => {
  it.prop(
    "an IPv4-mapped address is IPv4 in canonical form, and every other address stays as it is",
    [Address],
    ([address]) => {
      const exact = packedExactly(address)
      const canonical = new Uint8Array(PackedAddress.MaxLength)
      PackedAddress.copyCanonical(exact, 0, canonical, 0)
      const canonicalAddress = NetAddress.toCanonical(address)
      expect(canonical).toEqual(PackedAddress.pack(address))
      expect(Equal.equals(PackedAddress.read(canonical, 0), canonicalAddress)).toBe(true)
      expect(Equal.equals(PackedAddress.read(exact, 0), address)).toBe(true)
      expect(PackedAddress.isMapped(exact, 0)).toBe(!Equal.equals(address, canonicalAddress))
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop(
    "reads the text of an IPv4 address, and of nothing else",
    [Address],
    ([address]) => {
      const to = new Uint8Array(PackedAddress.MaxLength)
      const isV4 = NetAddress.isInetAddressV4(address)
      expect(PackedAddress.writeIpv4Text(NetAddress.formatIp(address.address), address.port, to)).toBe(isV4)
      const written = to.slice(0, isV4 ? PackedAddress.Ipv4Length : 0)
      expect(written).toEqual(packedExactly(address).slice(0, written.length))
    },
    { arbitrary: { runs: 300 } }
  )

  it("takes no text that is almost an IPv4 address", () => {
    const to = new Uint8Array(PackedAddress.MaxLength)
    const texts = [
      "",
      "1.2.3",
      "1.2.3.",
      "1..2.3",
      ".1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "1.2.3.0004",
      "1.2.3.4 ",
      "1.2.3.a"
    ]
    const taken = [...texts, "::ffff:1.2.3.4"].filter((text) => PackedAddress.writeIpv4Text(text, 1, to))
    expect(taken).toEqual([])
    expect(PackedAddress.writeIpv4Text("255.0.10.1", 65_535, to)).toBe(true)
    expect(to.slice(0, PackedAddress.Ipv4Length)).toEqual(packed(4, 255, 0, 10, 1, 255, 255))
  })

  it("an address that differs from ::ffff:0:0/96 in any byte is not IPv4-mapped", () => {
    const exact = v6(0xff, 0xff, 10, 0, 0, 1, 0x1b, 0x58)
    expect(PackedAddress.isMapped(exact, 0)).toBe(true)
    for (let at = 0; at < 13; at++) expect(PackedAddress.isMapped(exact.with(at, exact[at]! ^ 2), 0)).toBe(false)
  })

  it.prop("each address has a key of its own", [Address, Address], ([a, b]) => {
    const [left, right] = [PackedAddress.pack(a), PackedAddress.pack(b)]
    const equal = Equal.equals(NetAddress.toCanonical(a), NetAddress.toCanonical(b))
    expect(PackedAddress.key(left, 0) === PackedAddress.key(right, 0)).toBe(equal)
    expect(PackedAddress.compare(left, 0, right, 0) === 0).toBe(equal)
    expect(PackedAddress.key(left, 0)).toBe(PackedAddress.key(PackedAddress.pack(a), 0))
  })

  it("a member's address has a port and is neither unspecified, multicast, reserved nor broadcast", () => {
    const reachable = (bytes: Uint8Array) => PackedAddress.isReachable(bytes, 0)
    expect(reachable(packed(4, 10, 0, 0, 1, 0, 1))).toBe(true)
    expect(reachable(packed(4, 0, 0, 0, 1, 1, 0))).toBe(true)
    expect(reachable(packed(4, 10, 0, 0, 1, 0, 0))).toBe(false)
    expect(reachable(packed(4, 0, 0, 0, 0, 0, 1))).toBe(false)
    expect(reachable(packed(4, 223, 0, 0, 1, 0, 1))).toBe(true)
    expect(reachable(packed(4, 224, 0, 0, 1, 0, 1))).toBe(false)
    expect(reachable(packed(4, 239, 255, 255, 255, 0, 1))).toBe(false)
    expect(reachable(packed(4, 240, 0, 0, 1, 0, 1))).toBe(false)
    expect(reachable(packed(4, 255, 255, 255, 255, 0, 1))).toBe(false)
    expect(reachable(v6(0xf0, 0, 1))).toBe(true)
    expect(reachable(v6(1, 0, 1))).toBe(true)
    expect(reachable(v6(0, 0, 1))).toBe(false)
    expect(reachable(v6(1, 0, 0))).toBe(false)
    expect(reachable(packed(6, 0xff, 2, ...v6(1, 0, 1).slice(3)))).toBe(false)
    expect(reachable(packed(5, 10, 0, 0, 1, 0, 1))).toBe(false)
  })
})
