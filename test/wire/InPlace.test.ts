/** Reading and writing in place, held equal to the codec of values. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Equal, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import { EntryCursor } from "../../src/wire/Entry.ts"
import { HeaderLength, Kind, MaxMessage } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import { MaxChunk, MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { encode, mutated, packedExactly, ping, pingReq } from "./Datagrams.ts"

const statuses = ["Alive", "Suspect", "Dead"] as const

/** Reads a datagram through `Inbound` and `EntryCursor` into the value that `decode` should give. */
const readInPlace = (inbound: Inbound, bytes: Uint8Array): Message.Message | string => {
  const fault = inbound.decode(bytes)
  if (fault !== undefined) return fault._tag
  const { header } = inbound
  const sender = {
    senderId: NodeId.fromWords(header.idHi, header.idLo),
    heartbeat: header.heartbeat,
    incarnation: header.incarnation,
    flags: header.flags,
    level: header.level
  }
  const cursor = new EntryCursor()
  const entries: Array<Message.MessageEntry> = []
  for (let at = inbound.entriesStart; at < inbound.entriesEnd; at = cursor.next) {
    cursor.read(bytes, at)
    const { heartbeat, incarnation } = cursor
    const status = statuses[cursor.status]
    const address = PackedAddress.read(bytes, cursor.addressAt)
    const nodeId = NodeId.fromWords(cursor.idHi, cursor.idLo)
    if (status !== undefined) entries.push({ nodeId, heartbeat, incarnation, status, address })
  }
  switch (header.kind) {
    case Kind.Leave:
      return { _tag: "Leave", ...sender }
    case Kind.PingReq:
      return {
        _tag: "PingReq",
        ...sender,
        targetId: NodeId.fromWords(inbound.targetHi, inbound.targetLo),
        targetAddress: PackedAddress.read(bytes, inbound.targetAddressAt)
      }
    case Kind.AntiEntropy:
      return {
        _tag: "AntiEntropy",
        ...sender,
        tableVersion: NodeId.fromWords(inbound.tableVersionHi, inbound.tableVersionLo),
        chunkIndex: inbound.chunkIndex,
        totalChunks: inbound.totalChunks,
        entries
      }
    default:
      return {
        _tag: header.kind === Kind.Gossip ? "Gossip" : header.kind === Kind.Ping ? "Ping" : "Ack",
        ...sender,
        entries
      }
  }
}

const start = (writer: MessageWriter, message: Message.Message) => {
  writer.header.idHi = NodeId.hi(message.senderId)
  writer.header.idLo = NodeId.lo(message.senderId)
  writer.header.heartbeat = message.heartbeat
  writer.header.incarnation = message.incarnation
  writer.header.level = message.level
}

const add = (writer: MessageWriter, { address, heartbeat, incarnation, nodeId, status }: Message.MessageEntry) =>
  writer.entry(
    NodeId.hi(nodeId),
    NodeId.lo(nodeId),
    heartbeat,
    incarnation,
    statuses.indexOf(status),
    packedExactly(address),
    0
  )

describe("Inbound", () => {
  const inbound = new Inbound()
  const equalsDecode = (bytes: Uint8Array) => {
    const expected = Result.match(Message.decode(bytes), {
      onFailure: (error) => error._tag,
      onSuccess: (message) => message
    })
    expect(Equal.equals(readInPlace(inbound, bytes), expected)).toBe(true)
  }

  it.prop("reads what decode decodes", [Message.Message], ([message]) => equalsDecode(encode(message)), {
    arbitrary: { runs: 500 }
  })

  it.prop("reads and refuses changed datagrams as decode does", [mutated], ([bytes]) => equalsDecode(bytes), {
    arbitrary: { runs: 500 }
  })

  it("knows which flags are set", () => {
    for (let flags = 0; flags < 8; flags++) {
      inbound.decode(encode({ ...ping, flags }))
      expect([1, 2, 4].filter((flag) => inbound.has(flag)).reduce((a, b) => a | b, 0)).toBe(flags)
    }
  })
})

describe("MessageWriter", () => {
  const writer = new MessageWriter()
  const write = (message: Message.Message) => {
    start(writer, message)
    writer.begin(Kind[message._tag], message.flags)
    if (message._tag === "AntiEntropy") {
      const { chunkIndex, tableVersion, totalChunks } = message
      const [hi, lo] = [Number(tableVersion >> 32n), Number(tableVersion & 0xffff_ffffn)]
      expect(writer.chunk(hi, lo, chunkIndex, totalChunks)).toBe(true)
    }
    if (message._tag === "PingReq") {
      const { targetAddress, targetId } = message
      expect(writer.target(NodeId.hi(targetId), NodeId.lo(targetId), packedExactly(targetAddress), 0)).toBe(true)
    } else if (message._tag !== "Leave") for (const entry of message.entries) expect(add(writer, entry)).toBe(true)
    return writer.finish()
  }

  const kept: Array<readonly [Uint8Array, Uint8Array]> = []
  it.prop(
    "writes what encode encodes, every message with one writer",
    [Message.Message],
    ([message]) => {
      const bytes = write(message)
      expect(bytes).toEqual(encode(message))
      kept.push([bytes, encode(message)])
    },
    { arbitrary: { runs: 300, size: 40 } }
  )
  it("does not touch a finished message again", () => {
    expect(kept.length).toBeGreaterThan(0)
    for (const [bytes, expected] of kept) expect(bytes).toEqual(expected)
  })

  it("starts a chunk with the two halves of its table version", () => {
    start(writer, ping)
    writer.beginChunk(2 ** 52 + 5, 3, 7)
    const expected = { ...ping, _tag: "AntiEntropy" as const, entries: [], chunkIndex: 3, totalChunks: 7 }
    expect(writer.finish()).toEqual(encode({ ...expected, tableVersion: 2n ** 52n + 5n }))
  })

  const limits = Schema.Union([
    Schema.Int.check(Schema.isBetween({ minimum: HeaderLength, maximum: 300 })),
    Schema.Int.check(Schema.isBetween({ minimum: 1000, maximum: 2000 }))
  ])
  it.prop(
    "takes what fits its limit, refuses what does not, and never exceeds it",
    {
      entries: Arbitrary.array(Arbitrary.schema(Message.MessageEntry), { maxLength: 70 }),
      limit: Schema.NullOr(limits)
    },
    ({ entries, limit }) => {
      start(writer, ping)
      if (limit === null) writer.beginChunk(5, 1, 2)
      else writer.begin(Kind.Gossip, 1, limit)
      const most = limit === null ? MaxChunk : Math.min(limit, MaxMessage)
      let length = HeaderLength + (limit === null ? 12 : 0)
      const taken: Array<Message.MessageEntry> = []
      for (const entry of entries) {
        const size = NetAddress.isInetAddressV4(entry.address) ? 24 : 36
        const fits = length + size <= most
        expect(add(writer, entry)).toBe(fits)
        if (fits) {
          length += size
          taken.push(entry)
        }
        expect(writer.length).toBe(length)
        expect(writer.room).toBe(most - length)
        expect(writer.entries).toBe(taken.length)
      }
      const expected: Message.Message =
        limit === null
          ? { ...ping, _tag: "AntiEntropy", tableVersion: 5n, chunkIndex: 1, totalChunks: 2, entries: taken }
          : { ...ping, _tag: "Gossip", flags: 1, entries: taken }
      expect(writer.finish()).toEqual(encode(expected))
    },
    { arbitrary: { runs: 200, size: 70 } }
  )

  it("refuses a target or a chunk header that does not fit", () => {
    const address = packedExactly(pingReq.targetAddress)
    for (let limit = HeaderLength; limit < HeaderLength + 20; limit++) {
      writer.begin(Kind.PingReq, 0, limit)
      expect(writer.target(0, 9, address, 0)).toBe(limit >= HeaderLength + 15)
      expect(writer.finish().length).toBe(limit >= HeaderLength + 15 ? HeaderLength + 15 : HeaderLength)
      writer.begin(Kind.AntiEntropy, 0, limit)
      expect(writer.chunk(0, 1, 0, 1)).toBe(limit >= HeaderLength + 12)
      expect(writer.finish().length).toBe(limit >= HeaderLength + 12 ? HeaderLength + 12 : HeaderLength)
    }
  })

  it("reserves a message of its own when its slab is used up", () => {
    const small = new MessageWriter(100)
    start(small, ping)
    const messages = Array.from({ length: 5 }, () => {
      small.begin(Kind.Ping, 0)
      for (const entry of ping.entries) add(small, entry)
      return small.finish()
    })
    for (const message of messages) expect(message).toEqual(encode(ping))
  })
})
