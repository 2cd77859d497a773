/** What a cluster with a key sends, reads, and refuses. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Result } from "effect"
import { NetAddress } from "effect/net"
import { readFileSync } from "node:fs"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import { noble } from "../../src/crypto/Aead.ts"
import { Nonces } from "../../src/crypto/Nonces.ts"
import { MaxPerMinute, MaxSources, Rejections, ReportFirst, ReportLast } from "../../src/transport/Rejections.ts"
import { isPlaintext } from "../../src/crypto/SealedDatagram.ts"
import type * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import {
  bytesOf,
  claim,
  countsOf,
  entriesOf,
  journal,
  keyOf,
  Lab,
  type LabNode,
  membersOf,
  parts,
  sender,
  story,
  pass,
  scenario,
  virtual
} from "../cluster/Lab.ts"

const secret = { clusterKey: keyOf(1) }

/** `count` nodes with these options, that join through the first; the lab can open their datagrams. */
const clusterOf = Effect.fnUntraced(function* (
  lab: Lab,
  count: number,
  options: ClusterConfig.ClusterOptions = secret,
  first = 1
) {
  const nodes: Array<LabNode> = []
  for (let i = first; i < first + count; i++) {
    const peers = nodes.slice(0, 1).map(({ address }) => address)
    nodes.push(yield* lab.start(i, { peers, ...options }))
  }
  return nodes
})

const readAlong = Effect.fnUntraced(function* (...keys: ReadonlyArray<number>) {
  const lab = yield* Lab.make()
  for (const key of keys) lab.rings.push(yield* Lab.ring([keyOf(key)]))
  return lab
})

const assertTogether = Effect.fnUntraced(function* (nodes: ReadonlyArray<LabNode>) {
  for (const node of nodes) {
    const members = yield* membersOf(node)
    assert.sameMembers(
      members.map(({ id, status }) => `${id} ${status}`),
      nodes.map(({ id }) => `${id} alive`)
    )
  }
})

const unreadable = (node: LabNode, from = 0) => story(node, from).filter(([, what]) => what.startsWith("Unreadable"))

/** Lines of the log of whatever is started with `layer`. */
describe("a cluster with a key", () => {
  scenario("of five nodes converges, and the key opens every datagram on the wire", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong(1)
      const nodes = yield* clusterOf(lab, 5)
      yield* pass(5000)
      yield* assertTogether(nodes)
      yield* lab.stop(nodes[4]!)
      yield* lab.kill(nodes[3]!)
      yield* pass(20_000)
      assert.strictEqual((yield* countsOf(nodes[0]!)).alive, 3)
      assert.deepStrictEqual(lab.unread, [])
      assert.isTrue(lab.seen.every(({ payload, sealed }) => sealed && !isPlaintext(payload)))
      const kinds = new Set(lab.seen.map(({ message }) => message._tag))
      assert.deepStrictEqual([...kinds].sort(), ["Ack", "AntiEntropy", "Gossip", "Leave", "Ping", "PingReq"])
      assert.strictEqual(new Set(lab.seen.map(({ payload }) => String(payload.subarray(0, 12)))).size, lab.seen.length)
      for (const node of nodes.slice(0, 3)) {
        const { dropped } = parts(node).transport.counters
        assert.isTrue(Object.values(dropped).every((count) => count === 0))
      }
    })
  )

  scenario("keeps out a node that sends in the clear, and both sides report it", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong(1)
      const [a, b] = yield* clusterOf(lab, 2)
      yield* pass(2000)
      const from = lab.now
      const plain = yield* lab.start(9, { peers: [a!.address] })
      yield* pass(30_000)
      yield* assertTogether([a!, b!])
      yield* assertTogether([plain])
      assert.deepStrictEqual(unreadable(a!, from), [[1, "Unreadable Plaintext 9 at 10.0.0.9:7946"]])
      assert.deepStrictEqual(unreadable(b!), [])
      const heard = lab.sent((seen) => seen.from === "n9" && seen.to === "n1", from).length
      assert.isAtLeast(heard, 5)
      assert.strictEqual(parts(a!).transport.counters.dropped.Plaintext, heard)
      // Nobody answers it.
      assert.deepStrictEqual(
        lab.sent((seen) => seen.to === "n9", from),
        []
      )
    })
  )

  scenario("keeps out a node that has another key, and both report each other", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong(1, 2)
      const [a, b] = yield* clusterOf(lab, 2)
      yield* pass(2000)
      const from = lab.now
      const other = yield* lab.start(9, { peers: [a!.address], clusterKey: keyOf(2) })
      // The first has it for a peer too, as in a cluster whose key was changed at one node only.
      const third = yield* lab.start(3, { ...secret, peers: [a!.address, other.address] })
      yield* pass(30_000)
      yield* assertTogether([a!, b!, third])
      yield* assertTogether([other])
      assert.deepStrictEqual(unreadable(a!, from), [[1, "Unreadable OtherKey 9 at 10.0.0.9:7946"]])
      assert.deepStrictEqual(unreadable(other, from), [[1, "Unreadable OtherKey 3 at 10.0.0.3:7946"]])
      const heard = lab.sent((seen) => seen.from === "n9" && seen.to === "n1", from).length
      assert.strictEqual(parts(a!).transport.counters.dropped.NotOpened, heard)
    })
  )

  scenario("logs an unreadable source once, and again only after a minute, then two", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong(1)
      const { layer, lines } = journal()
      const a = yield* lab.start(1, secret).pipe(Effect.provide(layer))
      const plain = yield* lab.puppet(9)
      const times: Array<number> = []
      for (let second = 0; second < 480; second++) {
        for (let i = 0; i < 10; i++) {
          yield* plain.send({ _tag: "Ping", ...sender(9, 0, second), entries: [] }, a)
        }
        const before = lines.length
        yield* pass(1000)
        if (lines.length > before) times.push(second)
      }
      assert.deepStrictEqual(times, [0, 60, 180, 420])
      assert.strictEqual(lines.length, 4)
      for (const line of lines) {
        assert.include(line, "10.0.0.9:7946")
        assert.include(line, "not encrypted")
      }
      assert.strictEqual(unreadable(a).length, 4)
      assert.strictEqual(parts(a).transport.counters.dropped.Plaintext, 4800)
    })
  )

  scenario("and a name never merges with a cluster of the same key and another name, and both report it", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.rings.push(yield* Lab.ring([keyOf(1)], "blue"), yield* Lab.ring([keyOf(1)], "green"))
      const blue = yield* clusterOf(lab, 2, { ...secret, cluster: "blue" })
      const green = [
        yield* lab.start(11, { ...secret, cluster: "green", peers: [blue[0]!.address] }),
        yield* lab.start(12, { ...secret, cluster: "green", peers: ["10.0.0.11:7946", blue[1]!.address] })
      ]
      const nameless = yield* lab.start(21, { ...secret, peers: [blue[0]!.address] })
      yield* pass(60_000)
      yield* assertTogether(blue)
      yield* assertTogether(green)
      yield* assertTogether([nameless])
      assert.deepStrictEqual(
        unreadable(blue[0]!).map(([, what]) => what),
        ["Unreadable OtherKey 11 at 10.0.0.11:7946", "Unreadable OtherKey 21 at 10.0.0.21:7946"]
      )
      assert.deepStrictEqual(
        unreadable(blue[1]!).map(([, what]) => what),
        ["Unreadable OtherKey 12 at 10.0.0.12:7946"]
      )
    })
  )

  it.effect("and without a name reads the recorded datagrams of the older implementation", () =>
    Effect.gen(function* () {
      const lines = readFileSync(new URL("../vectors/encrypted.jsonl", import.meta.url), "utf8")
        .trim()
        .split("\n")
      assert.isAbove(lines.length, 0)
      for (const [i, line] of lines.entries()) {
        yield* virtual(
          Effect.gen(function* () {
            const packet: { readonly key: string; readonly hex: string; readonly plaintext_hex: string } =
              JSON.parse(line)
            const clusterKey = Result.getOrThrow(ClusterKey.fromText(packet.key))
            const payload = Uint8Array.from(Buffer.from(packet.hex, "hex"))
            const lab = yield* Lab.make()
            lab.rings.push(yield* Lab.ring([clusterKey]))
            const a = yield* lab.start(1, { clusterKey })
            const named = yield* lab.start(2, { clusterKey, cluster: "named" })
            yield* lab.forge(payload, "10.0.0.50:7946", a)
            yield* lab.forge(payload, "10.0.0.50:7946", named)
            yield* pass(10)
            const dropped = (node: LabNode) =>
              Object.entries(parts(node).transport.counters.dropped).filter(([, count]) => count > 0)
            assert.deepStrictEqual(dropped(a), [], `packet ${i}`)
            assert.deepStrictEqual(dropped(named), [["NotOpened", 1]], `packet ${i}`)
          })
        )
      }
    })
  )

  scenario("drops a sealed datagram whose inner and outer sender differ, counts it as forged and does not answer", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong(1)
      const [a, b] = yield* clusterOf(lab, 2)
      yield* pass(2000)
      const from = lab.now
      // A member with the key seals with its own id and claims another's inside.
      const message = bytesOf({ _tag: "Gossip", ...sender(2, 9, 9), entries: [claim("Alive", 2, "10.0.0.66:1", 9)] })
      const ring = yield* Lab.ring([keyOf(1)])
      const outside = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 3])
      const nonce = new Uint8Array(12)
      new Nonces((length) => new Uint8Array(length).fill(7)).next(nonce)
      const forged = new Uint8Array(36 + message.length)
      forged.set(nonce)
      forged.set(outside, 12)
      noble.cipher(new Uint8Array(32).fill(1)).seal(nonce, message, outside, forged, 20)
      assert.strictEqual(Reflect.get(ring.open(forged), "_tag"), "Forged")
      yield* lab.forge(forged, "10.0.0.3:7946", a!)
      yield* pass(500)
      assert.strictEqual(parts(a!).transport.counters.dropped.Forged, 1)
      assert.deepStrictEqual(story(a!, from), [])
      assert.strictEqual(yield* lab.status(a!, b!), "alive")
      assert.strictEqual(yield* lab.status(a!, 3n), "unknown")
    })
  )

  scenario("drops a sealed datagram with any one byte changed", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong(1)
      const [a] = yield* clusterOf(lab, 1)
      const message: Message.Message = { _tag: "Ping", ...sender(3), entries: [claim("Alive", 3, "10.0.0.3:7946")] }
      const sealed = lab.rings[0]!.seal(bytesOf(message))
      for (let at = 0; at < sealed.length; at++) {
        const changed = sealed.slice()
        changed[at]! ^= 1 << (at % 8)
        yield* lab.forge(changed, "10.0.0.3:7946", a!)
        if (at % 40 === 39) yield* pass(1000)
      }
      yield* pass(2000)
      assert.strictEqual(yield* lab.status(a!, 3n), "unknown")
      assert.strictEqual(parts(a!).transport.counters.dropped.NotOpened, sealed.length)
      yield* lab.forge(sealed, "10.0.0.3:7946", a!)
      yield* pass(2)
      assert.strictEqual(yield* lab.status(a!, 3n), "alive")
    })
  )
})

describe("encryption without a key", () => {
  const build = (config: ClusterConfig.ClusterConfig, lab: Lab) => {
    const host = lab.network.host("n1", ["10.0.0.1"])
    return Effect.scoped(
      Effect.exit(
        Layer.build(Layer.provide(Cluster.layer(config), host.layer)).pipe(
          Effect.map((context) => Context.get(context, Cluster.Cluster).bound)
        )
      )
    )
  }

  for (const encryption of ["accept", "required"] as const) {
    scenario(`${encryption} is an error of the options, and of the layer where a key file was never read`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const refused = ClusterConfig.make({ bind: "10.0.0.1:7946", encryption })
        assert.isTrue(Result.isFailure(refused))
        const named = Result.getOrThrow(
          ClusterConfig.make({
            bind: "10.0.0.1:7946",
            peers: ["10.0.0.2:7946"],
            encryption,
            clusterKeyFile: "/never/read"
          })
        )
        const exit = yield* build(named, lab)
        assert.isTrue(Exit.isFailure(exit))
        assert.include(String(exit), "NoKey")
        yield* pass(5000)
        assert.deepStrictEqual(lab.seen, [])
      })
    )
  }

  scenario("is required as soon as there is a key, and stays off if it is set to off", () =>
    Effect.gen(function* () {
      assert.strictEqual(Result.getOrThrow(ClusterConfig.make(secret)).network.encryption, "required")
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { ...secret, encryption: "off", peers: ["10.0.0.2:7946"] })
      yield* pass(5000)
      assert.isAbove(lab.seen.length, 0)
      assert.isTrue(lab.seen.every(({ sealed }) => !sealed))
      assert.isTrue(Context.get(a.context, Cluster.Cluster).keyRing._tag === "None")
    })
  )
})

describe("reports of unreadable sources", () => {
  const source = (n: number, port = 7946) =>
    PackedAddress.pack(
      NetAddress.inetAddressFromStringUnsafe(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}:${port}`)
    )

  it("are made at once, then after a minute, and then after waits that double up to an hour", () => {
    const rejections = new Rejections()
    const times: Array<number> = []
    for (let now = 0; now <= 8 * 3_600_000; now += 1000) {
      if (rejections.report("OtherKey", source(1), now)) times.push(now)
    }
    const waits = times.slice(1).map((time, i) => time - times[i]!)
    assert.strictEqual(times[0], 0)
    for (const [i, wait] of waits.entries()) assert.strictEqual(wait, Math.min(ReportFirst * 2 ** i, ReportLast))
    assert.include(waits, ReportLast)
  })

  it("are counted separately for each source and reason", () => {
    const rejections = new Rejections()
    assert.isTrue(rejections.report("OtherKey", source(1), 0))
    assert.isTrue(rejections.report("Plaintext", source(1), 0))
    assert.isTrue(rejections.report("OtherKey", source(1, 7947), 0))
    assert.isTrue(rejections.report("OtherKey", source(2), 0))
    for (const [reason, n, port] of [
      ["OtherKey", 1, 7946],
      ["Plaintext", 1, 7946],
      ["OtherKey", 1, 7947],
      ["OtherKey", 2, 7946]
    ] as const) {
      assert.isFalse(rejections.report(reason, source(n, port), ReportFirst - 1))
    }
  })

  it(`are at most ${MaxPerMinute} in any minute of the clock that began with one, however many sources there are`, () => {
    const rejections = new Rejections()
    let next = 0
    for (let minute = 0; minute < 5; minute++) {
      let reported = 0
      for (let i = 0; i < 6000; i++) {
        if (rejections.report("OtherKey", source(next++), minute * 60_000 + i * 10)) reported++
      }
      assert.strictEqual(reported, MaxPerMinute)
    }
  })

  it(`are remembered of ${MaxSources} sources: the source that was reported longest ago is forgotten first`, () => {
    const rejections = new Rejections()
    const minutes = MaxSources / MaxPerMinute
    const at = (n: number) => Math.floor(n / MaxPerMinute) * 60_000
    for (let n = 0; n < MaxSources; n++) assert.isTrue(rejections.report("OtherKey", source(n), at(n)))
    const now = minutes * 60_000
    // The second of them has been reported again, so the third goes when one more comes.
    assert.isTrue(rejections.report("OtherKey", source(0), now))
    assert.isTrue(rejections.report("OtherKey", source(1), now))
    assert.isTrue(rejections.report("OtherKey", source(MaxSources), now))
    assert.isFalse(rejections.report("OtherKey", source(0), now + ReportFirst))
    assert.isFalse(rejections.report("OtherKey", source(1), now + ReportFirst))
    // Forgotten, it is new, and waits a minute again where it would wait two.
    assert.isTrue(rejections.report("OtherKey", source(2), now))
    assert.isTrue(rejections.report("OtherKey", source(2), now + ReportFirst))
  })
})

describe("a message that is sealed", () => {
  scenario("reveals only the id of its sender and its length", () =>
    Effect.gen(function* () {
      const lab = yield* readAlong(1)
      const nodes = yield* clusterOf(lab, 3)
      yield* pass(12_000)
      yield* assertTogether(nodes)
      for (const seen of lab.seen) {
        const hex = Buffer.from(seen.payload).toString("hex")
        for (const { address } of entriesOf(seen.message)) {
          const packed = PackedAddress.pack(address)
          assert.notInclude(hex, Buffer.from(packed.subarray(0, PackedAddress.Ipv4Length)).toString("hex"))
        }
        assert.strictEqual(seen.bytes, bytesOf(seen.message).length + 36)
      }
    })
  )
})
