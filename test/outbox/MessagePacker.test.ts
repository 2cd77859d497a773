import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as NodeId from "../../src/domain/NodeId.ts"
import { decimalGrowth, logarithmicGrowth } from "../../src/outbox/Growth.ts"
import type { Accusation } from "../../src/wire/sections/Accusation.ts"
import { SectionType } from "../../src/wire/sections/Section.ts"
import type { MemberClaim } from "../../src/outbox/MemberClaim.ts"
import { MessagePacker, type PackerOptions } from "../../src/outbox/MessagePacker.ts"
import { AccusationQueue } from "../../src/outbox/AccusationQueue.ts"
import { BroadcastQueue } from "../../src/outbox/BroadcastQueue.ts"
import { ChangeQueue } from "../../src/outbox/ChangeQueue.ts"
import { Findings } from "../../src/membership/Findings.ts"
import { ClusterView } from "../../src/membership/ClusterView.ts"
import { Mark, SelfSlot } from "../../src/membership/MemberTable.ts"
import { HeaderLength, MaxLevel, MaxMessage, MaxPayload, RequestAck } from "../../src/wire/Header.ts"
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
  salt: 0,
  maxMessage: MaxMessage,
  shortMessage: 548,
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
  assert.isUndefined(inbound.decode(Result.getOrThrow(Message.encode(message)), MaxLevel))
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
      queue.add(slot, kind !== "Updated" || previousIncarnation !== view.table.incarnation(slot))
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
  const queues = { changes: queue, accusations, tags: new ChangeQueue(), broadcasts: new BroadcastQueue() }
  const clock = { now: () => 0, random: chance(seed) }
  const packer = new MessagePacker(view.table, queues, { ...defaults, ...options }, clock)
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
  const ack = { incarnation: 1, heartbeat: 1 }
  return {
    ping: packer.ping(target, false),
    pingTelling: packer.ping(target, true),
    pingWithClaim: packer.pingWithClaim(claimOf(table.idLo(target), family)),
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
    const message = read(packer.indirectAck(slotOf(3), { incarnation: 9, heartbeat: 77 }, MaxMessage))
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

// --- sections ----------------------------------------------------------------------

/** A decoded message of sections, with its size. */
const readSections = (bytes: Uint8Array): Message.SectionedMessage & { readonly size: number } => {
  const message = read(bytes)
  switch (message._tag) {
    case "Gossip1":
    case "Ping1":
    case "PingReq1":
    case "Ack1":
    case "AntiEntropy1":
      return { ...message, size: bytes.length }
    default:
      return assert.fail(`${message._tag} has no sections`)
  }
}

/** What is in a message of sections, in short. */
const summary = (bytes: Uint8Array) => {
  const { accusations = [], entries = [], left = [] } = readSections(bytes)
  return {
    entries: entries.map(({ nodeId }) => Number(nodeId)),
    left: left.map(({ nodeId }) => Number(nodeId)),
    accusations: accusations.map(({ accuserId }) => Number(accuserId))
  }
}

const accusationOf = (target: number, accuser: number): Accusation => ({
  targetHi: 0,
  targetLo: target,
  incarnation: 1,
  accuserHi: 0,
  accuserLo: accuser,
  evidence: 1
})

/** A cluster whose queue of changes is empty, and whose members have our own entry unless `needs` says otherwise. */
const settled = (
  n: number,
  family: Family = "IPv4",
  needs: (slot: number) => boolean = () => false,
  options: Partial<PackerOptions> = {}
) => {
  const rig = cluster(n, family, { needsOwnEntry: needs, ...options })
  for (let slot = 0; slot < rig.table.top; slot++) rig.queue.remove(slot)
  /** A member leaves. */
  const leave = (member: number, heartbeat = 900) => {
    const message = { _tag: "Leave", ...header(member), heartbeat } as const
    assert.isTrue(rig.view.receiveLeave(load(message, addressOf(member, family)), true, 0, new Findings()))
  }
  return { ...rig, leave }
}

/** The numbers of an ACK. */
const numbers = { incarnation: 9, heartbeat: 77 }

describe("messages of sections", () => {
  it("are small when nothing needs to be said", () => {
    const { packer, slotOf } = settled(50)
    const to = slotOf(7)
    const ping = readSections(packer.probe(to, false, 0xfffffffe))
    assert.deepInclude(ping, {
      _tag: "Ping1",
      size: 39,
      probe: { sequence: 0xfffffffe, targetId: NodeId.fromWords(0, 7) }
    })
    const ack = readSections(packer.ackProbe(to, false, MaxMessage, 5))
    assert.deepInclude(ack, { _tag: "Ack1", size: 31, probe: { sequence: 5 } })
    for (const message of [ping, ack]) assert.notProperty(message, "entries")
    assert.strictEqual(packer.ackProbe(to, false, MaxMessage, undefined).length, HeaderLength)
    assert.strictEqual(packer.nack(5, undefined, MaxMessage).length, 31)
    assert.strictEqual(packer.digest(3, 1, 2).length, 39)
    assert.strictEqual(packer.gossipSections(to).length, HeaderLength)
    assert.strictEqual(packer.probeRequest(to, slotOf(8), 5, 100).length, HeaderLength + 3 + 14 + 7)
  })

  it("name our level in the header, as those of version 1 do", () => {
    for (const level of [0, 1]) {
      const rig = cluster(5, "IPv4", { level })
      for (const bytes of [rig.packer.probe(1, false, 1), ...Object.values(everyKind(rig, 1, "IPv4"))]) {
        assert.strictEqual(read(bytes).level, level)
      }
    }
  })

  it("carry our own entry only to a member that needs it, and never heartbeats of others", () => {
    const { packer, slotOf, table } = settled(50, "IPv4", (slot) => slot === 7 || slot < 0)
    assert.strictEqual(slotOf(7), 7)
    for (const to of [7, 8]) {
      const own = to === 7 ? [Self] : []
      assert.deepStrictEqual(summary(packer.probe(to, false, 1)).entries, own)
      assert.deepStrictEqual(summary(packer.ackProbe(to, false, MaxMessage, 1)).entries, own)
      assert.deepStrictEqual(summary(packer.gossipSections(to)).entries, own)
      assert.deepStrictEqual(summary(packer.probeRequest(to, 3, 1, 5)).entries, own)
      assert.deepStrictEqual(summary(packer.indirectAckProbe(3, numbers, MaxMessage, to, 1)).entries, [3, ...own])
      assert.strictEqual(table.has(to, Mark.OwnEntrySent), to === 7)
      if (to === 7) assert.strictEqual(table.ownEntrySequence(to), 1)
    }
    assert.deepStrictEqual(summary(packer.ackProbe(-1, false, 144, 1)).entries, [Self])
  })

  it("count our own entry as sent by PINGs alone", () => {
    const { packer, table } = settled(50, "IPv4", () => true)
    assert.deepStrictEqual(summary(packer.ackProbe(7, true, 72, 1)).entries, [7])
    assert.deepStrictEqual(summary(packer.ackProbe(7, true, 117, 1)).entries, [7, Self])
    // Nobody acknowledges an ACK.
    assert.isFalse(table.has(7, Mark.OwnEntrySent))
    assert.deepStrictEqual(summary(packer.probe(7, true, 1)).entries, [7, Self])
    assert.isTrue(table.has(7, Mark.OwnEntrySent))
  })

  it("begin with what the receiver is told about itself, then our own entry, then changes", () => {
    const { packer, queue, say, slotOf } = settled(50, "IPv4", () => true)
    say(1, [[9, "Suspect", 1]])
    queue.remove(slotOf(9))
    for (const n of [5, 3]) queue.add(slotOf(n), true)
    const ping = readSections(packer.probe(slotOf(9), true, 1))
    assert.deepStrictEqual(
      ping.entries?.map(({ nodeId, status }) => [Number(nodeId), status]),
      [
        [9, "Suspect"],
        [Self, "Alive"],
        [5, "Alive"],
        [3, "Alive"]
      ]
    )
    assert.deepStrictEqual(summary(packer.ackProbe(slotOf(9), true, MaxMessage, 1)).entries, [9, Self, 5, 3])
    // An address that may be forged gets no changes.
    assert.deepStrictEqual(summary(packer.probe(slotOf(9), true, 1, false)).entries, [9, Self])
    assert.deepStrictEqual(summary(packer.ackProbe(slotOf(9), true, MaxMessage - 1, 1)).entries, [9, Self])
    assert.deepStrictEqual(summary(packer.tellSections(slotOf(9), MaxMessage)).entries, [9, Self])
  })

  it("ask for the entry of the receiver by a section of entries that stays empty whatever is news", () => {
    const { packer, queue, slotOf } = settled(5, "IPv4", () => true)
    for (const slot of [0, slotOf(3)]) queue.add(slot, true)
    const asks = (bytes: Uint8Array) => {
      assert.isUndefined(inbound.decode(bytes, MaxLevel))
      return inbound.sections.has(SectionType.Entries) && inbound.entriesStart === inbound.entriesEnd
    }
    assert.isTrue(asks(packer.ackProbe(slotOf(2), false, MaxMessage, 1, true)))
    assert.strictEqual(packer.ackProbe(slotOf(2), false, MaxMessage, 1, true).length, 31 + 3)
    assert.isTrue(asks(packer.ackProbe(-1, false, 144, undefined, true)))
    assert.isFalse(asks(packer.ackProbe(slotOf(2), false, MaxMessage, 1)))
    // What the receiver must refute comes first. It is asked by a later ACK.
    assert.isFalse(asks(packer.ackProbe(slotOf(2), true, MaxMessage, 1, true)))
    assert.isFalse(asks(packer.probe(slotOf(2), false, 1)))
  })

  it("count changes as sent, like those of version 1", () => {
    const { packer, queue, slotOf } = settled(5, "IPv4", undefined, { retransmitMultiplier: 3 })
    queue.add(slotOf(2), true)
    packer.gossipSections(slotOf(1))
    packer.gossip()
    assert.isTrue(queue.has(slotOf(2)))
    packer.probe(slotOf(1), false, 1)
    assert.strictEqual(queue.size, 0)
  })

  it("name in a section of their own the dead that left, with each of their entries", () => {
    const { leave, packer, queue, say, slotOf } = settled(10)
    leave(3)
    say(1, [
      [4, "Suspect", 1],
      [4, "Dead", 1]
    ])
    for (const n of [3, 4]) queue.add(slotOf(n), true)
    const gossip = readSections(packer.gossipSections(slotOf(1)))
    assert.deepStrictEqual(gossip.left, [{ nodeId: NodeId.fromWords(0, 3), incarnation: 1 }])
    assert.deepStrictEqual(summary(packer.gossipSections(slotOf(1))).entries.toSorted(), [3, 4])
    assert.deepStrictEqual(summary(packer.tellSections(slotOf(3), MaxMessage)).left, [3])
    // Itself it knows.
    assert.deepStrictEqual(summary(packer.ackProbe(slotOf(3), true, MaxMessage, 1)).left, [])
    assert.deepStrictEqual(packer.entries([slotOf(3), slotOf(4)], true).map(summary), [
      { entries: [Self, 3, 4], left: [3], accusations: [] }
    ])
    // Version 1 has no such section.
    assert.deepStrictEqual(idsOf(packer.gossip()).toSorted(), [3, 4, Self].toSorted())
  })

  it("need room for who left, and messages of version 1 do not", () => {
    const { leave, packer, queue, table } = settled(130)
    for (let n = 1; n < 130; n++) leave(n)
    for (let slot = 1; slot < table.top; slot++) queue.add(slot, true)
    assert.strictEqual(idsOf(packer.gossip()).length, 50)
    const room = MaxChunk - HeaderLength - 12
    assert.lengthOf(packer.snapshot(), Math.ceil(130 / Math.floor(room / 24)))
    assert.lengthOf(packer.snapshot(true), Math.ceil(130 / Math.floor((room - 9) / (24 + 12))))
  })

  it("acknowledge a LEAVE with the entry that the leaver waits for, at an address that may be forged too", () => {
    for (const family of ["IPv4", "IPv6"] as const) {
      const { leave, packer, slotOf } = settled(5, family)
      leave(3)
      // Three times the bytes of the LEAVE.
      const ack = packer.ackProbe(slotOf(3), true, 3 * packer.leave(RequestAck).length, undefined)
      assert.deepInclude(readSections(ack).entries?.[0], { nodeId: NodeId.fromWords(0, 3), status: "Dead" })
    }
  })

  it("say of us that we leave", () => {
    const { packer, view } = settled(3, "IPv4", () => true)
    view.startLeaving(0)
    assert.deepStrictEqual(summary(packer.probe(1, false, 1)), { entries: [Self], left: [Self], accusations: [] })
  })

  it("pass accusations on after entries, as often as changes, and only to whom changes go", () => {
    const { accusations, leave, packer, queue, slotOf } = settled(10, "IPv4", undefined, { retransmitMultiplier: 4 })
    leave(3)
    for (const [i, n] of [5, 6].entries()) accusations.add(slotOf(9), accusationOf(9, n + i))
    assert.deepStrictEqual(summary(packer.probe(slotOf(1), false, 1, false)).accusations, [])
    assert.deepStrictEqual(summary(packer.ackProbe(slotOf(1), false, 200, 1)).accusations, [])
    assert.deepStrictEqual(summary(packer.probeRequest(slotOf(1), slotOf(2), 1, 5)).accusations, [])
    const sent = [
      packer.gossipSections(slotOf(1)),
      packer.probe(slotOf(1), false, 1),
      packer.ackProbe(slotOf(1), false, MaxMessage, 1),
      packer.indirectAckProbe(slotOf(2), numbers, MaxMessage, slotOf(1), 1)
    ].map(summary)
    assert.deepStrictEqual(sent[0], { entries: [3], left: [3], accusations: [5, 7] })
    assert.isTrue(sent.every(({ accusations }) => accusations.length === 2))
    // 4 x ceil(log10(9 + 1)) times: one of the ten has left.
    assert.deepStrictEqual([accusations.size, queue.size], [0, 0])
  })

  it("pass on as many accusations as there is room for", () => {
    const { accusations, packer, slotOf } = settled(50, "IPv4", undefined, { maxMessage: 576 })
    for (let i = 0; i < 100; i++) accusations.add(slotOf(9), accusationOf(9, 1000 + i))
    const first = packer.gossipSections(slotOf(1))
    const room = Math.floor((576 - HeaderLength - 3) / 21)
    assert.deepStrictEqual(
      summary(first).accusations,
      Array.from({ length: room }, (_, i) => 1000 + i)
    )
    assert.deepStrictEqual(summary(packer.gossipSections(slotOf(1))).accusations[0], 1000 + room)
    assert.isAbove(576 - first.length, -1)
  })

  it("of a relay are a nack with its own accusation, where that fits", () => {
    const { packer } = settled(5)
    const nack = readSections(packer.nack(5, accusationOf(9, Self), 144))
    assert.deepInclude(nack, { _tag: "Ack1", flags: 2, nack: { sequence: 5 } })
    assert.deepStrictEqual(nack.accusations, [
      { targetId: NodeId.fromWords(0, 9), incarnation: 1, accuserId: selfId, evidence: "Refused" }
    ])
    assert.deepStrictEqual(
      [54, 55].map((limit) => packer.nack(5, accusationOf(9, Self), limit).length),
      [31, 55]
    )
  })

  it("of a relay that pass an ACK on have the requester's sequence and the numbers of the target", () => {
    const { packer, slotOf } = settled(5)
    const message = readSections(packer.indirectAckProbe(slotOf(3), numbers, 144, slotOf(1), 77))
    assert.deepInclude(message, { _tag: "Ack1", flags: 2, probe: { sequence: 77 } })
    assert.deepStrictEqual(message.entries, [
      { nodeId: NodeId.fromWords(0, 3), incarnation: 9, heartbeat: 77, status: "Alive", address: addressOf(3, "IPv4") }
    ])
  })

  it("that ask a relay have the target and how long we wait, as far as 16 bits can say", () => {
    const { packer, slotOf } = settled(5)
    for (const [wait, waitMs] of [
      [0, 0],
      [979.6, 980],
      [70_000, 0xffff]
    ] as const) {
      const probe = { sequence: 5, waitMs, targetId: NodeId.fromWords(0, 3), targetAddress: addressOf(3, "IPv4") }
      assert.deepInclude(readSections(packer.probeRequest(slotOf(1), slotOf(3), 5, wait)), { _tag: "PingReq1", probe })
    }
  })

  it("answer a digest by buckets, as many as there is room for", () => {
    for (const [maxMessage, bits] of [
      [576, 7],
      [539, 6],
      [1051, 7],
      [1052, 8],
      [MaxMessage, 8]
    ] as const) {
      const { packer } = settled(2, "IPv4", undefined, { maxMessage })
      assert.strictEqual(packer.maxBucketBits, bits)
      const hashes = Uint32Array.from({ length: 1 << bits }, (_, i) => i * 0x1000001)
      const message = packer.buckets(bits, hashes)
      assert.isAtMost(message.length, maxMessage)
      assert.deepStrictEqual(readSections(message).buckets, [...hashes])
    }
    const { packer } = settled(2)
    assert.deepInclude(readSections(packer.digest(3, 0x80000001, 2)), {
      _tag: "AntiEntropy1",
      digest: { memberCount: 3, hash: (0x80000001n << 32n) + 2n }
    })
  })

  for (const family of families) {
    it(`are chunks that cover what they are made of once, with what left and which buckets, with ${family}`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 200 }),
          fc.uniqueArray(fc.integer({ min: 1, max: 199 }), { maxLength: 199 }),
          fc.integer({ min: 540, max: MaxMessage }),
          fc.option(fc.nat(8)),
          (n, leaving, maxMessage, bits) => {
            const { leave, packer, slotOf, table } = settled(n, family, undefined, { maxMessage })
            const gone = leaving.filter((member) => member < n)
            for (const member of gone) leave(member)
            const slots = [SelfSlot, ...Array.from({ length: n - 1 }, (_, i) => slotOf(i + 1))]
            const bitmap = new Uint8Array(Math.max(1, (1 << (bits ?? 0)) >> 3)).fill(1)
            const made = packer.chunks(slots, true, bits === null ? undefined : { bits, bitmap })
            const entries: Array<number> = []
            const left: Array<number> = []
            made.forEach((bytes, i) => {
              assert.isAtMost(bytes.length, Math.min(MaxChunk, maxMessage))
              const chunk = readSections(bytes)
              assert.deepInclude(chunk.chunk, { chunkIndex: i, totalChunks: made.length })
              assert.strictEqual(chunk.differing?.length, bits === null ? undefined : 1 << bits)
              const named = summary(bytes)
              assert.isNotEmpty(named.entries)
              // Who left is named in the message that has the entry.
              for (const id of named.left) assert.include(named.entries, id)
              entries.push(...named.entries)
              left.push(...named.left)
            })
            assert.deepStrictEqual(
              entries,
              slots.map((slot) => table.idLo(slot))
            )
            assert.sameMembers(left, gone)
            assert.strictEqual(left.length, gone.length)
          }
        ),
        { numRuns: 60 }
      )
    })
  }

  it("are one empty chunk where nothing of ours is in the buckets that differ", () => {
    const { packer } = settled(5)
    const made = packer.chunks([], true, { bits: 3, bitmap: Uint8Array.of(0b100) })
    assert.lengthOf(made, 1)
    const chunk = readSections(made[0]!)
    assert.deepInclude(chunk.chunk, { chunkIndex: 0, totalChunks: 1 })
    assert.deepStrictEqual(chunk.differing, [false, false, true, false, false, false, false, false])
    assert.notProperty(chunk, "entries")
  })

  it("never exceed the limit, name no node twice, and mark every entry of a member that left, whatever waits", () => {
    const situation = fc.record({
      n: fc.integer({ min: 2, max: 120 }),
      family: fc.constantFrom<Family>(...families),
      maxMessage: fc.integer({ min: 540, max: MaxMessage }),
      limit: fc.integer({ min: HeaderLength, max: MaxMessage }),
      leaving: fc.uniqueArray(fc.integer({ min: 2, max: 119 }), { maxLength: 80 }),
      queued: fc.array(fc.nat(119), { maxLength: 100 }),
      accusing: fc.nat(80),
      needs: fc.boolean(),
      tell: fc.boolean()
    })
    fc.assert(
      fc.property(situation, ({ accusing, family, leaving, limit, maxMessage, n, needs, queued, tell }) => {
        const { accusations, leave, packer, queue, slotOf, table } = settled(n, family, () => needs, { maxMessage })
        for (const member of leaving) if (member < n) leave(member)
        for (let slot = 0; slot < table.top; slot++) queue.remove(slot)
        for (const slot of queued) if (slot < table.top) queue.add(slot, true)
        for (let i = 0; i < accusing; i++) accusations.add(1, accusationOf(1, 1000 + i))
        const to = slotOf(1)
        const made: ReadonlyArray<readonly [limit: number, bytes: Uint8Array]> = [
          [maxMessage, packer.probe(to, tell, 1)],
          [limit, packer.ackProbe(to, tell, limit, 1)],
          [limit, packer.indirectAckProbe(to, numbers, limit, to, 1)],
          [limit, packer.nack(1, accusationOf(1, 2), limit)],
          [maxMessage, packer.probeRequest(to, to, 1, 1)],
          [maxMessage, packer.gossipSections(to)],
          [limit, packer.tellSections(Math.min(2, n - 1), limit)],
          ...packer.entries([...Array(table.top).keys()], true).map((bytes) => [maxMessage, bytes] as const)
        ]
        for (const [most, bytes] of made) {
          assert.isAtMost(bytes.length, Math.min(most, maxMessage))
          const { entries, left } = summary(bytes)
          assert.strictEqual(new Set(entries).size, entries.length)
          const gone = entries.filter((id) => id !== Self && table.has(slotOf(id), Mark.Left))
          assert.deepStrictEqual(left.toSorted(), gone.toSorted())
        }
      }),
      { numRuns: 150 }
    )
  })
})
