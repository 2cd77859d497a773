/**
 * What the hot paths cost, each beside something to compare it with, in one run.
 * Medians over rounds; the spread is shown, since a machine is never quiet.
 */
import { Effect, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../src/domain/NodeId.ts"
import { AccusationQueue } from "../src/outbox/AccusationQueue.ts"
import { MessagePacker } from "../src/outbox/MessagePacker.ts"
import { ChangeQueue } from "../src/outbox/ChangeQueue.ts"
import { Findings } from "../src/membership/Findings.ts"
import { ClusterView } from "../src/membership/ClusterView.ts"
import { AddressCache } from "../src/wire/AddressCache.ts"
import { internetChecksum } from "../src/wire/Checksum.ts"
import { EntryCursor } from "../src/wire/Entry.ts"
import { Kind, MaxMessage } from "../src/wire/Header.ts"
import { Inbound } from "../src/wire/Inbound.ts"
import * as Message from "../src/wire/Message.ts"
import { MessageWriter } from "../src/wire/MessageWriter.ts"
import * as PackedAddress from "../src/wire/PackedAddress.ts"

const Rounds = 15

/** Runs `work` in rounds of about 50 ms and prints nanoseconds per operation. */
const measure = (name: string, perCall: number, work: () => void): void => {
  const timed = (calls: number): number => {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) work()
    return Number(process.hrtime.bigint() - start)
  }
  let calls = 1
  while (timed(calls) < 20_000_000) calls *= 2
  const rounds = Array.from({ length: Rounds }, () => timed(calls) / (calls * perCall)).sort((a, b) => a - b)
  const at = (q: number) => rounds[Math.floor(q * (Rounds - 1))]!.toFixed(1).padStart(10)
  console.log(`${name.padEnd(58)}${at(0.5)} ns   (${at(0).trim()} .. ${at(1).trim()})`)
}

const address = (n: number) =>
  NetAddress.inetAddressFromIpStringUnsafe(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, 7946)
const idOf = (n: number) => NodeId.fromWords(Math.imul(n, 0x9e3779b1), n)
const random = () => 0.5
const findings = new Findings()

const viewOf = (members: number): ClusterView => {
  const view = new ClusterView({
    id: idOf(0),
    address: address(1),
    incarnation: 0,
    deadRetention: 15_000,
    staleAfter: Infinity,
    conflictInterval: 1000,
    seed: 1,
    isAllowed: () => true,
    limits: { members: 65_536, tombstones: 8192, unlistedTombstones: 1024 }
  })
  const inbound = new Inbound()
  for (let n = 1; n <= members; n++) {
    inbound.decode(gossip(n, [n], 1))
    PackedAddress.write(address(n + 1), inbound.source, 0)
    view.receive(inbound, 0, findings)
  }
  return view
}

const gossipOf = (sender: number, subjects: ReadonlyArray<number>, heartbeat: number): Message.Gossip => ({
  _tag: "Gossip",
  senderId: idOf(sender),
  heartbeat,
  incarnation: 0,
  flags: 0,
  level: 0,
  entries: subjects.map((n) => ({
    nodeId: idOf(n),
    heartbeat,
    incarnation: 0,
    status: "Alive",
    address: address(n + 1)
  }))
})

const gossip = (sender: number, subjects: ReadonlyArray<number>, heartbeat: number): Uint8Array =>
  Result.getOrThrow(Message.encode(gossipOf(sender, subjects, heartbeat)))

const fifty = Array.from({ length: 50 }, (_, i) => i + 1)

console.log(`Node.js ${process.version}, ${process.arch}; median (fastest .. slowest) of ${Rounds} rounds\n`)

{
  // 2^18 packets with rising heartbeats would not fit; a window of 512 that each raise all 50 heartbeats does.
  const view = viewOf(1000)
  const inbound = new Inbound()
  let heartbeat = 1
  const packets: Array<Uint8Array> = []
  const refill = () => {
    packets.length = 0
    for (let i = 0; i < 512; i++) packets.push(gossip(1, fifty, ++heartbeat))
  }
  refill()
  let at = 0
  measure("GOSSIP of 50, datagram to merged table, nothing new", 1, () => {
    inbound.decode(packets[at++ & 511]!)
    view.receive(inbound, 0, findings)
  })
  measure("  the same per entry", 50, () => {
    inbound.decode(packets[at++ & 511]!)
    view.receive(inbound, 0, findings)
  })
}

{
  const view = viewOf(50)
  const inbound = new Inbound()
  // Heartbeats in steps of 2^20 wrap after 4096 packets (RFC 1982), so each packet is newer than the one before.
  const packets = Array.from({ length: 4096 }, (_, i) => gossip(1, fifty, i * 0x100000))
  let at = 1
  measure("GOSSIP of 50, datagram to merged table, heartbeats newer", 1, () => {
    inbound.decode(packets[at++ & 4095]!)
    view.receive(inbound, 0, findings)
  })
}

{
  const bytes = Uint8Array.from({ length: 1400 }, (_, i) => i * 7)
  measure("checksum of 1400 bytes", 1, () => internetChecksum(bytes, 0, bytes.length))
  const inbound = new Inbound()
  const cursor = new EntryCursor()
  const writer = new MessageWriter()
  const packed = PackedAddress.pack(address(1))
  for (const entries of [0, 6, 50]) {
    const write = (): Uint8Array => {
      writer.begin(Kind.Ping, 0)
      for (let i = 0; i < entries; i++) writer.entry(i, i, 1, 2, 0, packed, 0)
      return writer.finish()
    }
    const datagram = write().slice()
    measure(`PING with ${entries} entries, read in place`, 1, () => {
      inbound.decode(datagram)
      for (let at = inbound.entriesStart; at < inbound.entriesEnd; at = cursor.next) cursor.read(datagram, at)
    })
    measure("  written in place", 1, write)
  }
  const probe = (): Uint8Array => {
    writer.beginSectioned(Kind.Ping, 0)
    writer.pingProbe(1, 2, 3)
    return writer.finish()
  }
  const probing = probe().slice()
  measure("PING of level 1 with a probe section, read in place", 1, () => inbound.decode(probing, 1))
  measure("  written in place", 1, probe)
  const message = gossipOf(1, fifty, 1)
  const datagram = gossip(1, fifty, 1)
  measure("GOSSIP of 50, decoded to values (Message.decode)", 1, () => Message.decode(datagram))
  const addresses = new AddressCache()
  measure("  the same, its addresses in a cache", 1, () => Message.decode(datagram, { addresses }))
  measure("  encoded from values (Message.encode)", 1, () => Message.encode(message))
  const decode = Schema.decodeUnknownEffect(Message.MessageFromBytes)
  measure("  decoded through Schema", 1, () => Effect.runSync(decode(datagram)))
}

for (const members of [10, 1000, 10_000]) {
  const view = viewOf(members)
  const queue = new ChangeQueue()
  const packer = new MessagePacker(
    view,
    queue,
    new AccusationQueue(),
    {
      fanout: 50,
      adaptiveFanout: true,
      piggybackMax: 6,
      retransmitMultiplier: 4,
      level: 1,
      maxMessage: MaxMessage,
      needsOwnEntry: () => false
    },
    random
  )
  const refill = () => {
    for (let slot = 1; slot <= Math.min(members, 57); slot++) queue.add(slot, true)
  }
  measure(`a full GOSSIP packed from the queue, ${members} members`, 1, () => {
    if (queue.size === 0) refill()
    packer.gossip()
  })
  measure(`a PING packed, ${members} members`, 1, () => packer.ping(1, false))
  measure(`a PING of sections packed, ${members} members`, 1, () => packer.probe(1, false, 7))
}
