import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Random, Scope } from "effect"
import { NetAddress } from "effect/net"
import { SuspicionRaise } from "../../../src/domain/Claim.ts"
import * as NodeId from "../../../src/domain/NodeId.ts"
import { internetChecksum } from "../../../src/wire/Checksum.ts"
import { IndirectAck, RequestAck } from "../../../src/wire/Header.ts"
import type { MessageEntry } from "../../../src/wire/Message.ts"
import * as OldNode from "../../../src/simulation/level0/Level0Node.ts"
import type { Level0Change } from "../../../src/simulation/level0/Level0Table.ts"
import { Network } from "../../../src/transport/Network.ts"
import { isLong } from "../../Campaign.ts"
import { bytesOf, claim, entriesOf, Lab, type Puppet, sender, pass, scenario } from "../../cluster/Lab.ts"

const inet = NetAddress.inetAddressFromStringUnsafe

interface Running {
  readonly name: string
  readonly node: OldNode.Level0Node
  readonly scope: Scope.Closeable
  readonly detach: () => void
  readonly changes: ReadonlyArray<Level0Change>
}

/** Starts an older node with `number` as its id, at 10.0.0.number:7946. */
const start = (lab: Lab, number: number, options: Partial<OldNode.Level0NodeOptions> = {}) =>
  Effect.gen(function* () {
    const name = `n${number}`
    const { detach, network } = lab.network.host(name, [`10.0.0.${number}`])
    const scope = yield* Scope.make()
    const node = yield* OldNode.make({
      id: NodeId.fromWords(0, number),
      bind: inet(`10.0.0.${number}:7946`),
      peers: [inet("10.0.0.1:7946")],
      ...options
    }).pipe(Effect.provideService(Network, network), Scope.provide(scope), Random.withSeed(name))
    const changes: Array<Level0Change> = []
    node.onChange((change) => changes.push(change))
    const running: Running = { name, node, scope, detach, changes }
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        const closing = yield* close(running)
        // A LEAVE that nobody receives is sent for 2 s.
        yield* pass(2000)
        yield* Fiber.join(closing)
      })
    )
    return running
  })

const close = ({ scope }: Running) => Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true })

const cluster = (lab: Lab, size: number, options: Partial<OldNode.Level0NodeOptions> = {}) =>
  Effect.gen(function* () {
    const nodes: Array<Running> = []
    for (let number = 1; number <= size; number++) nodes.push(yield* start(lab, number, options))
    return nodes
  })

/** What a node lists: `2 alive`. */
const listed = ({ node }: Running) => node.members().map(({ id, status }) => `${id} ${status}`)

const story = ({ changes }: Running, from = 0) =>
  changes.filter(({ at }) => at >= from).map(({ id, previous, status }) => `${id}: ${previous} -> ${status}`)

/** Sends nothing by itself, and suspects nobody. */
const silent = { gossipInterval: 3_600_000, probeInterval: 3_600_000, antiEntropyInterval: 0, peers: [] } as const

/** Sends claims to a node, in a message that only shows that its sender exists. */
const tell = (puppet: Puppet, to: Running, ...entries: ReadonlyArray<MessageEntry>) =>
  Effect.andThen(
    puppet.send({ _tag: "Gossip", ...sender(99), entries }, NetAddress.formatInet(to.node.address)),
    pass(1)
  )

const tagsSent = (lab: Lab, by: Running, from: number) =>
  new Set(lab.sent((seen) => seen.from === by.name, from).map(({ message }) => message._tag))

describe("nodes of level 0 alone", () => {
  scenario("find each other through a peer, and stay together", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* cluster(lab, 5)
      // Measured: 2 ms, by the first gossip.
      yield* pass(1000)
      for (const { node } of nodes) assert.deepStrictEqual(node.counts(), { alive: 5, suspect: 0, dead: 0 })
      yield* pass(120_000)
      for (const one of nodes) assert.deepStrictEqual(story(one, 1000), [])
    })
  )

  scenario("list a peer under an invented id until it sends a message, and pass it on to nobody", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const late = yield* start(lab, 2, { suspectTimeout: 600_000 })
      const listener = yield* lab.puppet(3)
      yield* tell(listener, late)
      const invented = late.node.members().find(({ address }) => NetAddress.formatInet(address) === "10.0.0.1:7946")!
      assert.strictEqual(invented.status, "alive")
      yield* pass(60_000)
      assert.strictEqual(late.node.members().length, 3)
      const named = listener.received.flatMap(({ message }) => entriesOf(message).map(({ nodeId }) => Number(nodeId)))
      assert.deepStrictEqual([...new Set(named)].sort(), [2, 99])
      // It gets a PING every second, for ever, although another member is known.
      const first = yield* start(lab, 1, { peers: [] })
      yield* pass(1100)
      assert.include(listed(first), "2 alive")
      assert.isFalse(late.node.members().some(({ id }) => id === invented.id))
      assert.include(listed(late), "1 alive")
    })
  )

  scenario("declare a killed node dead within 10 s, list it for 15 s more and pass its death on for ever", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* cluster(lab, 5)
      yield* pass(20_100)
      const [victim, ...others] = nodes.toReversed()
      victim!.detach()
      yield* close(victim!)
      const from = lab.now
      // The suspicion, of 6.5 to 7.5 s, begins within two probes. Measured: 7.8 s in all.
      yield* pass(10_000)
      for (const other of others) {
        assert.deepStrictEqual(story(other, from), ["5: alive -> suspect", "5: suspect -> dead"])
        assert.include(listed(other), "5 dead")
      }
      yield* pass(15_000)
      for (const { node } of others) assert.deepStrictEqual(node.counts(), { alive: 4, suspect: 0, dead: 0 })
      yield* pass(isLong ? 600_000 : 60_000)
      const late = lab.sent(({ message }) => message._tag === "Gossip", lab.now - 1000)
      assert.isAbove(late.length, 0)
      for (const { message } of late) {
        const about = entriesOf(message).find(({ nodeId }) => nodeId === 5n)
        assert.strictEqual(about?.status, "Dead")
        // No claim raised its heartbeat by 2^20.
        assert.isBelow(about!.heartbeat, SuspicionRaise)
      }
    })
  )

  scenario("send LEAVE to all members when they end, and end after an empty ACK from each", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* cluster(lab, 5)
      yield* pass(20_100)
      const [leaver, ...others] = nodes.toReversed()
      const from = lab.now
      const closing = yield* close(leaver!)
      yield* pass(2)
      yield* Fiber.join(closing)
      for (const other of others) assert.deepStrictEqual(story(other, from), ["5: alive -> dead"])
      const said = lab.sent(({ message }) => message._tag === "Leave", from)
      assert.deepStrictEqual(said.map(({ message, to }) => [to, message.flags]).toSorted(), [
        ["n1", RequestAck],
        ["n2", RequestAck],
        ["n3", RequestAck],
        ["n4", RequestAck]
      ])
      const acks = lab.sent(({ message }) => message._tag === "Ack", from)
      assert.deepStrictEqual(
        acks.map(({ message }) => entriesOf(message).length),
        [0, 0, 0, 0]
      )
      yield* pass(60_000)
      for (const other of others) assert.deepStrictEqual(story(other, from), ["5: alive -> dead"])
    })
  )

  scenario("send LEAVE four times in 2 s to a member that does not answer; any ACK from it counts", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const leaver = yield* start(lab, 1, silent)
      const mute = yield* lab.puppet(2)
      const talker = yield* lab.puppet(3)
      yield* mute.send({ _tag: "Gossip", ...sender(2), entries: [] }, "10.0.0.1:7946")
      yield* talker.send({ _tag: "Gossip", ...sender(3), entries: [] }, "10.0.0.1:7946")
      yield* pass(1)
      const from = lab.now
      const leaving = yield* Effect.forkChild(leaver.node.leave, { startImmediately: true })
      yield* pass(700)
      // An ACK of something else with a Dead claim, which a leaving node does not refute.
      const dead = claim("Dead", 1, "10.0.0.1:7946")
      yield* talker.send({ _tag: "Ack", ...sender(3, 0, 1, IndirectAck), entries: [dead] }, "10.0.0.1:7946")
      yield* pass(1300)
      yield* Fiber.join(leaving)
      assert.strictEqual(leaver.node.incarnation(), 0)
      const leaves = (by: Puppet) => by.received.map(({ at, message }) => [at - from, message._tag])
      assert.deepStrictEqual(
        leaves(mute),
        [1, 501, 1001, 1501].map((at) => [at, "Leave"])
      )
      assert.deepStrictEqual(
        leaves(talker),
        [1, 501].map((at) => [at, "Leave"])
      )
    })
  )

  scenario(
    "suspect each other over one cut link, since they have no relays, until the third passes on newer heartbeats",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const nodes = yield* cluster(lab, 3)
        yield* pass(20_100)
        const from = lab.now
        lab.network.separate(["n2"], ["n3"], true)
        yield* pass(60_000)
        const [, second, third] = nodes
        assert.isAbove(story(second!, from).filter((what) => what === "3: alive -> suspect").length, 5)
        assert.isAbove(story(third!, from).filter((what) => what === "2: alive -> suspect").length, 5)
        assert.include(story(second!, from), "3: suspect -> alive")
        for (const { changes } of nodes) assert.isFalse(changes.some(({ status }) => status === "dead"))
        // They asked, and the third node passed no ACK on.
        const asked = lab.sent(
          ({ from: by, message, to }) => by === "n2" && to === "n1" && message._tag === "PingReq",
          from
        )
        assert.isAbove(asked.length, 5)
        assert.deepStrictEqual(
          lab.sent(({ message }) => message.flags !== 0, from),
          []
        )
      })
  )

  scenario("find each other without GOSSIP in a cluster of sixty, where it is too long to be sent", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.watching = false
      const nodes = yield* cluster(lab, 60)
      // By PINGs, ACKs and anti-entropy; its third round completes it.
      yield* pass(35_000)
      for (const { node } of nodes) assert.strictEqual(node.counts().alive, 60)
      lab.watching = true
      const from = lab.now
      yield* pass(10_000)
      for (const one of nodes) {
        assert.deepStrictEqual(tagsSent(lab, one, from), new Set(["Ping", "Ack", "AntiEntropy"]))
        assert.isAbove(one.node.counters.unsent, 50)
      }
    })
  )
})

describe("a node of level 0", () => {
  const nine = "10.0.0.9:7946"

  for (const [held, told, kept] of [
    // A higher incarnation wins with any status.
    [claim("Dead", 9, nine, 1, 5), claim("Alive", 9, nine, 2, 0), "alive"],
    [claim("Alive", 9, nine, 2, 0), claim("Dead", 9, nine, 1, 9), "alive"],
    // At equal incarnations a lower heartbeat loses, also with Dead.
    [claim("Alive", 9, nine, 1, 5), claim("Suspect", 9, nine, 1, 4), "alive"],
    [claim("Alive", 9, nine, 1, 5), claim("Dead", 9, nine, 1, 4), "alive"],
    [claim("Suspect", 9, nine, 1, 5), claim("Dead", 9, nine, 1, 4), "suspect"],
    // At equal heartbeats the more severe status wins.
    [claim("Alive", 9, nine, 1, 5), claim("Suspect", 9, nine, 1, 5), "suspect"],
    [claim("Suspect", 9, nine, 1, 5), claim("Alive", 9, nine, 1, 5), "suspect"],
    [claim("Suspect", 9, nine, 1, 5), claim("Dead", 9, nine, 1, 5), "dead"],
    // A higher heartbeat wins with its status, except over Dead.
    [claim("Suspect", 9, nine, 1, 5), claim("Alive", 9, nine, 1, 6), "alive"],
    [claim("Suspect", 9, nine, 1, 5 + SuspicionRaise), claim("Alive", 9, nine, 1, 6), "suspect"],
    [claim("Alive", 9, nine, 1, 5), claim("Dead", 9, nine, 1, 6), "dead"],
    [claim("Dead", 9, nine, 1, 5), claim("Alive", 9, nine, 1, 6), "dead"]
  ] as const) {
    const text = ({ heartbeat, incarnation, status }: MessageEntry) => `${status} ${incarnation}/${heartbeat}`
    scenario(`that holds ${text(held)} and is told ${text(told)} holds it ${kept}`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const one = yield* start(lab, 1, silent)
        const teller = yield* lab.puppet(2)
        yield* tell(teller, one, held)
        yield* tell(teller, one, told)
        assert.include(listed(one), `9 ${kept}`)
      })
    )
  }

  scenario("that hears of a death first and another that hears of a life first disagree for ever", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      // They gossip with each other and probe nobody.
      const unprobed = { probeInterval: 3_600_000 }
      const one = yield* start(lab, 1, unprobed)
      const other = yield* start(lab, 2, unprobed)
      const teller = yield* lab.puppet(3)
      yield* pass(1000)
      // Between two rounds of gossip.
      yield* Effect.all([
        tell(teller, one, claim("Dead", 9, nine, 0, 5)),
        tell(teller, other, claim("Alive", 9, nine, 0, 6))
      ])
      for (let minutes = 0; minutes < 10; minutes++) {
        yield* pass(60_000)
        assert.notInclude(listed(one), "9 alive")
        assert.include(listed(other), "9 alive")
      }
    })
  )

  scenario("suspects a member for the time of the formula, however often it hears of the suspicion", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const one = yield* start(lab, 1, { ...silent, gossipInterval: 100, suspectJitter: 0 })
      const teller = yield* lab.puppet(2)
      for (let heartbeat = 0; heartbeat < 5; heartbeat++) {
        yield* tell(teller, one, claim("Suspect", 9, nine, 0, heartbeat))
        yield* pass(999)
      }
      yield* pass(1000)
      const [suspected, died] = one.changes.filter(({ id }) => id === 9n)
      assert.strictEqual(died?.status, "dead")
      // Two members then, since the entry was merged before the header of its sender. It ends at a gossip round.
      assert.approximately(died!.at - suspected!.at, 3000 * (1 + 0.5 * Math.log2(2)) + 50, 50)
    })
  )

  scenario("refutes with its own incarnation + 1, however far ahead the claim is, and ignores a former life", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const one = yield* start(lab, 1, { ...silent, incarnation: 4 })
      const teller = yield* lab.puppet(2)
      const incarnations: Array<number> = []
      for (const about of [
        claim("Suspect", 1, "10.0.0.1:7946", 3, 900),
        claim("Alive", 1, "10.0.0.1:7946", 9, 900),
        claim("Suspect", 1, "10.0.0.1:7946", 9, 0),
        claim("Dead", 1, "10.0.0.1:7946", 9, 0),
        claim("Dead", 1, "10.0.0.1:7946", 6, 0),
        claim("Dead", 1, "10.0.0.1:7946", 6, 0)
      ]) {
        yield* tell(teller, one, about)
        incarnations.push(one.node.incarnation())
      }
      assert.deepStrictEqual(incarnations, [4, 4, 5, 6, 7, 7])
    })
  )

  scenario("that gets a PING_REQ pings the target, and passes its ACK on to nobody", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      yield* start(lab, 1, silent)
      const asker = yield* lab.puppet(2)
      const target = yield* lab.puppet(3)
      const targetId = NodeId.fromWords(0, 3)
      yield* asker.send({ _tag: "PingReq", ...sender(2), targetId, targetAddress: target.address }, "10.0.0.1:7946")
      yield* pass(2)
      assert.deepStrictEqual(
        target.received.map(({ message }) => message._tag),
        ["Ping"]
      )
      yield* target.send({ _tag: "Ack", ...sender(3), entries: [] }, "10.0.0.1:7946")
      yield* pass(60_000)
      assert.deepStrictEqual(asker.received, [])
    })
  )

  scenario("takes the ACK of a relay for an answer of the relay itself, and suspects the target", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const target = yield* lab.puppet(2)
      const one = yield* start(lab, 1, { gossipInterval: 100, antiEntropyInterval: 0 })
      yield* target.send({ _tag: "Gossip", ...sender(2, 0, 7), entries: [] }, "10.0.0.1:7946")
      yield* pass(1001)
      // The probe of the first second.
      assert.include(
        target.received.map(({ message }) => message._tag),
        "Ping"
      )
      const relay = yield* lab.puppet(3)
      const about = claim("Alive", 2, "10.0.0.2:7946", 0, 7)
      yield* relay.send({ _tag: "Ack", ...sender(3, 0, 1, IndirectAck), entries: [about] }, "10.0.0.1:7946")
      yield* pass(1000)
      assert.include(listed(one), "2 suspect")
      assert.strictEqual(one.node.members().find(({ id }) => id === 2n)?.heartbeat, 7)
    })
  )

  scenario("sends GOSSIP of 58 members and none of 59; PINGs, ACKs and chunks stay short", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const one = yield* start(lab, 1, { peers: [], probeInterval: 1000, suspectTimeout: 600_000 })
      const teller = yield* lab.puppet(99)
      const told = Array.from({ length: 57 }, (_, i) => claim("Alive", 100 + i, `10.1.0.${i}:7946`))
      yield* tell(teller, one, ...told.slice(0, 28))
      yield* tell(teller, one, ...told.slice(28, 56))
      yield* pass(1000)
      const gossips = lab.sent(({ from, message }) => from === "n1" && message._tag === "Gossip")
      // 56 that it was told of, the teller and itself.
      assert.strictEqual(entriesOf(gossips.at(-1)!.message).length, 58)
      // 50 times ceil(log2 58) entries may stand in it, 6 times 1 members get it in a round, and there are 5 a second.
      assert.isAtLeast(gossips.length, 25)
      yield* tell(teller, one, told[56]!)
      const from = lab.now
      yield* pass(60_000)
      assert.deepStrictEqual(tagsSent(lab, one, from), new Set(["Ping", "PingReq", "AntiEntropy"]))
      assert.isAbove(one.node.counters.unsent, 200)
      for (const { bytes, message } of lab.sent((seen) => seen.from === "n1", from)) {
        if (message._tag === "Ping") assert.strictEqual(entriesOf(message).length, 7)
        if (message._tag === "AntiEntropy") assert.isAtMost(bytes, 1200)
      }
      const chunks = lab.sent(({ from: by, message }) => by === "n1" && message._tag === "AntiEntropy", from)
      const [first, second] = chunks.map(({ message }) => message)
      const all = [...entriesOf(first!), ...entriesOf(second!)].map(({ nodeId }) => nodeId)
      assert.strictEqual(new Set(all).size, 59)
    })
  )

  scenario("without adaptive fanout gossips its 50 newest members, however many there are", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const one = yield* start(lab, 1, { ...silent, gossipInterval: 200, adaptiveFanout: false, heartbeatInterval: 1 })
      const teller = yield* lab.puppet(99)
      const told = Array.from({ length: 57 }, (_, i) => claim("Alive", 100 + i, `10.1.0.${i}:7946`))
      yield* tell(teller, one, ...told.slice(0, 28))
      yield* tell(teller, one, ...told.slice(28))
      const from = lab.now
      yield* pass(1000)
      const [gossip] = lab.sent((seen) => seen.from === "n1", from)
      const ids = entriesOf(gossip!.message).map(({ nodeId }) => Number(nodeId))
      assert.strictEqual(ids.length, 50)
      // Itself, and then the newest entries; the second message of the sender had nothing new about the sender.
      assert.deepStrictEqual(ids.slice(0, 4), [1, 156, 155, 154])
    })
  )

  scenario("does not know messages of later levels, levels, or flags other than REQUEST_ACK", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const one = yield* start(lab, 1, silent)
      const peer = yield* lab.puppet(2)
      const later = bytesOf({ _tag: "Ping", ...sender(2), entries: [] })
      for (const kind of [0x20, 0x21, 0x22, 0x23, 0x24, 0x26]) {
        later[1] = kind
        later.fill(0, 22)
        const sum = internetChecksum(later, 0, later.length)
        later.set([sum >>> 8, sum & 0xff], 22)
        lab.watching = false
        yield* peer.sendBytes(later.slice(), "10.0.0.1:7946")
        yield* pass(1)
      }
      assert.strictEqual(one.node.counters.rejected, 6)
      assert.strictEqual(one.node.counters.received, 0)
      yield* peer.send(
        { _tag: "Gossip", ...sender(2, 0, 0, 0xff & ~RequestAck), level: 200, entries: [] },
        "10.0.0.1:7946"
      )
      yield* pass(2)
      assert.deepStrictEqual(peer.received, [])
      yield* peer.send({ _tag: "Gossip", ...sender(2, 0, 0, RequestAck), level: 200, entries: [] }, "10.0.0.1:7946")
      yield* pass(2)
      assert.deepStrictEqual(
        peer.received.map(({ message }) => [message._tag, message.level, message.flags]),
        [["Ack", 0, 0]]
      )
    })
  )

  scenario("survives any bytes", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.watching = false
      const one = yield* start(lab, 1, { peers: [], suspectTimeout: 100 })
      const peer = yield* lab.puppet(2)
      const strange = [
        claim("Suspect", 0, "0.0.0.0:0", 0xffffffff, 0xffffffff),
        claim("Dead", 0xffff_ffff_ffff_ffffn, "255.255.255.255:65535", 0x80000000, 0x7fffffff),
        claim("Alive", 7, "[::ffff:10.0.0.7]:1", 5, 5),
        claim("Alive", 8, "[ff02::1]:0"),
        claim("Dead", 1, "[::]:0", 0x80000000)
      ]
      const whole = [
        bytesOf({ _tag: "Gossip", ...sender(2), entries: strange }),
        bytesOf({
          _tag: "AntiEntropy",
          ...sender(2),
          tableVersion: 2n ** 64n - 1n,
          chunkIndex: 9,
          totalChunks: 0,
          entries: strange
        }),
        bytesOf({ _tag: "PingReq", ...sender(2), targetId: NodeId.fromWords(0, 1), targetAddress: inet("0.0.0.0:0") }),
        bytesOf({ _tag: "Leave", ...sender(77) }),
        bytesOf({ _tag: "Leave", ...sender(1) }),
        bytesOf({ _tag: "Ping", ...sender(1), entries: strange })
      ]
      const random = yield* Random.Random
      const byte = () => Math.floor(random.nextDoubleUnsafe() * 256)
      for (let i = 0; i < 2000; i++) {
        const bytes = whole[i % whole.length]!.slice(0, i % 7 === 0 ? byte() : undefined)
        if (i >= whole.length && bytes.length > 0) bytes[byte() % bytes.length] = byte()
        yield* peer.sendBytes(bytes, "10.0.0.1:7946")
        yield* pass(10)
      }
      assert.isAbove(one.node.counters.rejected, 1000)
      yield* peer.send({ _tag: "Ping", ...sender(2), entries: [] }, "10.0.0.1:7946")
      peer.received.length = 0
      yield* pass(2)
      assert.isTrue(peer.received.some(({ message }) => message._tag === "Ack"))
    })
  )

  scenario("understands every recorded packet", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.watching = false
      const one = yield* start(lab, 1, silent)
      const peer = yield* lab.puppet(2)
      const lines = readFileSync(join(import.meta.dirname, "../../vectors/plain.jsonl"), "utf8")
        .trim()
        .split("\n")
      for (const line of lines) {
        const hex = /"hex": ?"([0-9a-f]+)"/.exec(line)![1]!
        yield* peer.sendBytes(Uint8Array.from(Buffer.from(hex, "hex")), "10.0.0.1:7946")
        yield* pass(1)
      }
      assert.deepInclude(one.node.counters, { received: lines.length, rejected: 0 })
    })
  )
})
