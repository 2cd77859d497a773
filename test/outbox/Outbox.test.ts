import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as NodeId from "../../src/domain/NodeId.ts"
import type { Outbox } from "../../src/outbox/Outbox.ts"
import { Kind, RequestAck } from "../../src/wire/Header.ts"
import type * as Message from "../../src/wire/Message.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import { SectionType } from "../../src/wire/sections/Section.ts"
import {
  bytesOf,
  claim,
  entriesOf,
  keyOf,
  Lab,
  type LabNode,
  parts,
  sender,
  pass,
  scenario,
  virtual
} from "../cluster/Lab.ts"

/** Nodes that do nothing on their own for a while. */
const silent = {
  gossip: { interval: 6_000_000, antiEntropyInterval: 0, healInterval: 6_000_000 },
  probes: { interval: 6_000_000, timeout: 3_000_000, suspectTimeout: 6_000_000 }
} as const

const Stranger = 50
const strangerAddress = "10.0.0.50:7946"
const own = (heartbeat: number) => claim("Alive", Stranger, strangerAddress, 0, heartbeat)

const outboxOf = (node: LabNode): Outbox["Service"] => parts(node).outbox

/** The bytes that a node sends to the stranger after it got a message from there, per byte of that message. */
const amplification = (lab: Lab, node: LabNode, message: Message.Message) =>
  Effect.gen(function* () {
    const payload = bytesOf(message)
    const from = lab.now
    yield* lab.forge(payload, strangerAddress, node)
    yield* pass(10)
    const sent = lab.sent(({ from: by }) => by === node.name, from).reduce((sum, { bytes }) => sum + bytes, 0)
    return sent / payload.length
  })

describe("Outbox", () => {
  // A Suspect sender is told its entry, and then gets a PING as the target of its own PING_REQ.
  for (const encryption of ["off", "accept"] as const) {
    scenario(`counts PINGs to an unproved source on the reply budget, with encryption ${encryption}`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        lab.rings.push(yield* Lab.ring([keyOf(1)]))
        const node = yield* lab.start(
          1,
          encryption === "off" ? silent : { ...silent, encryption, clusterKey: keyOf(1) }
        )
        lab.network.host("stranger", ["10.0.0.50"])
        yield* amplification(lab, node, { _tag: "Gossip", ...sender(Stranger, 0, 1), entries: [own(1)] })
        const suspicion = claim("Suspect", Stranger, strangerAddress, 0, 2 ** 20)
        yield* lab.forge(
          bytesOf({ _tag: "Gossip", ...sender(60), entries: [suspicion, claim("Alive", 60, "10.0.0.60:1")] }),
          "10.0.0.60:1",
          node
        )
        yield* pass(5000)
        assert.strictEqual(yield* lab.status(node, BigInt(Stranger)), "suspect")
        const target = own(0)
        for (const flags of [0, RequestAck]) {
          const ratio = yield* amplification(lab, node, {
            _tag: "PingReq",
            ...sender(Stranger, 0, 5 + flags, flags),
            targetId: target.nodeId,
            targetAddress: target.address
          })
          assert.isAbove(ratio, 1)
          assert.isAtMost(ratio, 3)
          yield* pass(5000)
        }
      })
    )
  }

  scenario("counts a PING on the budget twice when it goes out sealed and in the clear", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.rings.push(yield* Lab.ring([keyOf(1)]))
      const node = yield* lab.start(1, { ...silent, encryption: "accept", clusterKey: keyOf(1) })
      lab.network.host("stranger", ["10.0.0.50"])
      // A member at the same address that has not spoken, so that nobody knows which form it reads.
      const silentMember = claim("Alive", 51, strangerAddress)
      yield* amplification(lab, node, {
        _tag: "Gossip",
        ...sender(Stranger, 0, 1),
        entries: [own(1), silentMember]
      })
      const ratio = yield* amplification(lab, node, {
        _tag: "PingReq",
        ...sender(Stranger, 0, 5),
        targetId: silentMember.nodeId,
        targetAddress: silentMember.address
      })
      assert.isAtMost(ratio, 3)
    })
  )

  scenario("queues the changes that the view reports, and not the members that others cannot reach", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* lab.start(1, silent)
      const puppet = yield* lab.puppet(9)
      const { queue } = outboxOf(node)
      assert.strictEqual(queue.size, 0)
      // Known only by where it spoke from.
      yield* puppet.send({ _tag: "Gossip", ...sender(9), entries: [] }, node)
      yield* pass(2)
      assert.strictEqual(queue.size, 0)
      yield* puppet.send({ _tag: "Gossip", ...sender(9, 0, 1), entries: [claim("Alive", 9, "10.0.0.9:7946")] }, node)
      yield* pass(2)
      assert.strictEqual(queue.size, 1)
      yield* puppet.send({ _tag: "Gossip", ...sender(9, 0, 2), entries: [claim("Suspect", 1, node.address)] }, node)
      yield* pass(2)
      assert.strictEqual(queue.size, 2)
    })
  )

  for (const [waiting, left] of [
    [40, 40],
    [60, 30]
  ] as const) {
    scenario(`of ${waiting} changes keeps ${left} that wait, when others pass 30 on too`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const node = yield* lab.start(1, silent)
        const puppet = yield* lab.puppet(9)
        const { queue } = outboxOf(node)
        const told = Array.from({ length: waiting }, (_, i) => claim("Alive", 100 + i, `10.1.0.${i}:1`))
        let heartbeat = 0
        const tell = (entries: typeof told) =>
          Effect.andThen(puppet.send({ _tag: "Gossip", ...sender(9, 0, heartbeat++), entries }, node), pass(2))
        yield* tell(told.slice(0, 30))
        yield* tell(told.slice(30))
        assert.strictEqual(queue.size, waiting)
        // A claim that lost says nothing about the one that waits.
        for (let i = 0; i < 4; i++) yield* tell([claim("Suspect", 100, "10.1.0.0:1", -1 >>> 0)])
        assert.strictEqual(queue.size, waiting)
        for (let i = 0; i < 3; i++) yield* tell(told.slice(0, 30))
        assert.strictEqual(queue.size, waiting)
        yield* tell(told.slice(0, 30))
        assert.strictEqual(queue.size, left)
        // A crowd ends when few are left, and not as soon as they fit into a message.
        for (let i = 0; i < 4; i++) yield* tell(told.slice(30))
        assert.strictEqual(queue.size, waiting === left ? left : 0)
      })
    )
  }

  for (const [waiting, left] of [
    [40, 40],
    [60, 30]
  ] as const) {
    scenario(`of the tags of ${waiting} members keeps ${left} that wait, when others pass 30 on too`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const node = yield* lab.start(1, { ...silent, extensions: {} })
        const puppet = yield* lab.puppet(9)
        const { tags } = outboxOf(node)
        // Our own tags wait as well.
        const before = tags.size
        const told = Array.from({ length: waiting }, (_, i) => claim("Alive", 100 + i, `10.1.0.${i}:1`))
        let heartbeat = 0
        const tell = (from: number, to: number) => {
          const entries = told.slice(from, to)
          const message: Message.Message = {
            _tag: "Gossip1",
            ...sender(9, 0, heartbeat++),
            entries,
            tags: entries.map(({ nodeId }) => ({ nodeId, incarnation: 0, version: 1, tags: { a: "b" } }))
          }
          return Effect.andThen(puppet.send(message, node), pass(2))
        }
        for (let from = 0; from < waiting; from += 15) yield* tell(from, Math.min(from + 15, waiting))
        assert.strictEqual(tags.size - before, waiting)
        for (let i = 0; i < 3; i++) for (const from of [0, 15]) yield* tell(from, from + 15)
        assert.strictEqual(tags.size - before, waiting)
        for (const from of [0, 15]) yield* tell(from, from + 15)
        assert.strictEqual(tags.size - before, left)
      })
    )
  }

  scenario("passes a refutation on, and stops when all have it", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      // The other acknowledges a PING with the new entry before a round of gossip.
      const options = { extensions: {}, gossip: { interval: 5000 }, probes: { interval: 200, timeout: 100 } }
      const a = yield* lab.start(1, options)
      yield* lab.start(2, { ...options, peers: [a.address] })
      yield* pass(100_000)
      const suspicion = claim("Suspect", 1, a.address, 0, 2 ** 20)
      yield* lab.forge(bytesOf({ _tag: "Gossip", ...sender(2, 0, 1), entries: [suspicion] }), "10.0.0.2:7946", a)
      yield* pass(30_000)
      assert.strictEqual(parts(a).view.incarnation, 1)
      assert.strictEqual(outboxOf(a).queue.size, 0)
    })
  )

  scenario("sends to a packed address, to a member, and back along the path of a message", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, silent)
      yield* lab.start(2, { ...silent, peers: [a.address] })
      yield* pass(100)
      const { packer, send, sendTo } = outboxOf(a)
      const { table } = parts(a).view
      const slot = table.index.get(0, 2)
      const from = lab.now
      send(slot, packer.leave(0))
      sendTo(table.packedAddress(slot), packer.contact())
      yield* pass(10)
      const sent = lab.sent(({ from: by, to }) => by === "n1" && to === "n2", from)
      assert.deepStrictEqual(
        sent.map(({ message }) => message._tag),
        ["Leave", "Ping"]
      )
      assert.deepStrictEqual(
        entriesOf(sent[1]!.message).map(({ nodeId }) => nodeId),
        [a.id]
      )
    })
  )

  /** The PINGs from one node to another since a time: their form and size, and whether they carry the sender's entry. */
  const pings = (lab: Lab, from: string, to: string, since: number) =>
    lab
      .sent((seen) => seen.from === from && seen.to === to && seen.message._tag.startsWith("Ping"), since)
      .map(({ bytes, message }) => {
        const entries = "entries" in message ? (message.entries ?? []) : []
        const own = entries.some(({ nodeId }) => nodeId === message.senderId)
        return `${message._tag} ${bytes}${own ? " with own entry" : ""}`
      })

  describe("between members of level 1", () => {
    const quick = {
      extensions: {},
      gossip: { antiEntropyInterval: 0 },
      probes: { interval: 200, timeout: 100 }
    }

    scenario("speaks version 1 first, and then leaves our own entry out of PINGs once it is acknowledged", () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const a = yield* lab.start(1, quick)
        yield* lab.start(2, { ...quick, peers: [a.address] })
        yield* pass(3000)
        const sent = pings(lab, "n2", "n1", 0)
        assert.match(sent[0]!, /^Ping \d+ with own entry$/)
        assert.strictEqual(sent.filter((ping) => ping.includes("own entry")).length, 2)
        assert.deepStrictEqual([...new Set(sent.slice(3))], ["Ping1 39"])
        // With the switch off it is always in them.
        const c = yield* lab.start(3, { ...quick, extensions: { smallProbes: false }, peers: [a.address] })
        const from = lab.now
        yield* pass(3000)
        assert.isTrue(pings(lab, "n3", "n1", from).every((ping) => ping.includes("own entry")))
        assert.isAbove(pings(lab, "n3", "n1", from).length, 3)
        assert.strictEqual(parts(c).view.table.live, 3)
      })
    )

    scenario("sends our own entry again in a new incarnation, until it is acknowledged", () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const a = yield* lab.start(1, quick)
        yield* lab.start(2, { ...quick, peers: [a.address] })
        yield* pass(100_050)
        const from = lab.now
        parts(a).view.raiseIncarnation(0, false, lab.now)
        yield* pass(3000)
        const [first, ...rest] = pings(lab, "n1", "n2", from)
        // With its tags, which are of the new incarnation too.
        assert.strictEqual(first, "Ping1 99 with own entry")
        assert.deepStrictEqual([...new Set(rest)], ["Ping1 39"])
      })
    )

    /** Node 1, which has run for a while, and a puppet that speaks level 1 and of which node 1 knows. */
    const withPuppet = (runs: number) =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const node = yield* lab.start(1, quick)
        yield* pass(runs)
        const puppet = yield* lab.puppet(9)
        let heartbeat = 0
        const header = (): Message.Sender => ({ ...sender(9, 0, heartbeat++), level: 1 })
        const entries = [claim("Alive", 9, "10.0.0.9:7946")]
        yield* puppet.send({ _tag: "Gossip", ...header(), entries }, node)
        return { lab, node, puppet, header }
      })

    it.effect("leaves our own entry out a minute after it was news, and sends it to who asks for it", () =>
      Effect.gen(function* () {
        for (const [runs, news] of [
          [1050, true],
          [59_050, true],
          [61_050, false]
        ] as const) {
          yield* virtual(
            Effect.gen(function* () {
              const { header, lab, node, puppet } = yield* withPuppet(runs)
              yield* pass(200)
              const [first] = pings(lab, "n1", "n9", 0)
              assert.strictEqual(first, news ? "Ping1 99 with own entry" : "Ping1 39")
              // An ACK with an empty section of entries asks for it.
              const writer = new MessageWriter()
              const { heartbeat } = header()
              const [ping] = puppet.received.splice(0)
              const sequence = ping?.message._tag === "Ping1" ? (ping.message.probe?.sequence ?? -1) : -1
              Object.assign(writer.header, { idHi: 0, idLo: 9, heartbeat, incarnation: 0, level: 1 })
              writer.beginSectioned(Kind.Ack, 0)
              writer.ackProbe(sequence)
              writer.beginSection(SectionType.Entries)
              writer.keepSection()
              const from = lab.now
              yield* puppet.sendBytes(writer.finish(), node)
              yield* pass(200)
              const second = pings(lab, "n1", "n9", from)
              assert.lengthOf(second, 1)
              assert.match(second[0]!, /^Ping1 \d+ with own entry$/)
            })
          )
        }
      })
    )

    scenario("asks for the entry of a member in the ACK to a PING without it, also while our own entry is news", () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const node = yield* lab.start(1, quick)
        const puppet = yield* lab.puppet(9)
        const probe = { sequence: 5, targetId: NodeId.fromWords(0, 1) }
        const ping = (heartbeat: number, entries?: ReadonlyArray<Message.MessageEntry>) => ({
          _tag: "Ping1" as const,
          ...sender(9, 0, heartbeat),
          level: 1,
          probe,
          ...(entries === undefined ? {} : { entries })
        })
        /** The entries of each ACK, or else its bytes: an empty section has 3. */
        const acks = () =>
          puppet.received
            .splice(0)
            .flatMap(({ bytes, message }) => (message._tag === "Ack1" ? [message.entries?.length ?? bytes] : []))
        yield* puppet.send(ping(1), node)
        yield* pass(2)
        assert.deepStrictEqual(acks(), [34])
        // An entry whose address nobody can use settles nothing, and is asked for no more.
        yield* puppet.send(ping(2, [claim("Alive", 9, "0.0.0.0:1")]), node)
        yield* pass(2)
        assert.deepStrictEqual(acks(), [1])
        yield* puppet.send(ping(3, [claim("Alive", 9, "10.0.0.9:7946")]), node)
        yield* puppet.send(ping(4), node)
        yield* pass(2)
        assert.deepStrictEqual(acks(), [1, 1])
      })
    )

    scenario("speaks version 1 to a member after a probe of it failed, until it answers in any form", () =>
      Effect.gen(function* () {
        const { header, lab, node, puppet } = yield* withPuppet(100_000)
        yield* pass(390)
        assert.strictEqual(yield* lab.status(node, 9n), "alive")
        yield* pass(20)
        assert.strictEqual(yield* lab.status(node, 9n), "suspect")
        const forms = (since: number) => new Set(pings(lab, "n1", "n9", since).map((ping) => ping.split(" ")[0]))
        assert.deepStrictEqual(forms(lab.now - 20), new Set(["Ping"]))
        const { speaksLevel1 } = outboxOf(node)
        const slot = parts(node).view.slotOf(claim("Alive", 9, "10.0.0.9:7946").nodeId)
        assert.isFalse(speaksLevel1(slot))
        // Any other message of it does not tell that it reads more.
        yield* puppet.send({ _tag: "Gossip1", ...header() }, node)
        yield* pass(1)
        assert.isFalse(speaksLevel1(slot))
        yield* puppet.send({ _tag: "Ack", ...header(), entries: [] }, node)
        yield* pass(1)
        assert.isTrue(speaksLevel1(slot))
        // Unless it says itself that it does not.
        yield* puppet.send({ _tag: "Ack", ...header(), level: 0, entries: [] }, node)
        yield* pass(1)
        assert.isFalse(speaksLevel1(slot))
        assert.isFalse(speaksLevel1(0))
      })
    )

    scenario("tells in each ACK that it leaves", () =>
      Effect.gen(function* () {
        const { header, lab, node, puppet } = yield* withPuppet(100_050)
        // It asks for the entry no more.
        yield* pass(10)
        const probe = { sequence: 5, targetId: NodeId.fromWords(0, 1) }
        const acks = () =>
          puppet.received
            .splice(0)
            .flatMap(({ message }) =>
              message._tag === "Ack1" ? [[message.entries?.[0]?.status, message.left?.length]] : []
            )
        yield* puppet.send({ _tag: "Ping1", ...header(), probe }, node)
        yield* pass(2)
        assert.deepStrictEqual(acks(), [[undefined, undefined]])
        yield* lab.stop(node)
        yield* puppet.send({ _tag: "Ping1", ...header(), probe }, node)
        yield* pass(2)
        assert.deepStrictEqual(acks(), [["Dead", 1]])
      })
    )

    scenario("keeps accusations until their target dies or changes its incarnation", () =>
      Effect.gen(function* () {
        const { header, node, puppet } = yield* withPuppet(100_000)
        const { accusations } = outboxOf(node)
        const { view } = parts(node)
        const entry = (status: "Alive" | "Suspect" | "Dead", incarnation: number) =>
          claim(status, 70, "10.0.0.70:1", incarnation, incarnation)
        const tell = (...entries: ReadonlyArray<Message.MessageEntry>) =>
          Effect.andThen(puppet.send({ _tag: "Gossip", ...header(), entries }, node), pass(1))
        yield* tell(entry("Alive", 0))
        const slot = view.slotOf(entry("Alive", 0).nodeId)
        const add = (incarnation: number) =>
          accusations.add(slot, { targetHi: 0, targetLo: 70, incarnation, accuserHi: 0, accuserLo: 9, evidence: 0 })
        add(0)
        yield* tell(entry("Suspect", 0))
        assert.strictEqual(accusations.size, 1)
        yield* tell(entry("Alive", 1))
        assert.strictEqual(accusations.size, 0)
        yield* tell(entry("Suspect", 1))
        add(1)
        yield* tell(entry("Dead", 1))
        // The suspect is asked first, for as long as its ACK may take.
        yield* pass(200_000)
        assert.isFalse(view.table.isLive(slot))
        assert.strictEqual(accusations.size, 0)
      })
    )
  })
})
