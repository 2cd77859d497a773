import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Outbox } from "../../src/outbox/Outbox.ts"
import { RequestAck } from "../../src/wire/Header.ts"
import type * as Message from "../../src/wire/Message.ts"
import { bytesOf, claim, entriesOf, keyOf, Lab, type LabNode, parts, sender } from "../cluster/Lab.ts"

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
    yield* TestClock.adjust(10)
    const sent = lab.sent(({ from: by }) => by === node.name, from).reduce((sum, { bytes }) => sum + bytes, 0)
    return sent / payload.length
  })

describe("Outbox", () => {
  // A Suspect sender is told its entry, and then gets a PING as the target of its own PING_REQ.
  for (const encryption of ["off", "accept"] as const) {
    it.effect(`counts PINGs to an unproved source on the reply budget, with encryption ${encryption}`, () =>
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
        yield* TestClock.adjust(5000)
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
          yield* TestClock.adjust(5000)
        }
      })
    )
  }

  it.effect("counts a PING on the budget twice when it goes out sealed and in the clear", () =>
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

  it.effect("queues the changes that the view reports, and not the members that others cannot reach", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* lab.start(1, silent)
      const puppet = yield* lab.puppet(9)
      const { queue } = outboxOf(node)
      assert.strictEqual(queue.size, 0)
      // Known only by where it spoke from.
      yield* puppet.send({ _tag: "Gossip", ...sender(9), entries: [] }, node)
      yield* TestClock.adjust(2)
      assert.strictEqual(queue.size, 0)
      yield* puppet.send({ _tag: "Gossip", ...sender(9, 0, 1), entries: [claim("Alive", 9, "10.0.0.9:7946")] }, node)
      yield* TestClock.adjust(2)
      assert.strictEqual(queue.size, 1)
      yield* puppet.send({ _tag: "Gossip", ...sender(9, 0, 2), entries: [claim("Suspect", 1, node.address)] }, node)
      yield* TestClock.adjust(2)
      assert.strictEqual(queue.size, 2)
    })
  )

  it.effect("passes a refutation on, and stops when all have it", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      // The other acknowledges a PING with the new entry before a round of gossip.
      const options = { extensions: {}, gossip: { interval: 5000 }, probes: { interval: 200, timeout: 100 } }
      const a = yield* lab.start(1, options)
      yield* lab.start(2, { ...options, peers: [a.address] })
      yield* TestClock.adjust(100_000)
      const suspicion = claim("Suspect", 1, a.address, 0, 2 ** 20)
      yield* lab.forge(bytesOf({ _tag: "Gossip", ...sender(2, 0, 1), entries: [suspicion] }), "10.0.0.2:7946", a)
      yield* TestClock.adjust(30_000)
      assert.strictEqual(parts(a).view.incarnation, 1)
      assert.strictEqual(outboxOf(a).queue.size, 0)
    })
  )

  it.effect("sends to a packed address, to a member, and back along the path of a message", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, silent)
      yield* lab.start(2, { ...silent, peers: [a.address] })
      yield* TestClock.adjust(100)
      const { packer, send, sendTo } = outboxOf(a)
      const { table } = parts(a).view
      const slot = table.index.get(0, 2)
      const from = lab.now
      send(slot, packer.leave(0))
      sendTo(table.address.subarray(table.addressAt(slot), table.addressAt(slot) + 19), packer.contact())
      yield* TestClock.adjust(10)
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
})
