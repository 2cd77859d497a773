import { describe, expect, it } from "vitest"
import { NetAddress } from "effect/net"
import * as AdvertisedAddress from "../../src/transport/AdvertisedAddress.ts"

const inet = NetAddress.inetAddressFromStringUnsafe
const ip = NetAddress.ipFromStringUnsafe

const shown = (advertised: AdvertisedAddress.Advertised | undefined) =>
  advertised === undefined ? undefined : [NetAddress.formatInet(advertised.address), advertised.from]

describe("the advertised address without interfaces", () => {
  it.each([
    ["10.0.0.1:7946", undefined, ["10.0.0.1:7946", "bound"]],
    ["[::ffff:10.0.0.1]:7946", undefined, ["10.0.0.1:7946", "bound"]],
    ["0.0.0.0:7946", "192.0.2.1:1", ["192.0.2.1:1", "configured"]],
    ["10.0.0.1:7946", "192.0.2.1:0", ["192.0.2.1:7946", "configured"]],
    ["0.0.0.0:7946", undefined, undefined],
    ["[::]:7946", undefined, undefined]
  ])("of %s, with %s configured, is %j", (bound, configured, expected) => {
    const known = AdvertisedAddress.withoutInterfaces(
      inet(bound),
      configured === undefined ? undefined : inet(configured)
    )
    expect(shown(known)).toEqual(expected)
  })
})

describe("the advertised address of a bound wildcard", () => {
  const all = ["127.0.0.1", "::1", "fe80::1", "224.0.0.1", "2001:db8::1", "10.0.0.5"]

  it.each([
    ["0.0.0.0:1", all, "10.0.0.5:1"],
    ["[::]:1", all, "10.0.0.5:1"],
    ["[::]:1", ["127.0.0.1", "2001:db8::1"], "[2001:db8::1]:1"],
    ["0.0.0.0:1", ["127.0.0.1", "2001:db8::1"], "127.0.0.1:1"],
    ["0.0.0.0:1", ["10.0.0.7", "10.0.0.6"], "10.0.0.7:1"],
    ["0.0.0.0:1", ["2001:db8::1", "224.0.0.1"], undefined],
    ["[::]:1", [], undefined]
  ])("%s, on a machine with %j, is %s", (bound, interfaces, expected) => {
    const best = AdvertisedAddress.ofInterfaces(inet(bound), interfaces.map(ip))
    expect(shown(best)).toEqual(expected === undefined ? undefined : [expected, "interface"])
  })

  it.each([
    ["0.0.0.0:1", ["10.0.0.5"], "10.0.0.5:1"],
    ["[::]:1", ["10.0.0.5", "2001:db8::1"], "10.0.0.5:1"],
    ["[::]:1", ["2001:db8::1"], "[2001:db8::1]:1"],
    ["0.0.0.0:1", ["2001:db8::1"], "172.17.0.1:1"],
    // Neither what no interface has, nor loopback.
    ["0.0.0.0:1", ["10.0.0.77"], "172.17.0.1:1"],
    ["0.0.0.0:1", ["127.0.0.1"], "172.17.0.1:1"]
  ])("%s, where %j are the addresses of the default routes, is %s", (bound, outbound, expected) => {
    const interfaces = ["127.0.0.1", "172.17.0.1", "10.0.0.5", "2001:db8::1"]
    const best = AdvertisedAddress.ofInterfaces(inet(bound), interfaces.map(ip), outbound.map(ip))
    expect(shown(best)).toEqual([expected, "interface"])
  })
})
