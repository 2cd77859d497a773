import { assert, describe, it } from "@effect/vitest"
import { Equal, Result } from "effect"
import { Host, NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as Peer from "../../src/domain/Peer.ts"

const name = (text: string) => Host.domainNameFromStringUnsafe(text)
const read = (text: string) => Result.getOrThrow(Peer.namedFromString(text))

describe("peers", () => {
  it("have a text each, and are equal if their texts are", () => {
    const peers = [
      [NetAddress.inetAddressFromStringUnsafe("10.0.0.5:7946"), "10.0.0.5:7946"],
      [NetAddress.inetAddressFromStringUnsafe("[fd00::5]:7946"), "[fd00::5]:7946"],
      [new Peer.Name({ host: name("seed.example"), port: 7946 }), "seed.example:7946"],
      [new Peer.Service({ name: name("_gossip._udp.example") }), "dns+srv://_gossip._udp.example"]
    ] as const
    for (const [peer, text] of peers) {
      assert.isTrue(Peer.isPeer(peer))
      assert.deepStrictEqual(
        [Peer.format(peer), String(peer), JSON.stringify(peer)],
        [text, text, JSON.stringify(text)]
      )
      assert.strictEqual(Peer.isNamed(peer), Peer.looksNamed(text))
    }
    assert.isTrue(Equal.equals(read("A.example:1"), read("a.example:1")))
    assert.isFalse(Equal.equals(read("a.example:1"), read("a.example:2")))
    assert.isFalse(Equal.equals(read("a.example:1"), read("a.example.:1")))
    for (const other of [undefined, "a.example:1", { _tag: "Name", host: "a.example", port: 1 }]) {
      assert.isFalse(Peer.isPeer(other))
    }
  })

  it("by name and by service are read from their texts", () => {
    const label = fc.stringMatching(/^[a-z0-9_](?:[a-z0-9_-]{0,8}[a-z0-9_])?$/)
    const last = fc.stringMatching(/^[a-z]{1,8}\.?$/)
    const domain = fc.tuple(fc.array(label, { maxLength: 4 }), last).map(([labels, end]) => [...labels, end].join("."))
    const named = fc.oneof(
      fc
        .tuple(domain, fc.integer({ min: 1, max: 65_535 }))
        .map(([host, port]) => new Peer.Name({ host: name(host), port })),
      domain.map((service) => new Peer.Service({ name: name(service) }))
    )
    fc.assert(
      fc.property(named, (peer) => {
        const text = Peer.format(peer)
        assert.isTrue(Peer.looksNamed(text))
        assert.isTrue(Equal.equals(read(text), peer))
        assert.isTrue(Equal.equals(read(text.toUpperCase()), peer))
      })
    )
  })

  it("are told apart from addresses by their form, right or wrong", () => {
    for (const text of [
      "10.0.0.1:1",
      "10.0.0.256:1",
      "10.0.0.1",
      "[::1]:1",
      "fd00::1",
      "fd00::1:1",
      ":1",
      "",
      "1:2:3"
    ]) {
      assert.isFalse(Peer.looksNamed(text), text)
    }
    for (const text of ["db", "db:1", "é:1", "1.2.3.4.example:1", "0x7f000001:1", "dns+srv://a", "http://1.2.3.4"]) {
      assert.isTrue(Peer.looksNamed(text), text)
    }
  })

  it("are refused only with a sentence that says why", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("", ":1", "dns+srv://"), (text, affix) => {
        for (const whole of [affix + text, text + affix]) {
          const peer = Peer.namedFromString(whole)
          if (Result.isFailure(peer)) assert.match(peer.failure, /^(has|is|begins) /)
          else assert.isTrue(Equal.equals(read(Peer.format(peer.success)), peer.success))
        }
      })
    )
  })
})
