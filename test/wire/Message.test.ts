import { describe, expect, it } from "@effect/vitest"
import { Equal, Result, Schema } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { HeaderLength, MaxMessage } from "../../src/wire/Header.ts"
import * as Message from "../../src/wire/Message.ts"
import { reasons } from "../../src/wire/WireError.ts"
import {
  anyBytes,
  append,
  encode,
  fault,
  leave,
  mutated,
  packedExactly,
  ping,
  pingReq,
  seal,
  sum,
  vectors
} from "./Datagrams.ts"
import { datagramOf } from "./Reference.ts"

const kindOf: { readonly [tag: string]: string } = {
  Gossip: "GOSSIP",
  Ping: "PING",
  PingReq: "PING_REQ",
  Ack: "ACK",
  Leave: "LEAVE",
  AntiEntropy: "ANTI_ENTROPY"
}

describe("the vectors", () => {
  it("hold every kind", () => {
    expect(vectors.length).toBe(46)
    expect(new Set(vectors.map(({ kind }) => kind))).toEqual(new Set(Object.values(kindOf)))
  })

  it.each(vectors.map(({ bytes, kind }, i) => ({ i, kind, bytes })))(
    "$i, a $kind, decodes and encodes to the same bytes",
    ({ bytes, kind }) => {
      const message = Result.getOrThrow(Message.decode(bytes))
      expect(kindOf[message._tag]).toBe(kind)
      expect(encode(message)).toEqual(bytes)
    }
  )

  it("are read field by field as the format says", () => {
    const { bytes } = vectors.find(({ bytes }) => bytes.length === 84 + 24)!
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
  const isMessage = Schema.is(Message.Message)
  const json = Schema.toCodecJson(Message.Message)

  it("bounds every number by its width on the wire", () => {
    expect(isMessage(ping)).toBe(true)
    for (const wrong of [
      { senderId: -1n },
      { senderId: 2n ** 64n },
      { senderId: 1 },
      { heartbeat: 2 ** 32 },
      { heartbeat: 0.5 },
      { incarnation: -1 },
      { flags: 256 },
      { level: 256 },
      { entries: [{ ...ping.entries[0], heartbeat: 2 ** 32 }] },
      { entries: [{ ...ping.entries[0], status: "Left" }] },
      { entries: [{ ...ping.entries[0], address: "10.0.0.1:7000" }] },
      { entries: undefined },
      { _tag: "Other" }
    ]) {
      expect(isMessage({ ...ping, ...wrong })).toBe(false)
    }
    const chunk = { ...ping, _tag: "AntiEntropy", tableVersion: 1n, chunkIndex: 0, totalChunks: 1 }
    expect(isMessage(chunk)).toBe(true)
    for (const wrong of [{ tableVersion: 2n ** 64n }, { chunkIndex: 65_536 }, { totalChunks: -1 }]) {
      expect(isMessage({ ...chunk, ...wrong })).toBe(false)
    }
  })

  it("is at most 1400 bytes of payload long", () => {
    const entries = (length: number) => Array.from({ length }, () => ping.entries[0]!)
    expect(isMessage({ ...ping, entries: entries(58) })).toBe(true)
    expect(isMessage({ ...ping, entries: entries(59) })).toBe(false)
  })

  it("is JSON with ids and addresses as text", () => {
    expect(
      Schema.encodeUnknownSync(json)({ ...pingReq, targetId: NodeId.fromWords(0xffff_ffff, 0xffff_ffff) })
    ).toEqual({
      _tag: "PingReq",
      senderId: "4294967298",
      heartbeat: 3,
      incarnation: 4,
      flags: 0,
      level: 0,
      targetId: "18446744073709551615",
      targetAddress: "10.0.0.1:7000"
    })
  })

  it.prop("is read from JSON as it was written", [Message.Message], ([message]) => {
    const text = JSON.stringify(Schema.encodeUnknownSync(json)(message))
    expect(Equal.equals(Schema.decodeUnknownSync(json)(JSON.parse(text)), message)).toBe(true)
  })
})

describe("decode and encode", () => {
  it.prop(
    "decode gives what encode took, and the bytes have checksum 0",
    [Message.Message],
    ([message]) => {
      const bytes = encode(message)
      const decoded = Result.getOrThrow(Message.decode(bytes))
      expect(Equal.equals(decoded, message)).toBe(true)
      expect(encode(decoded)).toEqual(bytes)
      expect(internetChecksum(bytes, 0, bytes.length)).toBe(0)
      expect(bytes.length).toBeLessThanOrEqual(MaxMessage)
    },
    { arbitrary: { runs: 300, size: 40 } }
  )

  it("keep an IPv4-mapped IPv6 address as IPv6", () => {
    const target = NetAddress.inetAddressFromStringUnsafe("[::ffff:10.0.0.1]:80")
    const decoded = Result.getOrThrow(Message.decode(encode({ ...pingReq, targetAddress: target })))
    expect(decoded._tag === "PingReq" && NetAddress.isInetAddressV6(decoded.targetAddress)).toBe(true)
    expect(packedExactly(target)[0]).toBe(6)
    expect(encode(decoded).length).toBe(HeaderLength + 8 + 19)
  })

  it.prop(
    "encode gives the bytes that the tables of the protocol give",
    [Message.Message],
    ([message]) => {
      expect(encode(message)).toEqual(datagramOf(message))
    },
    { arbitrary: { runs: 500 } }
  )

  it("lay a message out as the format says", () => {
    const hex = Buffer.from(encode({ ...ping, flags: 3, level: 1, entries: ping.entries.slice(0, 1) })).toString("hex")
    expect(hex.slice(0, 44)).toBe(["01020018", "0000000100000002", "00000003", "00000004", "03", "01"].join(""))
    expect(hex.slice(48)).toBe(["0000000000000001", "00000001", "00000000", "00", "040a000001", "1b58"].join(""))
  })

  it.prop(
    "any bytes are a message or give a typed error",
    [anyBytes(1500)],
    ([bytes]) => {
      expect([undefined, ...reasons]).toContain(fault(bytes))
    },
    { arbitrary: { runs: 300, size: 1500 } }
  )

  const outcomes = new Set<string>()
  it.prop(
    "a changed datagram is a message that survives a round trip, or gives a typed error",
    [mutated],
    ([bytes]) => {
      const result = Message.decode(bytes)
      outcomes.add(Result.isFailure(result) ? result.failure._tag : result.success._tag)
      if (Result.isFailure(result)) return reasons.includes(result.failure._tag) && result.failure.message !== ""
      return Equal.equals(Result.getOrThrow(Message.decode(encode(result.success))), result.success)
    },
    { arbitrary: { runs: 3000, seed: 20_240_229 } }
  )
  it("changed datagrams gave every error and every kind", () => {
    const sectioned = ["Gossip1", "Ping1", "PingReq1", "Ack1", "AntiEntropy1"]
    expect(outcomes).toEqual(new Set([...reasons, ...Object.keys(kindOf), ...sectioned]))
  })

  it.prop(
    "the first fault in the order of the format's rules is reported, whatever else is wrong",
    [Schema.Array(Schema.Literals(reasons))],
    ([faults]) => {
      const has = (reason: (typeof reasons)[number]) => faults.includes(reason)
      const bytes = encode(ping)
      // The family byte of the first entry.
      if (has("MalformedPayload")) bytes[HeaderLength + 17] = 9
      if (has("UnknownKind")) bytes[1] = 7
      if (has("UnsupportedVersion")) bytes[0] = 2
      // Less by a whole entry, so that the payload would be well-formed at the length that the header gives.
      if (has("LengthMismatch")) bytes[3] = bytes[3]! - 24
      sum(bytes)
      if (has("ChecksumMismatch")) bytes[23] = bytes[23]! ^ 0x55
      const datagram = has("Truncated") ? bytes.slice(0, HeaderLength - 1) : bytes
      expect(fault(datagram)).toBe(reasons.find(has))
    },
    { arbitrary: { runs: 300 } }
  )

  it("each fault has its numbers", () => {
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
    const second = HeaderLength + 24
    expect(error(sum(changed([second + 17, 5])))).toMatchObject({ _tag: "MalformedPayload", offset: second })
  })

  // One bit changes the sum by a power of two, and no power of two is a multiple of 2^16 - 1. So every flipped bit is
  // noticed, those of the checksum included: the ambiguity of one's complement needs all 16 bits at once, as below.
  it("every single flipped bit is noticed", () => {
    for (const bytes of [encode(ping), encode(pingReq), encode(leave), ...vectors.map(({ bytes }) => bytes)]) {
      const missed = Array.from({ length: bytes.length * 8 }, (_, bit) => bit).filter((bit) => {
        const at = bit >>> 3
        const expected = at === 0 ? "UnsupportedVersion" : at === 2 || at === 3 ? "LengthMismatch" : "ChecksumMismatch"
        return fault(bytes.with(at, bytes[at]! ^ (1 << (bit & 7)))) !== expected
      })
      expect(missed).toEqual([])
    }
  })

  it("a checksum of ffff counts as 0, the same number in one's complement, and nothing else of the message changes", () => {
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

  it("an entry with a status of 3 to 255 is skipped, and the others are used", () => {
    for (let status = 3; status <= 255; status++) {
      const bytes = encode(ping)
      bytes[HeaderLength + 24 + 16] = status
      const decoded = Result.getOrThrow(Message.decode(sum(bytes)))
      expect(Equal.equals(decoded, { ...ping, entries: [ping.entries[0]!, ping.entries[2]!] })).toBe(true)
    }
  })

  it("an unknown address family makes a message malformed, in an entry that is skipped too", () => {
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

  it("a message whose last entry is cut short is malformed", () => {
    for (let cut = 1; cut < 24; cut++) expect(fault(seal(encode(ping).slice(0, -cut)))).toBe("MalformedPayload")
    expect(fault(seal(encode(ping).slice(0, -24)))).toBeUndefined()
  })

  it("a PING_REQ that is too short or has bytes behind its target is malformed", () => {
    for (let cut = 1; cut <= 15; cut++) expect(fault(seal(encode(pingReq).slice(0, -cut)))).toBe("MalformedPayload")
    expect(fault(seal(append(encode(pingReq), 0)))).toBe("MalformedPayload")
    expect(fault(seal(append(encode(pingReq), ...Array.from({ length: 12 }, () => 0))))).toBe("MalformedPayload")
    expect(fault(encode(pingReq))).toBeUndefined()
  })

  it("an ANTI_ENTROPY without a whole chunk header is malformed", () => {
    const empty = encode({ ...ping, _tag: "AntiEntropy", tableVersion: 1n, chunkIndex: 0, totalChunks: 1, entries: [] })
    expect(fault(empty)).toBeUndefined()
    for (let cut = 1; cut <= 12; cut++) expect(fault(seal(empty.slice(0, -cut)))).toBe("MalformedPayload")
  })

  it.prop(
    "bytes behind a LEAVE are ignored",
    [anyBytes(1400)],
    ([more]) => {
      const decoded = Result.getOrThrow(Message.decode(seal(append(encode(leave), ...more))))
      expect(encode(decoded)).toEqual(encode(leave))
    },
    { arbitrary: { size: 1400 } }
  )

  it("1400 bytes of payload are accepted, and not more", () => {
    const zeros = (length: number) => Array.from({ length }, () => 0)
    expect(fault(seal(append(encode(leave), ...zeros(1400))))).toBeUndefined()
    expect(fault(seal(append(encode(leave), ...zeros(1401))))).toBe("LengthMismatch")
  })

  it("58 entries are encoded, and not 59, which exceed 1400 bytes", () => {
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

  it.prop(
    "decodes what decode decodes, and fails with its reason where it fails",
    [mutated],
    ([bytes]) => {
      const direct = Message.decode(bytes)
      const throughSchema = decode(bytes)
      if (Result.isSuccess(direct)) {
        return Result.isSuccess(throughSchema) && Equal.equals(throughSchema.success, direct.success)
      }
      return Result.isFailure(throughSchema) && String(throughSchema.failure).includes(direct.failure.message)
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop("encodes what encode encodes", [Message.Message], ([message]) => {
    expect(Result.getOrThrow(encodeSchema(message))).toEqual(encode(message))
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
