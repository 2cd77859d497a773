import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { HeldTags } from "../../src/membership/HeldTags.ts"
import { SelfSlot } from "../../src/membership/MemberTable.ts"
import { AccusationQueue } from "../../src/outbox/AccusationQueue.ts"
import { BroadcastQueue, MaxBroadcasts } from "../../src/outbox/BroadcastQueue.ts"
import { ChangeQueue } from "../../src/outbox/ChangeQueue.ts"
import { MessagePacker } from "../../src/outbox/MessagePacker.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { packPairs } from "../../src/wire/sections/MemberTags.ts"
import * as NamedPayload from "../../src/wire/sections/NamedPayload.ts"
import { addressOf, alive, id, open, reporter } from "../membership/View.ts"

const MaxDatagram = 1232

/** A packer of a node with `n` members, all of whose entries wait to be passed on. */
const packing = (n: number, tagLength = (_: number) => 20) => {
  const node = open()
  const queue = new ChangeQueue()
  for (let i = 1; i <= n; i++) {
    node.receive(reporter, { entries: [alive(i, 1, 0)] })
    const slot = node.slotOf(i)
    queue.add(slot, true)
    node.table.setTags(slot, new HeldTags(1, 1, packPairs({ k: "x".repeat(tagLength(i)) })))
  }
  const tags = new ChangeQueue()
  const broadcasts = new BroadcastQueue()
  let now = 0
  const options = {
    fanout: 50,
    adaptiveFanout: true,
    piggybackMax: 6,
    retransmitMultiplier: 4,
    level: 1,
    salt: 0,
    maxMessage: MaxDatagram,
    shortMessage: 548,
    needsOwnEntry: () => false
  }
  const packer = new MessagePacker(
    node.table,
    { changes: queue, accusations: new AccusationQueue(), tags, broadcasts },
    options,
    { now: () => now, random: () => 0.5 }
  )
  const at = (time: number) => void (now = time)
  return { ...node, queue, tags, broadcasts, packer, at }
}

const read = (bytes: Uint8Array) => {
  assert.isAtMost(bytes.length, MaxDatagram)
  const message = Result.getOrThrow(Message.decode(bytes))
  assert(message._tag === "Gossip1" || message._tag === "AntiEntropy1")
  return message
}

const event = (number: number, length = 10) => ({
  originHi: 0,
  originLo: 7,
  incarnation: 1,
  number,
  ...NamedPayload.make("e", new Uint8Array(length))
})

const query = (number: number) => ({
  originHi: 0,
  originLo: 7,
  numberHi: 0,
  numberLo: number,
  address: PackedAddress.pack(addressOf(7)),
  addressAt: 0,
  deadlineMs: 0,
  ...NamedPayload.make("q", new Uint8Array(0))
})

describe("tags in messages", () => {
  it("stand in the chunk that has the entry of their member, and no chunk is too long", () => {
    const { packer } = packing(60, (i) => (i * 37) % 480)
    const slots = Array.from({ length: 61 }, (_, slot) => slot)
    for (const messages of [packer.snapshot(true), packer.entries(slots, true)]) {
      const told = new Set<bigint>()
      for (const { entries = [], tags = [] } of messages.map(read)) {
        const inMessage = new Set(entries.map(({ nodeId }) => nodeId))
        for (const { nodeId } of tags) {
          assert.isTrue(inMessage.has(nodeId))
          told.add(nodeId)
        }
      }
      assert.strictEqual(told.size, 60)
    }
  })

  it("wait least-sent first, and long ones do not keep back short ones", () => {
    const { packer, queue, slotOf, tags } = packing(12, (i) => (i <= 4 ? 480 : 20))
    for (let i = 1; i <= 12; i++) {
      queue.remove(slotOf(i))
      tags.add(slotOf(i), true)
    }
    const first = read(packer.gossipSections(slotOf(12))).tags ?? []
    assert.deepStrictEqual(
      first.map(({ nodeId }) => nodeId),
      [1, 2, 5, 6].map(id).concat(first.slice(4).map(({ nodeId }) => nodeId))
    )
    // Nobody gets its own.
    assert.notInclude(
      first.map(({ nodeId }) => nodeId),
      id(12)
    )
    const second = read(packer.gossipSections(slotOf(12))).tags ?? []
    assert.deepStrictEqual(
      second.slice(0, 2).map(({ nodeId }) => nodeId),
      [3, 4].map(id)
    )
    for (let i = 0; tags.size > 1; i++) {
      assert.isBelow(i, 100)
      packer.gossipSections(slotOf(12))
    }
    assert.isTrue(tags.has(slotOf(12)))
    assert.isFalse(tags.has(SelfSlot))
  })
})

describe("events and queries in messages", () => {
  it("have a quarter of the message while changes wait, or what the next event needs", () => {
    for (const length of [10, 512]) {
      const { broadcasts, packer, slotOf } = packing(200)
      for (let number = 1; number <= 40; number++) broadcasts.addEvent(event(number, length))
      const { entries = [], events = [] } = read(packer.gossipSections(slotOf(1)))
      const bytes = events.length * (16 + 2 + 2 + length)
      assert.isAtLeast(bytes, length === 10 ? MaxDatagram / 4 - 40 : 512)
      assert.isAbove(entries.length, 20)
    }
  })

  it("leave room that they do not need to changes only when none wait", () => {
    const { packer, slotOf } = packing(200)
    assert.isAbove(read(packer.gossipSections(slotOf(1))).entries?.length ?? 0, 48)
  })

  it("go least-sent first, and as often as they should", () => {
    const { broadcasts, packer, queue, slotOf } = packing(3)
    for (let i = 1; i <= 3; i++) queue.remove(slotOf(i))
    const numbers = () => (read(packer.gossipSections(slotOf(1))).events ?? []).map(({ number }) => number)
    broadcasts.addEvent(event(1))
    assert.deepStrictEqual(numbers(), [1])
    broadcasts.addEvent(event(2))
    assert.deepStrictEqual(numbers(), [2, 1])
    // Five live nodes: at most 2n = 10 times.
    for (let sent = 2; sent < 10; sent++) assert.include(numbers(), 1)
    assert.deepStrictEqual(numbers(), [2])
    assert.deepStrictEqual([numbers(), broadcasts.size], [[], 0])
  })

  it("tell how long the origin of a query still waits, and then go no more", () => {
    const { at, broadcasts, packer, slotOf } = packing(1)
    broadcasts.addQuery(query(1), 1000)
    at(300)
    assert.deepStrictEqual(
      (read(packer.gossipSections(slotOf(1))).queries ?? []).map(({ deadlineMs }) => deadlineMs),
      [700]
    )
    at(1000)
    assert.isUndefined(read(packer.gossipSections(slotOf(1))).queries)
    assert.strictEqual(broadcasts.size, 0)
  })

  it("do not keep each other back, and are bounded", () => {
    const { broadcasts, packer, slotOf } = packing(1)
    for (let number = 1; number <= 2 * MaxBroadcasts; number++) broadcasts.addEvent(event(number, 100))
    assert.strictEqual(broadcasts.size, MaxBroadcasts)
    broadcasts.addQuery(query(1), 1000)
    const two = [1, 2].map(() => read(packer.gossipSections(slotOf(1))))
    assert.isTrue(two.some(({ queries = [] }) => queries.length > 0))
    assert.isTrue(two.every(({ events = [] }) => events.length > 0))
  })
})
