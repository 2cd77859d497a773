import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { NetAddress } from "effect/net"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as Peer from "../../src/domain/Peer.ts"
import { BootstrapPeers } from "../../src/join/BootstrapPeers.ts"
import { check } from "../../src/join/PeerOptions.ts"

const self = NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946")

const checkWith = (
  given: Parameters<typeof check>[0],
  options: ClusterConfig.ClusterOptions = {},
  known: ReadonlyArray<Peer.Peer> = []
) => {
  const config = Result.getOrThrow(ClusterConfig.make({ bind: "10.0.0.1:7946", ...options }))
  return check(given, config, new BootstrapPeers(known, self, 0))
}

const refusal = (...args: Parameters<typeof checkWith>) => Result.getOrThrow(Result.flip(checkWith(...args)))

describe("peers that are added at run time", () => {
  it("take the same forms as the option `peers`", () => {
    const service = "dns+srv://_gossip._udp.example"
    const given = ["10.0.0.2:7946", NetAddress.inetAddressFromStringUnsafe("10.0.0.3:1"), "seed.example:2", service]
    assert.deepStrictEqual(Result.getOrThrow(checkWith(given)).map(Peer.format), [
      "10.0.0.2:7946",
      "10.0.0.3:1",
      "seed.example:2",
      service
    ])
    assert.deepStrictEqual(Result.getOrThrow(checkWith([])), [])
  })

  it.each<[given: string, options: ClusterConfig.ClusterOptions, message: RegExp]>([
    ["10.0.0.2", {}, /"10.0.0.2" has no port/],
    ["10.0.0.2:0", {}, /"10.0.0.2:0" has port 0/],
    ["seed.example", {}, /"seed.example" has no port/],
    ["[fd00::2]:7946", {}, /an IPv4 socket cannot send to an IPv6 address/],
    ["192.0.2.1:7946", { allow: ["10.0.0.0/8"] }, /would be dropped/]
  ])("%s is refused with the reason", (given, options, message) => {
    const error = refusal(["10.0.0.9:7946", given], options)
    assert.strictEqual(error._tag, "ContactError")
    assert.match(error.message, /^These peers cannot be contacted:\n {2}`peers`/)
    assert.match(error.message, message)
    assert.lengthOf(error.problems, 1)
  })

  it("count together with the known ones, each once, up to `limits.bootstrapPeers`", () => {
    const known = Result.getOrThrow(checkWith(["10.0.0.2:1", "seed.example:1"]))
    const options = { limits: { bootstrapPeers: 3 } }
    const given = ["10.0.0.2:1", "seed.example:1", "10.0.0.1:7946", "10.0.0.3:1"]
    assert.isTrue(Result.isSuccess(checkWith(given.slice(1), options, known)))
    const { message } = refusal([...given.slice(2), "other.example:1"], options, known)
    assert.match(message, /would have 4 peers, and `limits.bootstrapPeers` is 3/)
  })

  it("are bounded by the limit of the configuration, not by its default", () => {
    const given = Array.from({ length: 300 }, (_, i) => `10.1.${i >> 8}.${i & 255}:1`)
    assert.isTrue(Result.isFailure(checkWith(given)))
    assert.isTrue(Result.isSuccess(checkWith(given, { limits: { bootstrapPeers: 300 } })))
  })
})
