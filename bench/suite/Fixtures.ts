/** Views, messages and packers that several rows use. */
import { NetAddress } from "effect/net"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { ClusterView } from "../../src/membership/ClusterView.ts"
import { Findings } from "../../src/membership/Findings.ts"
import { AccusationQueue } from "../../src/outbox/AccusationQueue.ts"
import { BroadcastQueue } from "../../src/outbox/BroadcastQueue.ts"
import { ChangeQueue } from "../../src/outbox/ChangeQueue.ts"
import { MessagePacker } from "../../src/outbox/MessagePacker.ts"
import { Kind, MaxMessage } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import type * as Message from "../../src/wire/Message.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

/** As many entries as fit into a message, in round numbers. */
export const Full = 50

export const addressOf = (n: number): NetAddress.InetAddress =>
  NetAddress.inetAddressFromIpStringUnsafe(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, 7946)

export const idOf = (n: number): NodeId.NodeId => NodeId.fromWords(Math.imul(n, 0x9e3779b1) >>> 0, n)

/** The numbers from 1 to `count`. */
export const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1)

export const gossipOf = (sender: number, subjects: ReadonlyArray<number>, heartbeat: number): Message.Gossip => ({
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
    address: addressOf(n + 1)
  }))
})

/** The same, encoded. */
export const gossip = (sender: number, subjects: ReadonlyArray<number>, heartbeat: number): Uint8Array => {
  const writer = new MessageWriter()
  const { header } = writer
  header.idHi = NodeId.hi(idOf(sender))
  header.idLo = NodeId.lo(idOf(sender))
  header.heartbeat = heartbeat
  writer.begin(Kind.Gossip, 0)
  for (const n of subjects) {
    const id = idOf(n)
    writer.entry(NodeId.hi(id), NodeId.lo(id), heartbeat, 0, Claim.Alive, PackedAddress.pack(addressOf(n + 1)), 0)
  }
  return writer.finish()
}

const ownId = idOf(0)
const ownAddress = addressOf(1)

export const emptyView = (): ClusterView =>
  new ClusterView({
    id: ownId,
    address: ownAddress,
    incarnation: 0,
    deadRetention: 15_000,
    staleAfter: Infinity,
    conflictInterval: 1000,
    seed: 1,
    isAllowed: () => true,
    limits: { members: 65_536, tombstones: 8192, unlistedTombstones: 1024 }
  })

/** A view of the senders of messages, each of which is at the address of its number, from 1. */
export const viewFrom = (messages: ReadonlyArray<Uint8Array>): ClusterView => {
  const view = emptyView()
  const inbound = new Inbound()
  const findings = new Findings()
  messages.forEach((message, i) => {
    inbound.decode(message)
    PackedAddress.write(addressOf(i + 2), inbound.source, 0)
    view.receive(inbound, 0, findings)
  })
  return view
}

/** A view of so many other members. */
export const viewOf = (members: number): ClusterView => viewFrom(upTo(members).map((n) => gossip(n, [n], 1)))

/** Numbers that look random, the same in every run. */
export const generator = (): (() => number) => {
  let seed = 1
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
}

export const packerOf = (view: ClusterView, queue: ChangeQueue): MessagePacker =>
  new MessagePacker(
    view.table,
    {
      changes: queue,
      accusations: new AccusationQueue(),
      tags: new ChangeQueue(),
      broadcasts: new BroadcastQueue()
    },
    {
      fanout: Full,
      adaptiveFanout: false,
      piggybackMax: 6,
      retransmitMultiplier: 4,
      level: 1,
      salt: 0,
      maxMessage: MaxMessage,
      shortMessage: 548,
      needsOwnEntry: () => false
    },
    { now: () => 0, random: generator() }
  )
