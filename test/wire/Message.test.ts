import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Equal, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as NodeId from "../../src/domain/NodeId.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { EntryCursor } from "../../src/wire/Entry.ts"
import { HeaderLength, Kind, MaxMessage } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import { MaxChunk, MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { reasons } from "../../src/wire/WireError.ts"

// --- recordings --------------------------------------------------------------

const recorded = (file: string) =>
  readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line): { readonly kind: string; readonly hex: string; readonly plaintext_hex?: string } => JSON.parse(line))

const packets = [...recorded("plain.jsonl"), ...recorded("encrypted.jsonl")].map(({ hex, kind, plaintext_hex }) => ({
  kind,
  bytes: Uint8Array.from(Buffer.from(plaintext_hex ?? hex, "hex"))
}))

const recordedKind = {
  Gossip: "GOSSIP",
  Ping: "PING",
  PingReq: "PING_REQ",
  Ack: "ACK",
  Leave: "LEAVE",
  AntiEntropy: "ANTI_ENTROPY"
}

// --- arbitrary messages --------------------------------------------------------

const u32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff)
)
const u16 = fc.integer({ min: 0, max: 0xffff })
const u8 = fc.integer({ min: 0, max: 0xff })
const nodeId = fc.tuple(u32, u32).map(([hi, lo]) => NodeId.fromWords(hi, lo))
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const ipv4 = bytesOf(4).map(NetAddress.ipv4FromBytesUnsafe)
const ipv6 = bytesOf(16).map(NetAddress.ipv6FromBytesUnsafe)
const mapped = bytesOf(4).map((last) =>
  NetAddress.ipv6FromBytesUnsafe(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...last]))
)
const ip = fc.oneof<Array<fc.Arbitrary<NetAddress.IpAddress>>>(ipv4, ipv6, mapped)
const address = fc.tuple(ip, u16).map(([address, port]) => NetAddress.inetAddressUnsafe(address, port))

const entry: fc.Arbitrary<Message.MessageEntry> = fc.record({
  nodeId,
  heartbeat: u32,
  incarnation: u32,
  status: fc.constantFrom("Alive", "Suspect", "Dead"),
  address
})
/** As many entries as always fit, with IPv6 addresses too and in an ANTI_ENTROPY. */
const entries = fc.oneof(fc.array(entry, { maxLength: 4 }), fc.array(entry, { maxLength: 38, size: "max" }))
const sender = { senderId: nodeId, heartbeat: u32, incarnation: u32, flags: u8, level: u8 }
const message: fc.Arbitrary<Message.Message> = fc.oneof<Array<fc.Arbitrary<Message.Message>>>(
  fc.record({ _tag: fc.constantFrom("Gossip", "Ping", "Ack"), ...sender, entries }),
  fc.record({ _tag: fc.constant("PingReq"), ...sender, targetId: nodeId, targetAddress: address }),
  fc.record({ _tag: fc.constant("Leave"), ...sender }),
  fc.record({
    _tag: fc.constant("AntiEntropy"),
    ...sender,
    tableVersion: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    chunkIndex: u16,
    totalChunks: u16,
    entries
  })
)

// --- bytes -------------------------------------------------------------------

const encode = (message: Message.Message) => Result.getOrThrow(Message.encode(message))

const ping: Message.Ping = {
  _tag: "Ping",
  senderId: NodeId.fromWords(1, 2),
  heartbeat: 3,
  incarnation: 4,
  flags: 0,
  level: 0,
  entries: [1, 2, 3].map((n) => ({
    nodeId: NodeId.fromWords(0, n),
    heartbeat: n,
    incarnation: 0,
    status: "Alive" as const,
    address: NetAddress.inetAddressUnsafe(NetAddress.ipv4FromBytesUnsafe(Uint8Array.of(10, 0, 0, n)), 7000)
  }))
}
const pingReq: Message.PingReq = {
  ...ping,
  _tag: "PingReq",
  targetId: NodeId.fromWords(0, 9),
  targetAddress: ping.entries[0]!.address
}
const leave: Message.Leave = { ...ping, _tag: "Leave" }

/** Makes length field and checksum fit what stands in the datagram. */
const seal = (bytes: Uint8Array) => {
  const length = bytes.length - HeaderLength
  bytes[2] = length >>> 8
  bytes[3] = length
  return sum(bytes)
}
const sum = (bytes: Uint8Array) => {
  bytes[22] = 0
  bytes[23] = 0
  const checksum = internetChecksum(bytes, 0, bytes.length)
  bytes[22] = checksum >>> 8
  bytes[23] = checksum
  return bytes
}
const append = (bytes: Uint8Array, ...more: ReadonlyArray<number>) => Uint8Array.from([...bytes, ...more])

/** An address packed as it is, a mapped one as IPv6. */
const packedExactly = (address: NetAddress.InetAddress) => {
  const bytes = new Uint8Array(PackedAddress.MaxLength)
  PackedAddress.writeExact(address, bytes, 0)
  return bytes
}

/** The `_tag` of the error that a datagram gives, or `undefined` when it is a message. */
const fault = (bytes: Uint8Array) =>
  Result.match(Message.decode(bytes), { onFailure: (error) => error._tag, onSuccess: () => undefined })

/** Valid datagrams changed in a few bytes, cut or made longer, and mostly sealed again so that the change is read. */
const mutated = fc
  .record({
    message,
    at: fc.array(fc.tuple(fc.nat(MaxMessage), u8), { maxLength: 4 }),
    cut: fc.option(fc.nat(MaxMessage)),
    more: fc.uint8Array({ maxLength: 40 }),
    sealed: fc.constantFrom(true, true, true, false),
    // Small numbers at a place chosen for what is read there: version, kind, statuses, families.
    kind: fc.option(fc.nat(8))
  })
  .map(({ at, cut, kind, message, more, sealed }) => {
    const whole = append(encode(message), ...more)
    const bytes = cut === null ? whole : whole.slice(0, cut)
    for (const [place, value] of at) if (place < bytes.length) bytes[place] = value
    if (kind !== null && bytes.length > 1) bytes[1] = kind
    return sealed && bytes.length >= HeaderLength ? seal(bytes) : bytes
  })

describe("recorded packets", () => {
  it("are there", () => {
    expect(packets.length).toBe(46)
    expect(new Set(packets.map(({ kind }) => kind))).toEqual(new Set(Object.values(recordedKind)))
  })

  it.each(packets.map(({ bytes, kind }, i) => ({ i, kind, bytes })))(
    "$i, a $kind, decodes and encodes again to the same bytes",
    ({ bytes, kind }) => {
      const message = Result.getOrThrow(Message.decode(bytes))
      expect(recordedKind[message._tag]).toBe(kind)
      expect(encode(message)).toEqual(bytes)
    }
  )

  it("are read field by field as the format says", () => {
    const { bytes } = packets.find(({ bytes }) => bytes.length === 84 + 24)!
    const decoded = Result.getOrThrow(Message.decode(bytes))
    const { senderId, heartbeat, incarnation, flags, level } = decoded
    expect([senderId, heartbeat, incarnation, flags, level]).toEqual([0x9048b95e1ab658aan, 0x15, 0, 0, 0])
    const chunk = decoded._tag === "AntiEntropy" ? decoded : undefined
    expect([chunk?.tableVersion, chunk?.chunkIndex, chunk?.totalChunks]).toEqual([1n, 0, 1])
    expect(
      chunk?.entries.map((entry) => [
        entry.nodeId,
        entry.heartbeat,
        entry.incarnation,
        entry.status,
        String(entry.address)
      ])
    ).toEqual([
      [0x9048b95e1ab658aan, 0x15, 0, "Alive", "127.0.0.1:7000"],
      [0x3ca422aa74ba1fdfn, 0x14, 0, "Alive", "127.0.0.1:7002"],
      [0x4d38be4d8445dff3n, 0x0c, 0, "Suspect", "127.0.0.1:7001"]
    ])
  })
})

describe("Message", () => {
  it("decode gives back what encode took, and the bytes have checksum 0", () => {
    fc.assert(
      fc.property(message, (message) => {
        const bytes = encode(message)
        const decoded = Result.getOrThrow(Message.decode(bytes))
        expect(Equal.equals(decoded, message)).toBe(true)
        expect(encode(decoded)).toEqual(bytes)
        expect(internetChecksum(bytes, 0, bytes.length)).toBe(0)
        expect(bytes.length).toBeLessThanOrEqual(MaxMessage)
      }),
      { numRuns: 500 }
    )
  })

  it("keeps an IPv4-mapped IPv6 address as IPv6", () => {
    const target = NetAddress.inetAddressUnsafe(
      NetAddress.ipv6FromBytesUnsafe(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1])),
      80
    )
    const decoded = Result.getOrThrow(Message.decode(encode({ ...pingReq, targetAddress: target })))
    expect(decoded._tag === "PingReq" && NetAddress.isInetAddressV6(decoded.targetAddress)).toBe(true)
    expect(encode(decoded).length).toBe(HeaderLength + 8 + 19)
  })

  it("lays a message out as the format says", () => {
    const hex = Buffer.from(encode({ ...ping, flags: 3, level: 1, entries: ping.entries.slice(0, 1) })).toString("hex")
    expect(hex.slice(0, 44)).toBe(["01020018", "0000000100000002", "00000003", "00000004", "03", "01"].join(""))
    expect(hex.slice(48)).toBe(["0000000000000001", "00000001", "00000000", "00", "040a000001", "1b58"].join(""))
  })

  it("decodes any bytes, or says by a typed error what they lack", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 1500, size: "max" })),
        (bytes) => {
          expect([undefined, ...reasons]).toContain(fault(bytes))
        }
      ),
      { numRuns: 500 }
    )
  })

  it("decodes any changed packet, or says by a typed error what is wrong; what it decodes survives a round trip", () => {
    const outcomes = new Set<string | undefined>()
    fc.assert(
      fc.property(mutated, (bytes) => {
        const result = Message.decode(bytes)
        outcomes.add(Result.isFailure(result) ? result.failure._tag : result.success._tag)
        if (Result.isFailure(result)) return reasons.includes(result.failure._tag) && result.failure.message !== ""
        return Equal.equals(Result.getOrThrow(Message.decode(encode(result.success))), result.success)
      }),
      { numRuns: 4000, seed: 20_240_229 }
    )
    // Every branch was taken: each error, and a message of each kind.
    expect(outcomes).toEqual(new Set([...reasons, ...Object.keys(recordedKind)]))
  })

  it("reports the first fault in the order of the format's rules, whichever others there are", () => {
    fc.assert(
      fc.property(fc.subarray([...reasons]), (faults) => {
        const has = (reason: (typeof reasons)[number]) => faults.includes(reason)
        const bytes = encode(ping)
        // The family byte of the first entry.
        if (has("MalformedPayload")) bytes[HeaderLength + 17] = 9
        if (has("UnknownKind")) bytes[1] = 7
        if (has("UnsupportedVersion")) bytes[0] = 2
        // Less by a whole entry, so that the payload would be whole at the length that the header tells.
        if (has("LengthMismatch")) bytes[3] = bytes[3]! - 24
        sum(bytes)
        if (has("ChecksumMismatch")) bytes[23] = bytes[23]! ^ 0x55
        const datagram = has("Truncated") ? bytes.slice(0, HeaderLength - 1) : bytes
        expect(fault(datagram)).toBe(reasons.find(has))
      }),
      { numRuns: 300 }
    )
  })

  it("tells each fault with its numbers", () => {
    const error = (bytes: Uint8Array) => Result.getOrThrow(Result.flip(Message.decode(bytes)))
    const changed = (...changes: ReadonlyArray<readonly [number, number]>) => {
      const bytes = encode(ping)
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    }
    expect(error(new Uint8Array(23))).toMatchObject({ _tag: "Truncated", length: 23 })
    expect(error(changed([0, 9]))).toMatchObject({ _tag: "UnsupportedVersion", version: 9 })
    expect(error(append(encode(ping), 0))).toMatchObject({ _tag: "LengthMismatch", expected: 96, actual: 97 })
    expect(error(changed([22, 0xab], [23, 0xcd]))).toMatchObject({ _tag: "ChecksumMismatch", checksum: 0xabcd })
    expect(error(sum(changed([1, 0])))).toMatchObject({ _tag: "UnknownKind", kind: 0 })
    expect(error(sum(changed([1, 0x21])))).toMatchObject({ _tag: "UnknownKind", kind: 0x21 })
    const second = HeaderLength + 24
    expect(error(sum(changed([second + 17, 5])))).toMatchObject({ _tag: "MalformedPayload", offset: second })
  })

  // One bit changes the sum by a power of two, and no power of two is a multiple of 2^16 - 1. So no flipped bit goes
  // unnoticed, the checksum's own included: the ambiguity of one's complement needs all 16 bits at once, as below.
  it("notices every single flipped bit", () => {
    fc.assert(
      fc.property(message, fc.nat(MaxMessage * 8), (message, place) => {
        const bytes = encode(message)
        const bit = place % (bytes.length * 8)
        const at = bit >>> 3
        bytes[at] = bytes[at]! ^ (1 << (bit & 7))
        expect(fault(bytes)).toBe(
          at === 0 ? "UnsupportedVersion" : at === 2 || at === 3 ? "LengthMismatch" : "ChecksumMismatch"
        )
      }),
      { numRuns: 500 }
    )
    for (const { bytes } of packets.slice(0, 8)) {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.slice()
        flipped[bit >>> 3]! ^= 1 << (bit & 7)
        expect(fault(flipped)).toBeDefined()
      }
    }
  })

  it("takes ffff for a checksum of 0, the same number in one's complement, and nothing else of the message changes", () => {
    const found = Array.from({ length: 0x1_0000 }, (_, heartbeat) => encode({ ...leave, heartbeat })).filter(
      (bytes) => bytes[22] === 0 && bytes[23] === 0
    )
    expect(found.length).toBeGreaterThan(0)
    for (const bytes of found) {
      const other = bytes.slice().fill(0xff, 22, 24)
      expect(Equal.equals(Message.decode(other), Message.decode(bytes))).toBe(true)
      expect(encode(Result.getOrThrow(Message.decode(other)))).toEqual(bytes)
    }
  })

  it("skips entries with a status of 3 to 255 and uses the others", () => {
    for (let status = 3; status <= 255; status++) {
      const bytes = encode(ping)
      bytes[HeaderLength + 24 + 16] = status
      const decoded = Result.getOrThrow(Message.decode(sum(bytes)))
      expect(Equal.equals(decoded, { ...ping, entries: [ping.entries[0]!, ping.entries[2]!] })).toBe(true)
    }
  })

  it("finds a message malformed that has an unknown address family, in an entry to be skipped too", () => {
    for (let family = 0; family <= 255; family++) {
      const bytes = encode(ping)
      bytes[HeaderLength + 24 + 17] = family
      const expected = family === 4 ? undefined : "MalformedPayload"
      expect(fault(sum(bytes))).toBe(expected)
      bytes[HeaderLength + 24 + 16] = 77
      expect(fault(sum(bytes))).toBe(expected)
      const target = encode(pingReq)
      target[HeaderLength + 8] = family
      expect(fault(sum(target))).toBe(expected)
    }
  })

  it("finds a message malformed whose last entry is cut short anywhere", () => {
    for (let cut = 1; cut < 24; cut++) expect(fault(seal(encode(ping).slice(0, -cut)))).toBe("MalformedPayload")
    expect(fault(seal(encode(ping).slice(0, -24)))).toBeUndefined()
  })

  it("finds a PING_REQ malformed that is too short or goes on behind its target", () => {
    for (let cut = 1; cut <= 15; cut++) expect(fault(seal(encode(pingReq).slice(0, -cut)))).toBe("MalformedPayload")
    expect(fault(seal(append(encode(pingReq), 0)))).toBe("MalformedPayload")
    expect(fault(seal(append(encode(pingReq), ...Array.from({ length: 12 }, () => 0))))).toBe("MalformedPayload")
    expect(fault(encode(pingReq))).toBeUndefined()
  })

  it("finds an ANTI_ENTROPY malformed that has no whole chunk header", () => {
    const empty = encode({ ...ping, _tag: "AntiEntropy", tableVersion: 1n, chunkIndex: 0, totalChunks: 1, entries: [] })
    expect(fault(empty)).toBeUndefined()
    for (let cut = 1; cut <= 12; cut++) expect(fault(seal(empty.slice(0, -cut)))).toBe("MalformedPayload")
  })

  it("ignores whatever stands behind a LEAVE", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400, size: "max" }), (more) => {
        const decoded = Result.getOrThrow(Message.decode(seal(append(encode(leave), ...more))))
        expect(encode(decoded)).toEqual(encode(leave))
      })
    )
  })

  it("accepts 1400 bytes of payload and no more", () => {
    const zeros = (length: number) => Array.from({ length }, () => 0)
    expect(fault(seal(append(encode(leave), ...zeros(1400))))).toBeUndefined()
    expect(fault(seal(append(encode(leave), ...zeros(1401))))).toBe("LengthMismatch")
  })

  it("encodes 58 entries and not 59, which exceed 1400 bytes", () => {
    const many = (length: number): Message.Ping => ({
      ...ping,
      entries: Array.from({ length }, () => ping.entries[0]!)
    })
    expect(encode(many(58)).length).toBe(HeaderLength + 58 * 24)
    expect(Message.encode(many(59))).toMatchObject({ failure: { _tag: "PayloadTooLarge", length: 59 * 24 } })
  })
})

describe("MessageFromBytes", () => {
  const decode = Schema.decodeUnknownResult(Message.MessageFromBytes)
  const encodeSchema = Schema.encodeUnknownResult(Message.MessageFromBytes)

  it("decodes what decode decodes, and fails where it fails with what it says", () => {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const direct = Message.decode(bytes)
        const throughSchema = decode(bytes)
        if (Result.isSuccess(direct)) {
          return Result.isSuccess(throughSchema) && Equal.equals(throughSchema.success, direct.success)
        }
        return Result.isFailure(throughSchema) && String(throughSchema.failure).includes(direct.failure.message)
      }),
      { numRuns: 500 }
    )
  })

  it("encodes what encode encodes", () => {
    fc.assert(
      fc.property(message, (message) => {
        expect(Result.getOrThrow(encodeSchema(message))).toEqual(encode(message))
      })
    )
  })

  it("fails to encode what is too long or no message, and to decode what is no bytes", () => {
    const long = { ...ping, entries: Array.from({ length: 59 }, () => ping.entries[0]!) }
    expect(String(Result.getOrThrow(Result.flip(encodeSchema(long))))).toContain("payload of 1416 bytes exceeds 1400")
    for (const no of [{ ...ping, _tag: "Other" }, { ...ping, _tag: "toString" }, { _tag: "Ping" }, null, 5]) {
      expect(Result.isFailure(encodeSchema(no))).toBe(true)
    }
    for (const no of ["01", [1, 2], null]) expect(Result.isFailure(decode(no))).toBe(true)
  })
})

describe("reading and writing in place", () => {
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
      const status = (["Alive", "Suspect", "Dead"] as const)[cursor.status]
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

  it("reads what decode decodes, every datagram into one Inbound", () => {
    const inbound = new Inbound()
    fc.assert(
      fc.property(fc.oneof(message.map(encode), mutated), (bytes) => {
        const expected = Result.match(Message.decode(bytes), {
          onFailure: (error) => error._tag,
          onSuccess: (message) => message
        })
        expect(Equal.equals(readInPlace(inbound, bytes), expected)).toBe(true)
      }),
      { numRuns: 1000 }
    )
  })

  it("knows which flags are set", () => {
    const inbound = new Inbound()
    for (let flags = 0; flags < 8; flags++) {
      inbound.decode(encode({ ...ping, flags }))
      expect([1, 2, 4].filter((flag) => inbound.has(flag)).reduce((a, b) => a | b, 0)).toBe(flags)
    }
  })

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
      ["Alive", "Suspect", "Dead"].indexOf(status),
      packedExactly(address),
      0
    )

  it("writes what encode encodes, every message with one writer", () => {
    const writer = new MessageWriter()
    const written = (message: Message.Message) => {
      start(writer, message)
      if (message._tag === "AntiEntropy") {
        writer.beginChunk(Number(message.tableVersion), message.chunkIndex, message.totalChunks)
      } else writer.begin(Kind[message._tag], message.flags)
      if (message._tag === "PingReq") {
        const { targetAddress, targetId } = message
        writer.target(NodeId.hi(targetId), NodeId.lo(targetId), packedExactly(targetAddress), 0)
      } else if (message._tag !== "Leave") for (const entry of message.entries) add(writer, entry)
      return writer.finish()
    }
    // A writer counts table versions as a number, and its chunks have no flags and at most 1200 bytes.
    const writable = fc
      .tuple(message, fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }))
      .map(([message, tableVersion]) =>
        message._tag === "AntiEntropy"
          ? { ...message, flags: 0, tableVersion, entries: message.entries.slice(0, 32) }
          : message
      )
    const kept: Array<readonly [Uint8Array, Uint8Array]> = []
    fc.assert(
      fc.property(writable, (message) => {
        const bytes = written(message)
        expect(bytes).toEqual(encode(message))
        kept.push([bytes, encode(message)])
      }),
      { numRuns: 300 }
    )
    // A finished message is its receiver's: later ones do not write into it.
    for (const [bytes, expected] of kept) expect(bytes).toEqual(expected)
  })

  it("takes entries as long as they fit the limit, and never exceeds it", () => {
    const writer = new MessageWriter()
    const limit = fc.oneof(fc.integer({ min: HeaderLength, max: 300 }), fc.integer({ min: 1000, max: 2000 }))
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 70, size: "max" }), fc.option(limit), (entries, limit) => {
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
          expect(writer.entries).toBe(taken.length)
        }
        const expected: Message.Message =
          limit === null
            ? { ...ping, _tag: "AntiEntropy", tableVersion: 5n, chunkIndex: 1, totalChunks: 2, entries: taken }
            : { ...ping, _tag: "Gossip", flags: 1, entries: taken }
        expect(writer.finish()).toEqual(encode(expected))
      }),
      { numRuns: 200 }
    )
  })
})

describe("PackedAddress", () => {
  const packed = (...bytes: ReadonlyArray<number>) => Uint8Array.from(bytes)
  const v6 = (...tail: ReadonlyArray<number>) =>
    packed(6, ...Array.from({ length: 18 - tail.length }, () => 0), ...tail)

  it("makes an IPv4-mapped address IPv4 in canonical form, and leaves every other as it is", () => {
    fc.assert(
      fc.property(address, (address) => {
        const exact = packedExactly(address)
        const canonical = new Uint8Array(PackedAddress.MaxLength)
        PackedAddress.copyCanonical(exact, 0, canonical, 0)
        const canonicalAddress = NetAddress.toCanonical(address)
        expect(canonical).toEqual(PackedAddress.pack(address))
        expect(Equal.equals(PackedAddress.read(canonical, 0), canonicalAddress)).toBe(true)
        expect(PackedAddress.isMapped(exact, 0)).toBe(!Equal.equals(address, canonicalAddress))
      }),
      { numRuns: 300 }
    )
  })

  it("takes no address for IPv4-mapped that differs from ::ffff:0:0/96 in any byte", () => {
    const exact = v6(0xff, 0xff, 10, 0, 0, 1, 0x1b, 0x58)
    expect(PackedAddress.isMapped(exact, 0)).toBe(true)
    for (let at = 0; at < 13; at++) expect(PackedAddress.isMapped(exact.with(at, exact[at]! ^ 2), 0)).toBe(false)
  })

  it("has one key for each address", () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        const [left, right] = [PackedAddress.pack(a), PackedAddress.pack(b)]
        const equal = Equal.equals(NetAddress.toCanonical(a), NetAddress.toCanonical(b))
        expect(PackedAddress.key(left, 0) === PackedAddress.key(right, 0)).toBe(equal)
        expect(PackedAddress.compare(left, 0, right, 0) === 0).toBe(equal)
        expect(PackedAddress.key(left, 0)).toBe(PackedAddress.key(PackedAddress.pack(a), 0))
      })
    )
  })

  it("takes a member's address to have a port and to be neither unspecified nor multicast", () => {
    const reachable = (bytes: Uint8Array) => PackedAddress.isReachable(bytes, 0)
    expect(reachable(packed(4, 10, 0, 0, 1, 0, 1))).toBe(true)
    expect(reachable(packed(4, 0, 0, 0, 1, 1, 0))).toBe(true)
    expect(reachable(packed(4, 10, 0, 0, 1, 0, 0))).toBe(false)
    expect(reachable(packed(4, 0, 0, 0, 0, 0, 1))).toBe(false)
    expect(reachable(packed(4, 223, 0, 0, 1, 0, 1))).toBe(true)
    expect(reachable(packed(4, 224, 0, 0, 1, 0, 1))).toBe(false)
    expect(reachable(packed(4, 239, 255, 255, 255, 0, 1))).toBe(false)
    expect(reachable(v6(1, 0, 1))).toBe(true)
    expect(reachable(v6(0, 0, 1))).toBe(false)
    expect(reachable(v6(1, 0, 0))).toBe(false)
    expect(reachable(packed(6, 0xff, 2, ...v6(1, 0, 1).slice(3)))).toBe(false)
    expect(reachable(packed(5, 10, 0, 0, 1, 0, 1))).toBe(false)
  })
})
