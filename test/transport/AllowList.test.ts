import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import * as fc from "fast-check"
import { AllowList } from "../../src/transport/AllowList.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

const listOf = (...texts: ReadonlyArray<string>) => Result.getOrThrow(AllowList.fromTexts(texts))
const packed = (text: string) =>
  PackedAddress.pack(NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe(text), 7))
const allowed = (list: AllowList, ...texts: ReadonlyArray<string>) => texts.filter((text) => list.has(packed(text), 0))

describe("AllowList", () => {
  it("allows the networks in it", () => {
    const list = listOf("10.0.0.0/8", "fd00::/8", "192.168.7.0/25", "203.0.113.9", "2001:db8::1")
    const inside = ["10.0.0.0", "10.255.255.255", "fd00::1", "fdff::", "192.168.7.127", "203.0.113.9", "2001:db8::1"]
    const outside = ["9.255.255.255", "11.0.0.0", "fc00::1", "fe00::", "192.168.7.128", "203.0.113.8", "2001:db8::2"]
    expect(allowed(list, ...inside, ...outside)).toEqual(inside)
    expect(list.all).toBe(false)
  })

  it("allows all when it is empty", () => {
    const list = listOf()
    expect(allowed(list, "1.2.3.4", "::1")).toHaveLength(2)
    expect(list.all).toBe(true)
  })

  it("keeps families apart", () => {
    expect(allowed(listOf("0.0.0.0/0"), "1.2.3.4", "::", "::102:304")).toEqual(["1.2.3.4"])
    expect(allowed(listOf("::/0"), "1.2.3.4", "::", "::ffff:1.2.3.4")).toEqual(["::"])
    // The bytes of 10.1.2.3 at the front of an IPv6 address.
    expect(allowed(listOf("10.0.0.0/8"), "a01:203::")).toEqual([])
    expect(listOf("0.0.0.0/0", "::/0").has(new Uint8Array(19).fill(5), 0)).toBe(false)
  })

  it("takes IPv4-mapped addresses and networks for IPv4", () => {
    const mapped = new Uint8Array(19)
    PackedAddress.writeExact(
      NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe("::ffff:10.1.2.3"), 7),
      mapped,
      0
    )
    expect(mapped[0]).toBe(6)
    expect(listOf("10.0.0.0/8").has(mapped, 0)).toBe(true)
    expect(listOf("11.0.0.0/8", "::/0").has(mapped, 0)).toBe(false)
    expect(allowed(listOf("::ffff:10.0.0.0/104"), "10.9.9.9", "11.0.0.0", "::1")).toEqual(["10.9.9.9"])
    expect(allowed(listOf("::ffff:10.0.0.9"), "10.0.0.9", "10.0.0.8")).toEqual(["10.0.0.9"])
    expect(allowed(listOf("::ffff:0:0/96"), "10.9.9.9", "::1")).toEqual(["10.9.9.9"])
  })

  it("agrees with IpNetwork, at any place in an array", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    const ip = (words: ReadonlyArray<number>): NetAddress.IpAddress => {
      const all = Uint8Array.from(words)
      return all.length === 4 ? NetAddress.ipv4FromBytesUnsafe(all) : NetAddress.ipv6FromBytesUnsafe(all)
    }
    fc.assert(
      fc.property(
        fc.constantFrom(4, 16).chain((length) => fc.tuple(bytes(length), fc.nat(8 * length), fc.nat(8 * length - 1))),
        fc.nat(9),
        ([network, prefix, changed], at) => {
          // Networks of addresses that differ from the one asked for by at most one bit.
          const other = network.slice()
          other[changed >> 3] = other[changed >> 3]! ^ (0x80 >> (changed & 7))
          const range = IpNetwork.fromAddressUnsafe(ip([...network]), prefix)
          const list = new AllowList([IpNetwork.fromStringUnsafe("203.0.113.0/24"), range])
          for (const address of [ip([...network]), ip([...other])]) {
            const where = new Uint8Array(at + 19)
            PackedAddress.write(NetAddress.inetAddressUnsafe(address, 7), where, at)
            expect(list.has(where, at)).toBe(IpNetwork.contains(range, address))
          }
        }
      )
    )
  })

  it.each(["10.0.0.1/8", "10.0.0.0/33", "fd00::/129", "10.0.0", "example.org", "", "10.0.0.0/"])(
    "refuses %j, and names it",
    (text) => {
      const error = Result.merge(AllowList.fromTexts(["10.0.0.0/8", text]))
      expect(error).toMatchObject({ _tag: "AllowListError", input: text })
      expect(error).toMatchObject({ message: expect.stringContaining(JSON.stringify(text)) })
    }
  )
})
