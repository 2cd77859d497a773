import { assert, describe, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import { MaxChecks, SelfChecks } from "../../src/join/SelfChecks.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

const addressOf = (port: number) => PackedAddress.pack(NetAddress.inetAddressFromStringUnsafe(`10.0.0.1:${port}`))

describe("SelfChecks", () => {
  it("takes an address for ours when the newest number that was sent there comes back from there", () => {
    let draws = 0
    const checks = new SelfChecks(() => ++draws / 1000)
    const [a, b] = [addressOf(1), addressOf(2)]
    const old = checks.begin(a)
    const [first, second] = [checks.begin(a), checks.begin(b)]
    assert.isFalse(checks.proves(a, old))
    assert.isFalse(checks.proves(a, second))
    assert.isFalse(checks.proves(addressOf(3), first))
    assert.isTrue(checks.proves(a, first))
    assert.isFalse(checks.proves(a, first))
    assert.isTrue(checks.proves(b, second))
  })

  it("stays bounded: the check that began first is given up", () => {
    let draws = 0
    const checks = new SelfChecks(() => ++draws / 1000)
    const numbers = Array.from({ length: MaxChecks + 1 }, (_, port) => checks.begin(addressOf(port)))
    const proved = numbers.map((number, port) => checks.proves(addressOf(port), number))
    assert.deepStrictEqual(proved, [false, ...Array.from({ length: MaxChecks }, () => true)])
  })
})
