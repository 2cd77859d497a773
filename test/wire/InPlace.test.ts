/** Reading and writing in place, held equal to the codec of values. */
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Equal, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import { EntryCursor } from "../../src/wire/Entry.ts"
import { HeaderLength, Kind, MaxMessage } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { evidences, responseStatuses, type SectionValues, statuses } from "../../src/wire/SectionValues.ts"
import { AccusationCursor } from "../../src/wire/sections/Accusation.ts"
import { LeftMemberCursor } from "../../src/wire/sections/LeftMember.ts"
import { MemberEventCursor } from "../../src/wire/sections/MemberEvent.ts"
import { MemberTagsCursor, pairsOf } from "../../src/wire/sections/MemberTags.ts"
import { nameOf, payloadOf } from "../../src/wire/sections/NamedPayload.ts"
import { QueryReader } from "../../src/wire/sections/Query.ts"
import { ResponseReader } from "../../src/wire/sections/Response.ts"
import { SectionCursor, SectionType } from "../../src/wire/sections/Section.ts"
import { encode, gossip1, mutated, packedExactly, ping, pingReq, sectioned, sections } from "./Datagrams.ts"

// --- reading ---------------------------------------------------------------------

const cursors = {
  entry: new EntryCursor(),
  accusation: new AccusationCursor(),
  left: new LeftMemberCursor(),
  tags: new MemberTagsCursor(),
  event: new MemberEventCursor(),
  query: new QueryReader(),
  response: new ResponseReader()
}

const range = <C extends { readonly next: number; read(bytes: Uint8Array, at: number): void }, A>(
  bytes: Uint8Array,
  start: number,
  end: number,
  cursor: C,
  valueOf: (cursor: C) => A
): Array<A> => {
  const values: Array<A> = []
  for (let at = start; at < end; at = cursor.next) {
    cursor.read(bytes, at)
    values.push(valueOf(cursor))
  }
  return values
}

const readEntries = ({ bytes, entriesEnd, entriesStart }: Inbound): ReadonlyArray<Message.MessageEntry> =>
  range(bytes, entriesStart, entriesEnd, cursors.entry, (entry) => {
    const { addressAt, heartbeat, idHi, idLo, incarnation } = entry
    const status = statuses[entry.status]
    const address = PackedAddress.read(bytes, addressAt)
    return status === undefined
      ? []
      : [{ nodeId: NodeId.fromWords(idHi, idLo), heartbeat, incarnation, status, address }]
  }).flat()

/** The sections of a message, read with the cursors of `src/wire/sections` and without values of the codec. */
const readSections = (inbound: Inbound): SectionValues => {
  const { bytes, sections } = inbound
  const list = <C extends { readonly next: number; read(bytes: Uint8Array, at: number): void }, A>(
    type: number,
    cursor: C,
    valueOf: (cursor: C) => ReadonlyArray<A>
  ) => range(bytes, sections.startOf(type), sections.endOf(type), cursor, valueOf).flat()
  const queries: Array<NonNullable<SectionValues["queries"]>[number]> = []
  const responses: Array<NonNullable<SectionValues["responses"]>[number]> = []
  const cursor = new SectionCursor()
  for (let at = HeaderLength; at < bytes.length; at = cursor.end) {
    cursor.read(bytes, at)
    if (cursor.type === SectionType.Query) {
      const { query } = cursors
      query.read(bytes, cursor.start)
      queries.push({
        originId: NodeId.fromWords(query.originHi, query.originLo),
        number: NodeId.fromWords(query.numberHi, query.numberLo),
        originAddress: PackedAddress.read(query.address, query.addressAt),
        deadlineMs: query.deadlineMs,
        name: nameOf(query),
        payload: payloadOf(query).slice()
      })
    }
    if (cursor.type === SectionType.Response) {
      const { response } = cursors
      response.read(bytes, cursor.start)
      const number = NodeId.fromWords(response.numberHi, response.numberLo)
      const status = responseStatuses[response.status]
      const value = response.bytes.slice(response.valueAt, response.valueEnd)
      if (status !== undefined) responses.push({ number, status, value })
    }
  }
  const lists = {
    entries: readEntries(inbound),
    accusations: list(SectionType.Accusations, cursors.accusation, (cursor) => {
      const evidence = evidences[cursor.evidence]
      const targetId = NodeId.fromWords(cursor.targetHi, cursor.targetLo)
      const accuserId = NodeId.fromWords(cursor.accuserHi, cursor.accuserLo)
      return evidence === undefined ? [] : [{ targetId, incarnation: cursor.incarnation, accuserId, evidence }]
    }),
    left: list(SectionType.Left, cursors.left, ({ idHi, idLo, incarnation }) => [
      { nodeId: NodeId.fromWords(idHi, idLo), incarnation }
    ]),
    tags: list(SectionType.Tags, cursors.tags, (cursor) => [
      {
        nodeId: NodeId.fromWords(cursor.idHi, cursor.idLo),
        incarnation: cursor.incarnation,
        version: cursor.version,
        tags: pairsOf(cursor)
      }
    ]),
    events: list(SectionType.Events, cursors.event, (cursor) => [
      {
        originId: NodeId.fromWords(cursor.originHi, cursor.originLo),
        incarnation: cursor.incarnation,
        number: cursor.number,
        name: nameOf(cursor),
        payload: payloadOf(cursor).slice()
      }
    ]),
    queries,
    responses
  }
  const all = (bits: number) => Array.from({ length: 1 << bits }, (_, bucket) => bucket)
  const version = () => NodeId.fromWords(inbound.tableVersionHi, inbound.tableVersionLo)
  const hash = () => NodeId.fromWords(sections.digestHi, sections.digestLo)
  return {
    ...Object.fromEntries(Object.entries(lists).filter(([, items]) => items.length > 0)),
    ...(sections.has(SectionType.Nack) ? { nack: { sequence: sections.nackSequence } } : {}),
    ...(inbound.isChunk
      ? { chunk: { tableVersion: version(), chunkIndex: inbound.chunkIndex, totalChunks: inbound.totalChunks } }
      : {}),
    ...(sections.has(SectionType.Digest) ? { digest: { memberCount: sections.digestCount, hash: hash() } } : {}),
    ...(sections.has(SectionType.Buckets)
      ? { buckets: all(sections.bucketBits).map((bucket) => sections.bucketHash(bucket)) }
      : {}),
    ...(sections.has(SectionType.Differing)
      ? { differing: all(sections.differingBits).map((bucket) => sections.covers(bucket)) }
      : {})
  }
}

/** Reads a datagram in place into the value that `decode` should give, or the tag of its error. */
const readInPlace = (inbound: Inbound, bytes: Uint8Array): Message.Message | string => {
  const fault = inbound.decode(bytes, 1)
  if (fault !== undefined) return fault._tag
  const { header } = inbound
  const sender = {
    senderId: NodeId.fromWords(header.idHi, header.idLo),
    heartbeat: header.heartbeat,
    incarnation: header.incarnation,
    flags: header.flags,
    level: header.level
  }
  const target = () => ({
    targetId: NodeId.fromWords(inbound.targetHi, inbound.targetLo),
    targetAddress: PackedAddress.read(bytes, inbound.targetAddressAt)
  })
  if (header.sectioned) {
    const values = readSections(inbound)
    const { sequence, waitMs } = inbound.sections
    const hasProbe = inbound.sections.has(SectionType.Probe)
    switch (header.kind) {
      case Kind.Ping: {
        const probe = { sequence, targetId: NodeId.fromWords(inbound.targetHi, inbound.targetLo) }
        return { _tag: "Ping1", ...sender, ...values, ...(hasProbe ? { probe } : {}) }
      }
      case Kind.PingReq:
        return { _tag: "PingReq1", ...sender, ...values, probe: { sequence, waitMs, ...target() } }
      case Kind.Ack:
        return { _tag: "Ack1", ...sender, ...values, ...(hasProbe ? { probe: { sequence } } : {}) }
      default:
        return { _tag: header.kind === Kind.Gossip ? "Gossip1" : "AntiEntropy1", ...sender, ...values }
    }
  }
  switch (header.kind) {
    case Kind.Leave:
      return { _tag: "Leave", ...sender }
    case Kind.PingReq:
      return { _tag: "PingReq", ...sender, ...target() }
    case Kind.AntiEntropy:
      expect(inbound.isChunk).toBe(true)
      return {
        _tag: "AntiEntropy",
        ...sender,
        tableVersion: NodeId.fromWords(inbound.tableVersionHi, inbound.tableVersionLo),
        chunkIndex: inbound.chunkIndex,
        totalChunks: inbound.totalChunks,
        entries: readEntries(inbound)
      }
    default:
      return {
        _tag: header.kind === Kind.Gossip ? "Gossip" : header.kind === Kind.Ping ? "Ping" : "Ack",
        ...sender,
        entries: readEntries(inbound)
      }
  }
}

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

  it("reads every section of every kind", () => {
    for (const message of sectioned) {
      expect(Equal.equals(readInPlace(inbound, encode(message)), message)).toBe(true)
    }
  })

  it.prop("reads and refuses changed datagrams as decode does", [mutated], ([bytes]) => equalsDecode(bytes), {
    arbitrary: { runs: 500 }
  })

  it("has the same kind, entries and chunk for both forms", () => {
    const base = { ...ping, _tag: "AntiEntropy" as const, tableVersion: 5n, chunkIndex: 1, totalChunks: 2 }
    const { entries, ...sender } = ping
    const chunk = { tableVersion: 5n, chunkIndex: 1, totalChunks: 2 }
    const read = [base, { ...sender, _tag: "AntiEntropy1" as const, chunk, entries }].map((message) => {
      expect(inbound.decode(encode(message), 1)).toBeUndefined()
      const { chunkIndex, header, tableVersionHi, tableVersionLo, totalChunks } = inbound
      return {
        kind: header.kind,
        tableVersionHi,
        tableVersionLo,
        chunkIndex,
        totalChunks,
        entries: readEntries(inbound)
      }
    })
    expect(Equal.equals(read[0], read[1])).toBe(true)
  })

  it("has no sections and no chunk of the message before", () => {
    inbound.decode(encode(gossip1), 1)
    expect(inbound.sections.has(SectionType.Digest)).toBe(true)
    inbound.decode(encode(ping), 1)
    for (const type of Object.values(SectionType)) {
      expect(inbound.sections.has(type)).toBe(false)
      expect([inbound.sections.startOf(type), inbound.sections.endOf(type)]).toEqual([0, 0])
    }
    expect(inbound.isChunk).toBe(false)
    const { entries: _, ...sender } = ping
    inbound.decode(encode({ ...sender, _tag: "Gossip1" }), 1)
    expect([inbound.entriesStart, inbound.entriesEnd]).toEqual([0, 0])
  })

  it("knows which flags are set", () => {
    for (let flags = 0; flags < 8; flags++) {
      inbound.decode(encode({ ...ping, flags }))
      expect([1, 2, 4].filter((flag) => inbound.has(flag)).reduce((a, b) => a | b, 0)).toBe(flags)
    }
  })
})

// --- writing ---------------------------------------------------------------------

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

const lengthOf = ({ address }: Message.MessageEntry) => (NetAddress.isInetAddressV4(address) ? 24 : 36)

const limits = Schema.Union([
  Schema.Int.check(Schema.isBetween({ minimum: HeaderLength, maximum: 300 })),
  Schema.Int.check(Schema.isBetween({ minimum: 1000, maximum: 2000 }))
])

describe("MessageWriter", () => {
  const writer = new MessageWriter()
  const kept: Array<readonly [Uint8Array, Uint8Array]> = []
  it.prop(
    "writes what encode encodes, every message with one writer",
    [Message.BaseMessage],
    ([message]) => {
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
      const bytes = writer.finish()
      expect(bytes).toEqual(encode(message))
      kept.push([bytes, encode(message)])
    },
    { arbitrary: { runs: 300, size: 38 } }
  )
  it("does not touch a finished message again", () => {
    expect(kept.length).toBeGreaterThan(0)
    for (const [bytes, expected] of kept) expect(bytes).toEqual(expected)
  })

  it("starts a chunk with the two halves of its table version", () => {
    start(writer, ping)
    writer.begin(Kind.AntiEntropy, 0)
    expect(writer.chunk(2 ** 20, 5, 3, 7)).toBe(true)
    const expected = { ...ping, _tag: "AntiEntropy" as const, entries: [], chunkIndex: 3, totalChunks: 7 }
    expect(writer.finish()).toEqual(encode({ ...expected, tableVersion: 2n ** 52n + 5n }))
  })

  it.prop(
    "takes entries that fit its limit, refuses those that do not, and never exceeds it",
    {
      entries: Arbitrary.array(Arbitrary.schema(Message.MessageEntry), { maxLength: 70 }),
      limit: Schema.NullOr(limits)
    },
    ({ entries, limit }) => {
      start(writer, ping)
      if (limit === null) {
        writer.begin(Kind.AntiEntropy, 0)
        writer.chunk(0, 5, 1, 2)
      } else writer.begin(Kind.Gossip, 1, limit)
      const most = Math.min(limit ?? MaxMessage, MaxMessage)
      let length = HeaderLength + (limit === null ? 12 : 0)
      const taken: Array<Message.MessageEntry> = []
      for (const entry of entries) {
        const fits = length + lengthOf(entry) <= most
        expect(add(writer, entry)).toBe(fits)
        if (fits) {
          length += lengthOf(entry)
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

  it("reserves another slab when its own is used up", () => {
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

describe("MessageWriter with sections", () => {
  const writer = new MessageWriter()
  const event = { originHi: 1, originLo: 2, incarnation: 3, number: 4 }
  const body = { bytes: Uint8Array.of(1, 97, 0, 1, 5), bodyAt: 0, bodyEnd: 5 }
  const address = packedExactly(pingReq.targetAddress)
  const query = { originHi: 1, originLo: 2, numberHi: 3, numberLo: 4, address, addressAt: 0, deadlineMs: 5, ...body }
  const response = { numberHi: 1, numberLo: 2, status: 0, bytes: body.bytes, valueAt: 0, valueEnd: 5 }
  const accusation = { targetHi: 1, targetLo: 2, incarnation: 3, accuserHi: 4, accuserLo: 5, evidence: 1 }
  const tags = { idHi: 1, idLo: 2, incarnation: 3, version: 4, bytes: body.bytes, pairsAt: 0, pairsEnd: 0 }

  /** Every way to write something, with the bytes that it takes in a message; the lists' items take them in their section. */
  const writes: ReadonlyArray<readonly [length: number, write: () => boolean]> = [
    [3 + 12, () => writer.pingProbe(1, 2, 3)],
    [3 + 4, () => writer.nack(1)],
    [3 + 12, () => writer.chunk(1, 2, 3, 4)],
    [3 + 12, () => writer.digest(1, 2, 3)],
    [3 + 1 + 16, () => writer.buckets(2, Uint32Array.of(1, 2, 3, 4))],
    [3 + 1 + 2, () => writer.differing(4, Uint8Array.of(1, 2))],
    [3 + 16 + 7 + 4 + 5, () => writer.query(query)],
    [3 + 11 + 5, () => writer.response(response)],
    [24, () => writer.entry(1, 2, 3, 4, 0, address, 0)],
    [21, () => writer.accusation(accusation)],
    [12, () => writer.left({ idHi: 1, idLo: 2, incarnation: 3 })],
    [18, () => writer.tags(tags)],
    [16 + 5, () => writer.event({ ...event, ...body })]
  ]
  const listTypes = [
    SectionType.Entries,
    SectionType.Accusations,
    SectionType.Left,
    SectionType.Tags,
    SectionType.Events
  ]

  it.prop(
    "never exceeds its limit and never writes a malformed message, whatever is asked of it",
    {
      asked: Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 18 }))), {
        maxLength: 60
      }),
      limit: limits
    },
    ({ asked, limit }) => {
      start(writer, ping)
      writer.beginSectioned(Kind.Ping, 0, limit)
      for (const what of asked) {
        const before = writer.length
        const write = writes[what]
        if (write !== undefined) {
          const [length, attempt] = write
          // Both can take back the header of an open section that is empty.
          expect(writer.length - before).toBeLessThanOrEqual(attempt() ? length : 0)
        } else if (what === 18) writer.endSection()
        else writer.beginSection(listTypes[what - writes.length]!)
        expect(writer.length).toBeLessThanOrEqual(Math.min(limit, MaxMessage))
        expect(writer.room).toBe(Math.min(limit, MaxMessage) - writer.length)
      }
      const bytes = writer.finish()
      expect(bytes.length).toBeLessThanOrEqual(Math.min(limit, MaxMessage))
      const message = Result.getOrThrow(Message.decode(bytes))
      expect(encode(message).length).toBe(bytes.length)
    },
    { arbitrary: { runs: 500, size: 60 } }
  )

  it("writes each thing exactly when it fits", () => {
    writes.forEach(([length, attempt], i) => {
      const list = listTypes[i - 8] ?? 0
      const needed = HeaderLength + length + (list === 0 ? 0 : 3)
      for (const limit of [needed - 1, needed]) {
        writer.beginSectioned(Kind.Ping, 0, limit)
        expect(list === 0 || writer.beginSection(list)).toBe(true)
        expect(attempt()).toBe(limit === needed)
        expect(writer.finish().length).toBe(limit === needed ? needed : HeaderLength)
      }
    })
  })

  it("refuses a list item outside its section", () => {
    for (const list of [0, ...listTypes]) {
      writes.slice(8).forEach(([, attempt], i) => {
        writer.beginSectioned(Kind.Gossip, 0)
        if (list !== 0) writer.beginSection(list)
        expect(attempt()).toBe(list === listTypes[i])
      })
    }
  })

  it("refuses a second section of a type, except of queries and responses", () => {
    for (const [, attempt] of writes.slice(0, 8)) {
      writer.beginSectioned(Kind.Ping, 0)
      expect(attempt()).toBe(true)
      expect(attempt()).toBe(attempt === writes[6]![1] || attempt === writes[7]![1])
    }
    writer.beginSectioned(Kind.Gossip, 0)
    expect(writer.beginSection(SectionType.Left)).toBe(true)
    // Nothing was written: the section was not there.
    expect(writer.beginSection(SectionType.Left)).toBe(true)
    expect(writer.left({ idHi: 1, idLo: 2, incarnation: 3 })).toBe(true)
    expect(writer.beginSection(SectionType.Left)).toBe(false)
    expect(writer.left({ idHi: 1, idLo: 2, incarnation: 3 })).toBe(false)
  })

  it("refuses sections in a message of version 1, and what is of version 1 in a message of sections", () => {
    writer.begin(Kind.Gossip, 0)
    expect(writer.beginSection(SectionType.Left)).toBe(false)
    expect(writer.nack(1)).toBe(false)
    expect(writer.length).toBe(HeaderLength)
    expect(writer.entry(1, 2, 3, 4, 0, address, 0)).toBe(true)
    writer.beginSectioned(Kind.PingReq, 0)
    expect(writer.target(1, 2, address, 0)).toBe(false)
  })

  it("passes on what its cursors read", () => {
    const inbound = new Inbound()
    const bytes = encode(gossip1)
    inbound.decode(bytes, 1)
    const { sections: found } = inbound
    start(writer, gossip1)
    writer.beginSectioned(Kind.Gossip, 0)
    const pass = <C extends { read(bytes: Uint8Array, at: number): void }>(
      type: number,
      cursor: C,
      write: (cursor: C) => boolean
    ) => {
      writer.beginSection(type)
      cursor.read(bytes, found.startOf(type))
      expect(write(cursor)).toBe(true)
    }
    pass(SectionType.Accusations, new AccusationCursor(), (cursor) => writer.accusation(cursor))
    pass(SectionType.Left, new LeftMemberCursor(), (cursor) => writer.left(cursor))
    pass(SectionType.Tags, new MemberTagsCursor(), (cursor) => writer.tags(cursor))
    pass(SectionType.Events, new MemberEventCursor(), (cursor) => writer.event(cursor))
    pass(SectionType.Query, new QueryReader(), (reader) => writer.query(reader))
    pass(SectionType.Response, new ResponseReader(), (reader) => writer.response(reader))
    const { accusations, events, left, queries, responses, tags } = sections
    const { entries: _, ...sender } = ping
    const expected = { ...sender, _tag: "Gossip1" as const, accusations, events, left, queries, responses, tags }
    expect(writer.finish()).toEqual(encode(expected))
  })
})
