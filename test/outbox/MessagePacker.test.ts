import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as NodeId from "../../src/domain/NodeId.ts"
import { decimalGrowth, logarithmicGrowth } from "../../src/outbox/Growth.ts"
import type { MemberClaim } from "../../src/outbox/MemberClaim.ts"
import { MessagePacker, type PackerOptions } from "../../src/outbox/MessagePacker.ts"
import { AccusationQueue } from "../../src/outbox/AccusationQueue.ts"
import { ChangeQueue } from "../../src/outbox/ChangeQueue.ts"
import { Findings } from "../../src/membership/Findings.ts"
import { ClusterView } from "../../src/membership/ClusterView.ts"
import { Mark, SelfSlot } from "../../src/membership/MemberTable.ts"
import { HeaderLength, MaxMessage, MaxPayload, RequestAck } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import { MaxChunk } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

type Family = "IPv4" | "IPv6" | "mixed"

const families: ReadonlyArray<Family> = ["IPv4", "IPv6", "mixed"]
const sizes = [1, 2, 58, 59, 64, 1000] as const
const defaults: PackerOptions = {
  fanout: 50,
  adaptiveFanout: true,
  piggybackMax: 6,
  retransmitMultiplier: 4,
  level: 1,
  maxMessage: MaxMessage,
  needsOwnEntry: () => true
}

const Self = 0xffffffff
const selfId = NodeId.fromWords(0, Self)
const addressOf = (n: number, family: Family) =>
  NetAddress.inetAddressFromStringUnsafe(
    family === "IPv4" || (family === "mixed" && n % 3 !== 0)
      ? `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}:7946`
      : `[fd00::${(n & 0xffff).toString(16)}]:7946`
  )

/** Pseudo-random numbers in [0, 1), the same in each run. */
const chance = (seed = 1) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x100000000
  }
}

const inbound = new Inbound()
const load = (message: Message.Message, source: NetAddress.InetAddress) => {
  assert.isUndefined(inbound.decode(Result.getOrThrow(Message.encode(message))))
  PackedAddress.write(source, inbound.source, 0)
  return inbound
}

const header = (n: number): Message.Sender => ({
  senderId: NodeId.fromWords(0, n),
  heartbeat: 1,
  incarnation: 1,
  flags: 0,
  level: 0
})

/** A view of `n` live nodes, ourselves included, whose changes are queued as `Outbox` queues them. */
const cluster = (n: number, family: Family, options: Partial<PackerOptions> = {}, seed = 1) => {
  const view = new ClusterView({
    id: selfId,
    address: addressOf(Self & 0xffff, family),
    incarnation: 7,
    deadRetention: 60_000,
    staleAfter: Infinity,
    conflictInterval: 1000,
    seed: 1,
    isAllowed: () => true,
    limits: { members: 65_536, tombstones: 8192, unlistedTombstones: 1024 }
  })
  const queue = new ChangeQueue()
  const accusations = new AccusationQueue()
  view.observe({
    transition: ({ kind, previousIncarnation, slot }) => {
      if (view.table.has(slot, Mark.Provisional)) return
      queue.add(slot, kind !== "Updated" || previousIncarnation !== view.table.incarnation[slot])
    },
    forgotten: (slot) => queue.remove(slot),
    selfChanged: () => queue.add(SelfSlot, true)
  })
  const say = (
    from: number,
    entries: ReadonlyArray<readonly [n: number, status: Message.MessageEntry["status"], incarnation: number]>
  ) =>
    view.receive(
      load(
        {
          _tag: "Gossip",
          ...header(from),
          entries: entries.map(([n, status, incarnation]) => ({
            nodeId: NodeId.fromWords(0, n),
            heartbeat: n,
            incarnation,
            status,
            address: addressOf(n, family)
          }))
        },
        addressOf(from, family)
      ),
      0,
      new Findings()
    )
  for (let from = 1; from < n; from += 30) {
    const members = Array.from({ length: Math.min(30, n - from) }, (_, i) => [from + i, "Alive", 1] as const)
    say(from, members)
  }
  const packer = new MessagePacker(view, queue, accusations, { ...defaults, ...options }, chance(seed))
  const slotOf = (n: number) => view.slotOf(NodeId.fromWords(0, n))
  return { view, queue, accusations, packer, say, slotOf, table: view.table }
}

type Rig = ReturnType<typeof cluster>

const read = (bytes: Uint8Array) => Result.getOrThrow(Message.decode(bytes))
const idsOf = (bytes: Uint8Array): ReadonlyArray<number> => {
  const message = read(bytes)
  return "entries" in message ? message.entries.map(({ nodeId }) => Number(nodeId)) : []
}

const claimOf = (n: number, family: Family): MemberClaim => ({
  idHi: 0,
  idLo: n,
  incarnation: 3,
  heartbeat: 4,
  address: PackedAddress.pack(addressOf(n, family))
})

/** One message of every kind. `target` is a member, or ourselves where there is none. */
const everyKind = ({ packer, table }: Rig, target: number, family: Family): Record<string, Uint8Array> => {
  const ack = load({ _tag: "Ack", ...header(table.idLo[target]!), entries: [] }, addressOf(1, family))
  return {
    ping: packer.ping(target, false),
    pingTelling: packer.ping(target, true),
    pingWithClaim: packer.pingWithClaim(claimOf(table.idLo[target]!, family)),
    contact: packer.contact(),
    ack: packer.ack(target, false, MaxMessage),
    ackTelling: packer.ack(target, true, MaxMessage),
    ackStranger: packer.ack(target, true, 3 * 48),
    indirectAck: packer.indirectAck(target, ack, MaxMessage),
    indirectAckStranger: packer.indirectAck(target, ack, 3 * 48),
    pingReq: packer.pingReq(target),
    leave: packer.leave(RequestAck),
    gossip: packer.gossip(),
    tell: packer.tell(target, MaxMessage)
  }
}

describe("MessagePacker", () => {
  for (const family of families) {
    for (const n of sizes) {
      it(`${n} members with ${family}: every message fits, and contains no node twice`, () => {
        for (const queued of [true, false]) {
          const rig = cluster(n, family)
          if (!queued) for (let slot = 0; slot < rig.table.top; slot++) rig.queue.remove(slot)
          const limit = defaults.fanout * logarithmicGrowth(n)
          const lists = [
            ...Object.values(everyKind(rig, n > 1 ? 1 : SelfSlot, family)),
            ...rig.packer.entries(Array.from({ length: rig.table.top }, (_, slot) => slot))
          ]
          for (const bytes of lists) {
            assert.isAtMost(bytes.length, HeaderLength + MaxPayload)
            const ids = idsOf(bytes)
            assert.strictEqual(new Set(ids).size, ids.length)
            assert.isAtMost(ids.length, limit)
            // The entry that it is about and our own come first, and our own is always there.
            if (read(bytes)._tag !== "PingReq" && read(bytes)._tag !== "Leave") {
              assert.include(ids.slice(0, 2), Self)
            }
          }
          for (const chunk of rig.packer.snapshot()) assert.isAtMost(chunk.length, MaxChunk)
        }
      })

      it(`${n} members with ${family}: the chunks of a snapshot cover the table once and say how many there are`, () => {
        const rig = cluster(n, family)
        // Dead members belong to a snapshot, tombstones do not.
        if (n > 2) {
          rig.say(1, [
            [2, "Suspect", 2],
            [2, "Dead", 2],
            [5000, "Dead", 1]
          ])
        }
        const versions = new Set<bigint>()
        for (let round = 0; round < 2; round++) {
          const chunks = rig.packer.snapshot().map(read)
          const named: Array<number> = []
          chunks.forEach((chunk, i) => {
            if (chunk._tag !== "AntiEntropy") return assert.fail(chunk._tag)
            assert.deepStrictEqual([chunk.chunkIndex, chunk.totalChunks], [i, chunks.length])
            assert.isNotEmpty(chunk.entries)
            versions.add(chunk.tableVersion)
            named.push(...chunk.entries.map(({ nodeId }) => Number(nodeId)))
          })
          assert.deepStrictEqual(
            named.toSorted((a, b) => a - b),
            [...Array.from({ length: n - 1 }, (_, i) => i + 1), Self]
          )
          // No chunk has room for the first entry of the next.
          const room = MaxChunk - HeaderLength - 12
          if (family === "IPv4") assert.strictEqual(chunks.length, Math.ceil(n / Math.floor(room / 24)))
          if (family === "IPv6") assert.strictEqual(chunks.length, Math.ceil(n / Math.floor(room / 36)))
        }
        assert.deepStrictEqual([...versions], [7n * 2n ** 20n + 1n, 7n * 2n ** 20n + 2n])
        assert.deepStrictEqual(rig.packer.introduction().map(idsOf), [[Self]])
      })
    }
  }

  it("fills a message with 58 entries with IPv4, and with 38 with IPv6", () => {
    for (const [family, entries] of [
      ["IPv4", 58],
      ["IPv6", 38]
    ] as const) {
      const rig = cluster(1000, family)
      assert.strictEqual(idsOf(rig.packer.gossip()).length, entries)
      assert.strictEqual(idsOf(rig.packer.ping(1, true)).length, entries)
      assert.strictEqual(idsOf(rig.packer.entries(Array.from({ length: 200 }, (_, i) => i + 1))[0]!).length, entries)
    }
  })

  it("puts at most `fanout` entries into a message, times ceil(log2 n) with adaptive fanout", () => {
    for (const [fanout, adaptiveFanout, n, expected] of [
      [10, false, 1000, 10],
      [3, true, 9, 9],
      [3, true, 8, 8],
      [5, true, 1000, 50],
      [2, true, 2, 2]
    ] as const) {
      const { packer } = cluster(n, "IPv4", { fanout, adaptiveFanout })
      assert.strictEqual(idsOf(packer.gossip()).length, expected)
      assert.isAtMost(idsOf(packer.ack(1, true, MaxMessage)).length, Math.max(expected, 2))
      for (const message of packer.entries([1, 1].concat(Array.from({ length: n - 1 }, (_, i) => i + 1)))) {
        assert.isAtMost(idsOf(message).length, Math.max(expected, 2))
      }
    }
  })

  it("writes first the entry that the message is about, then our own, changes by times sent, and heartbeats", () => {
    const { packer, queue, slotOf } = cluster(12, "IPv4", { retransmitMultiplier: 100 })
    for (let n = 1; n < 12; n++) queue.remove(slotOf(n))
    for (const n of [5, 3, 8]) queue.add(slotOf(n), true)
    assert.deepStrictEqual(idsOf(packer.gossip()), [Self, 5, 3, 8])
    queue.add(slotOf(9), true)
    assert.deepStrictEqual(idsOf(packer.gossip()), [Self, 9, 5, 3, 8])
    // 9 was sent once, the others twice.
    queue.add(slotOf(3), true)
    assert.deepStrictEqual(idsOf(packer.gossip()), [Self, 3, 9, 5, 8])
    const ping = idsOf(packer.ping(slotOf(7), true))
    assert.deepStrictEqual(ping.slice(0, 2), [7, Self])
    assert.deepStrictEqual(ping.slice(2, 6).toSorted(), [3, 5, 8, 9])
    // Then come heartbeats, of members without a change.
    assert.isAtMost(ping.length, 6 + 6)
    for (const n of ping.slice(6)) assert.isFalse([3, 5, 7, 8, 9].includes(n))
    // A change that comes first anyway is not written again.
    assert.deepStrictEqual(idsOf(packer.ack(slotOf(9), true, MaxMessage)).slice(0, 2), [9, Self])
  })

  it("writes at most `piggyback_max` heartbeats, in PING and ACK only, after all changes", () => {
    for (const piggybackMax of [0, 1, 6]) {
      const { packer, queue, table } = cluster(100, "IPv4", { piggybackMax })
      for (let slot = 0; slot < table.top; slot++) queue.remove(slot)
      let most = 0
      for (let i = 0; i < 100; i++) {
        for (const bytes of [packer.ping(1, false), packer.ack(1, false, MaxMessage)]) {
          most = Math.max(most, idsOf(bytes).length - 1)
        }
        assert.deepStrictEqual(idsOf(packer.gossip()), [Self])
        assert.deepStrictEqual(idsOf(packer.contact()), [Self])
      }
      assert.strictEqual(most, piggybackMax)
    }
  })

  it("begins an indirect ACK with the numbers of the target's own ACK, at the address that we hold", () => {
    const { packer, slotOf } = cluster(5, "IPv4")
    const ack = load({ _tag: "Ack", ...header(3), incarnation: 9, heartbeat: 77, entries: [] }, addressOf(60, "IPv4"))
    const message = read(packer.indirectAck(slotOf(3), ack, MaxMessage))
    if (message._tag !== "Ack") return assert.fail(message._tag)
    assert.strictEqual(message.flags, 2)
    assert.deepStrictEqual(message.entries[0], {
      nodeId: NodeId.fromWords(0, 3),
      incarnation: 9,
      heartbeat: 77,
      status: "Alive",
      address: addressOf(3, "IPv4")
    })
    assert.strictEqual(message.entries.filter(({ nodeId }) => nodeId === 3n).length, 1)
  })

  it("begins a PING with a claim with the receiver as Dead, and leaves out the entry that we hold", () => {
    const { packer } = cluster(5, "IPv4")
    const message = read(packer.pingWithClaim(claimOf(3, "IPv4")))
    if (message._tag !== "Ping") return assert.fail(message._tag)
    assert.deepStrictEqual(message.entries[0], {
      nodeId: NodeId.fromWords(0, 3),
      incarnation: 3,
      heartbeat: 4,
      status: "Dead",
      address: addressOf(3, "IPv4")
    })
    assert.strictEqual(message.entries.filter(({ nodeId }) => nodeId === 3n).length, 1)
  })

  it("answers a stranger within its limit, with the entry to tell and our own only", () => {
    const { packer, slotOf } = cluster(100, "IPv4")
    const about = slotOf(7)
    for (const [limit, expected] of [
      [24, []],
      [47, []],
      [48, [7]],
      [71, [7]],
      [72, [7, Self]],
      [MaxMessage - 1, [7, Self]]
    ] as const) {
      for (const bytes of [packer.ack(about, true, limit), packer.tell(about, limit)]) {
        assert.isAtMost(bytes.length, limit)
        assert.deepStrictEqual(idsOf(bytes), expected)
      }
    }
    assert.deepStrictEqual(idsOf(packer.ack(-1, true, 144)), [Self])
  })

  it("never passes on a member whose address is only where it spoke from", () => {
    const { packer, say, table, view } = cluster(5, "IPv4")
    // Messages without the entry of their sender.
    for (let n = 100; n < 120; n++) say(n, [])
    assert.strictEqual(table.live, 25)
    const said = [
      ...Array.from({ length: 50 }, () => packer.ping(1, false)),
      packer.gossip(),
      ...packer.snapshot(),
      ...packer.entries(Array.from({ length: table.top }, (_, slot) => slot))
    ]
    assert.isTrue(said.flatMap(idsOf).every((id) => id === Self || id < 100))
    // Its own entry gives it an address to pass on.
    say(100, [[100, "Alive", 1]])
    assert.include(packer.snapshot().flatMap(idsOf), 100)
    assert.isAtLeast(view.slotOf(NodeId.fromWords(0, 100)), 0)
  })

  it("sends every change retransmit_multiplier x ceil(log10(n + 1)) times, and not once more", () => {
    fc.assert(
      fc.property(
        fc.record({
          n: fc.integer({ min: 1, max: 150 }),
          family: fc.constantFrom<Family>(...families),
          fanout: fc.integer({ min: 2, max: 60 }),
          adaptiveFanout: fc.boolean(),
          piggybackMax: fc.integer({ min: 0, max: 8 }),
          retransmitMultiplier: fc.integer({ min: 1, max: 5 }),
          kinds: fc.array(fc.constantFrom("gossip", "ping", "ack"), { minLength: 1, maxLength: 8 }),
          seed: fc.nat()
        }),
        ({ family, kinds, n, seed, ...options }) => {
          const { packer, queue, view } = cluster(n, family, { ...options, piggybackMax: 0 }, seed)
          view.raiseIncarnation(view.incarnation, false, 0)
          const times = options.retransmitMultiplier * decimalGrowth(n)
          const sent = new Map<number, number>()
          for (let i = 0; queue.size > 0; i++) {
            assert.isBelow(i, 10_000)
            const kind = kinds[i % kinds.length]!
            const bytes =
              kind === "gossip"
                ? packer.gossip()
                : kind === "ping"
                  ? packer.ping(SelfSlot, false)
                  : packer.ack(SelfSlot, false, MaxMessage)
            for (const id of idsOf(bytes)) sent.set(id, (sent.get(id) ?? 0) + 1)
          }
          for (let id = 1; id < n; id++) assert.strictEqual(sent.get(id), times)
          // Our own entry is in every message, changed or not.
          assert.isAtLeast(sent.get(Self) ?? 0, times)
          assert.deepStrictEqual(idsOf(packer.gossip()), [Self])
        }
      ),
      { numRuns: 60 }
    )
  })
})
