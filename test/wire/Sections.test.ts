import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Equal, Result, Schema } from "effect"
import { U8 } from "../../src/domain/Unsigned.ts"
import { HeaderLength } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import { sections as schemas } from "../../src/wire/SectionValues.ts"
import { SectionType } from "../../src/wire/sections/Section.ts"
import { MalformedPayload } from "../../src/wire/WireError.ts"
import {
  ack1,
  anyBytes,
  antiEntropy1,
  encode,
  fault,
  gossip1,
  ping,
  ping1,
  pingReq1,
  seal,
  sum,
  sectioned,
  sections
} from "./Datagrams.ts"
import { datagramOf, sectionsOf, withPayload } from "./Reference.ts"

const decode = (bytes: Uint8Array) => Result.getOrThrow(Message.decode(bytes))

/** What is wrong with a payload of sections. */
const malformed = (message: Message.SectionedMessage, payload: ReadonlyArray<number>) => {
  const error = Result.getOrThrow(Result.flip(Message.decode(withPayload(message, payload))))
  expect(error).toBeInstanceOf(MalformedPayload)
  return error instanceof MalformedPayload ? [error.reason, error.offset - HeaderLength] : []
}

const typeOf = (section: ReadonlyArray<number>) => section[0]!

/** A section with other content. */
const contentOf = (
  section: ReadonlyArray<number>,
  change: (content: ReadonlyArray<number>) => ReadonlyArray<number>
) => {
  const content = change(section.slice(3))
  return [typeOf(section), content.length >>> 8, content.length & 0xff, ...content]
}

const sectionOf = (message: Message.SectionedMessage, type: number) =>
  sectionsOf(message).find((section) => typeOf(section) === type)!

describe("messages of extension level 1", () => {
  it("have kinds that a node of level 0 does not know", () => {
    for (const message of sectioned) {
      const bytes = encode(message)
      expect(new Inbound().decode(bytes)).toMatchObject({ _tag: "UnknownKind", kind: bytes[1] })
      expect(Message.decode(bytes, { maxLevel: 0 })).toMatchObject({ failure: { _tag: "UnknownKind", kind: bytes[1] } })
      expect(new Inbound().decode(bytes, 1)).toBeUndefined()
    }
    expect(sectioned.map((message) => encode(message)[1]).sort()).toEqual([0x21, 0x22, 0x23, 0x24, 0x26])
  })

  it("are of no other kind", () => {
    const known = (level: number) => {
      const inbound = new Inbound()
      // No sections and no entries: a payload that most kinds can have.
      const bytes = Array.from({ length: 256 }, (_, kind) => sum(withPayload(gossip1, []).with(1, kind)))
      return bytes.flatMap((datagram, kind) => (inbound.decode(datagram, level)?._tag === "UnknownKind" ? [] : [kind]))
    }
    expect(known(0)).toEqual([1, 2, 3, 4, 5, 6])
    expect(known(1)).toEqual([1, 2, 3, 4, 5, 6, 0x21, 0x22, 0x23, 0x24, 0x26])
    expect(known(2)).toEqual(known(1))
  })

  it("are a few bytes long when they carry nothing else", () => {
    const { _tag, flags, heartbeat, incarnation, level, probe, senderId } = ping1
    const sender = { senderId, heartbeat, incarnation, flags, level }
    expect(encode({ _tag, ...sender, probe }).length).toBe(39)
    expect(encode({ _tag: "Ack1", ...sender, probe: { sequence: 1 } }).length).toBe(31)
  })

  it("survive a round trip with every section at once", () => {
    for (const message of sectioned) {
      expect(encode(message)).toEqual(datagramOf(message))
      expect(Equal.equals(decode(encode(message)), message)).toBe(true)
    }
  })

  it("are JSON with ids and addresses as text, and bytes in base64", () => {
    const json = Schema.encodeUnknownSync(Schema.toCodecJson(Message.Message))(ping1)
    expect(json).toMatchObject({
      probe: { sequence: 23, targetId: String(ping1.probe.targetId) },
      accusations: [{ evidence: "Refused" }],
      digest: { hash: String(2n ** 63n + 10n) },
      events: [{ name: "deploy", payload: "AQID" }],
      queries: [{ number: "20", originAddress: "10.0.0.1:7000" }]
    })
  })

  const kindOf: { readonly [key: string]: unknown } = { ...schemas, probe: true }
  const generated = new Set<string>()
  it.prop(
    "have the same meaning in whatever order their sections are",
    [Message.SectionedMessage, Schema.Int],
    ([message, turn]) => {
      for (const key of Object.keys(message)) if (key in kindOf) generated.add(key)
      const sections = sectionsOf(message)
      const at = Math.abs(turn) % Math.max(1, sections.length)
      const turned = [...sections.slice(at), ...sections.slice(0, at)]
      // Queries keep their order among themselves, and responses too.
      const repeatable = (section: ReadonlyArray<number>) => typeOf(section) === 12 || typeOf(section) === 13
      const order = [...turned.filter((section) => !repeatable(section)), ...sections.filter(repeatable)]
      expect(Equal.equals(decode(withPayload(message, order.flat())), message)).toBe(true)
    },
    { arbitrary: { runs: 500, seed: 11 } }
  )
  it("were generated with every section", () => {
    expect(generated).toEqual(new Set(Object.keys(kindOf)))
  })

  const unknown = Schema.Union([Schema.Literal(0), Schema.Int.check(Schema.isBetween({ minimum: 14, maximum: 255 }))])
  it.prop(
    "may have sections of unknown types anywhere, which are skipped",
    { message: Message.SectionedMessage, type: unknown, content: Arbitrary.array(Arbitrary.schema(U8)), place: U8 },
    ({ content, message, place, type }) => {
      const sections = [...sectionsOf(message)]
      sections.splice(place % (sections.length + 1), 0, [type, content.length >>> 8, content.length & 0xff, ...content])
      const payload = sections.flat()
      if (payload.length > 1400) return
      expect(Equal.equals(decode(withPayload(message, payload)), message)).toBe(true)
    },
    { arbitrary: { runs: 300 } }
  )

  /** Whether a datagram is a message that survives a round trip, or gives a typed error. */
  const isSound = (bytes: Uint8Array) => {
    const result = Message.decode(bytes)
    if (Result.isFailure(result)) return result.failure instanceof MalformedPayload
    return Equal.equals(decode(encode(result.success)), result.success)
  }

  it.prop(
    "give a typed error or a message when they are cut anywhere",
    [Message.SectionedMessage],
    ([message]) => {
      const whole = encode(message)
      const lengths = Array.from({ length: whole.length - HeaderLength }, (_, i) => HeaderLength + i)
      expect(lengths.filter((length) => !isSound(seal(whole.slice(0, length))))).toEqual([])
    },
    { arbitrary: { runs: 20 } }
  )

  it.prop(
    "give a typed error or a message when a bit is flipped",
    [Message.SectionedMessage],
    ([message]) => {
      const whole = encode(message)
      // Every seventh bit: each byte, and each place in a byte.
      const bits = Array.from({ length: Math.floor((8 * (whole.length - HeaderLength)) / 7) }, (_, i) => 7 * i)
      const flipped = (bit: number) => {
        const at = HeaderLength + (bit >>> 3)
        return seal(whole.with(at, whole[at]! ^ (1 << (bit & 7))))
      }
      expect(bits.filter((bit) => !isSound(flipped(bit)))).toEqual([])
    },
    { arbitrary: { runs: 10 } }
  )

  it.prop(
    "give a typed error or a message whatever their payload is",
    { payload: anyBytes(80), kind: Schema.Literals([0, 1, 2, 3, 4]) },
    ({ kind, payload }) => {
      expect(isSound(withPayload(sectioned[kind]!, [...payload]))).toBe(true)
    },
    { arbitrary: { runs: 500, size: 80 } }
  )
})

describe("a message is malformed", () => {
  it("when a section header is cut short", () => {
    expect(malformed(gossip1, [77])).toEqual(["section header is cut short", 0])
    expect(malformed(gossip1, [77, 0, 0, 77, 0])).toEqual(["section header is cut short", 3])
  })

  it("when a section is longer than the rest of the payload, a section of an unknown type too", () => {
    for (const section of sectionsOf(gossip1)) {
      expect(malformed(gossip1, section.slice(0, -1))).toEqual([`section of type ${typeOf(section)} is cut short`, 0])
    }
    expect(malformed(gossip1, [77, 0, 0, 77, 0, 2, 1])).toEqual(["section of type 77 is cut short", 3])
  })

  it("when a known section has a byte less or more than its content", () => {
    for (const message of sectioned) {
      const all = sectionsOf(message)
      for (const section of all) {
        const others = all.filter((other) => other !== section).flat()
        const reason = `section of type ${typeOf(section)} is malformed`
        const shorter = contentOf(section, (content) => content.slice(0, -1))
        const longer = contentOf(section, (content) => [...content, 0])
        expect(malformed(message, [...others, ...shorter])[0]).toBe(reason)
        expect(malformed(message, [...others, ...longer])[0]).toBe(reason)
      }
    }
  })

  it("when a section occurs twice, and queries and responses may", () => {
    const all = sectionsOf(ping1)
    const once = all.filter((section) => typeOf(section) < SectionType.Query)
    expect(once.length).toBe(11)
    for (const section of once) {
      const reason = `second section of type ${typeOf(section)}`
      expect(malformed(ping1, [...section, ...section])).toEqual([reason, section.length])
    }
    for (const section of all.slice(once.length)) {
      expect(fault(withPayload(ping1, [...section, ...section]))).toBeUndefined()
    }
    const two = decode(withPayload(gossip1, [...sectionOf(gossip1, 12), ...sectionOf(gossip1, 12)]))
    expect(two._tag === "Gossip1" && two.queries?.length).toBe(2)
  })

  it("when a PING_REQ has no probe section, and a GOSSIP or an ANTI_ENTROPY has one", () => {
    expect(malformed(pingReq1, [])).toEqual(["PING_REQ has no probe section", 0])
    for (const probe of [ping1, ack1, pingReq1].map((message) => sectionOf(message, 2))) {
      expect(malformed(gossip1, probe)[0]).toBe("section of type 2 is malformed")
      expect(malformed(antiEntropy1, probe)[0]).toBe("section of type 2 is malformed")
    }
    // The probe sections of PING, ACK and PING_REQ differ.
    expect(malformed(ping1, sectionOf(ack1, 2))[0]).toBe("section of type 2 is malformed")
    expect(malformed(ack1, sectionOf(ping1, 2))[0]).toBe("section of type 2 is malformed")
    expect(fault(withPayload(ping1, []))).toBeUndefined()
    expect(fault(withPayload(ack1, []))).toBeUndefined()
  })

  it("at the offset of the list item that is wrong", () => {
    const two = { ...gossip1, entries: [sections.entries[0]!, sections.entries[0]!] }
    const entries = contentOf(sectionOf(two, 1), (content) => content.with(24 + 17, 5))
    expect(malformed(gossip1, entries)).toEqual(["section of type 1 is malformed", 3 + 24])
    const events = { ...gossip1, events: [sections.events[0]!, sections.events[0]!] }
    const length = (sectionOf(events, 11).length - 3) / 2
    const payload = contentOf(sectionOf(events, 11), (content) => content.with(length + 16, 255))
    expect(malformed(gossip1, payload)).toEqual(["section of type 11 is malformed", 3 + length])
    expect(
      malformed(
        gossip1,
        contentOf(sectionOf(gossip1, 3), (content) => [...content, 1, 2])
      )[1]
    ).toBe(3 + 21)
  })

  it("when a number of buckets is above 256, or a bitmap has bits of buckets that do not exist", () => {
    const buckets = (bits: number, length: number) => [
      8,
      length >>> 8,
      length & 0xff,
      bits,
      ...new Array<number>(length - 1).fill(0)
    ]
    expect(fault(withPayload(gossip1, buckets(8, 1025)))).toBeUndefined()
    expect(malformed(gossip1, buckets(9, 1025))[0]).toBe("section of type 8 is malformed")
    expect(malformed(gossip1, buckets(40, 1025))[0]).toBe("section of type 8 is malformed")
    expect(malformed(gossip1, [8, 0, 0])[0]).toBe("section of type 8 is malformed")
    expect(malformed(gossip1, [9, 0, 0])[0]).toBe("section of type 9 is malformed")
    expect(malformed(gossip1, [9, 0, 65, 9, ...new Array<number>(64).fill(0)])[0]).toBe(
      "section of type 9 is malformed"
    )
    for (const [bits, bitmap, wrong] of [
      [0, 0b1, 0b10],
      [1, 0b11, 0b100],
      [2, 0b1111, 0b1_0000]
    ] as const) {
      expect(fault(withPayload(gossip1, [9, 0, 2, bits, bitmap]))).toBeUndefined()
      expect(malformed(gossip1, [9, 0, 2, bits, wrong])[0]).toBe("section of type 9 is malformed")
    }
    expect(fault(withPayload(gossip1, [9, 0, 2, 3, 0xff]))).toBeUndefined()
  })

  it("when a name or a tag is not UTF-8, or a payload has more than 512 bytes", () => {
    const prefix = new Array<number>(16).fill(0)
    const event = (...body: ReadonlyArray<number>) => {
      const content = [...prefix, ...body]
      return [11, content.length >>> 8, content.length & 0xff, ...content]
    }
    expect(fault(withPayload(gossip1, event(2, 0xc3, 0xa9, 0, 0)))).toBeUndefined()
    expect(malformed(gossip1, event(2, 0xc3, 0x29, 0, 0))[0]).toBe("section of type 11 is malformed")
    expect(fault(withPayload(gossip1, event(0, 2, 0, ...new Array<number>(512).fill(1))))).toBeUndefined()
    expect(malformed(gossip1, event(0, 2, 1, ...new Array<number>(513).fill(1)))[0]).toBe(
      "section of type 11 is malformed"
    )
    const tags = (...pairs: ReadonlyArray<number>) => {
      const content = [...prefix, pairs.length >>> 8, pairs.length & 0xff, ...pairs]
      return [10, content.length >>> 8, content.length & 0xff, ...content]
    }
    expect(fault(withPayload(gossip1, tags(1, 97, 0, 1, 98)))).toBeUndefined()
    expect(malformed(gossip1, tags(1, 0xff, 0, 1, 98))[0]).toBe("section of type 10 is malformed")
    expect(malformed(gossip1, tags(1, 97, 0, 1, 0xff))[0]).toBe("section of type 10 is malformed")
    // 512 bytes of pairs are the most.
    const value = (length: number) => [1, 97, length >>> 8, length & 0xff, ...new Array<number>(length).fill(98)]
    expect(fault(withPayload(gossip1, tags(...value(508))))).toBeUndefined()
    expect(malformed(gossip1, tags(...value(509)))[0]).toBe("section of type 10 is malformed")
    // Keys rise, so none occurs twice.
    const pair = (key: string) => [key.length, ...Buffer.from(key), 0, 0]
    expect(fault(withPayload(gossip1, tags(...pair("a"), ...pair("ab"), ...pair("b"))))).toBeUndefined()
    expect(malformed(gossip1, tags(...pair("b"), ...pair("a")))[0]).toBe("section of type 10 is malformed")
    expect(malformed(gossip1, tags(...pair("a"), ...pair("a")))[0]).toBe("section of type 10 is malformed")
    expect(malformed(gossip1, tags(...pair("ab"), ...pair("a")))[0]).toBe("section of type 10 is malformed")
  })
})

describe("what is skipped", () => {
  it("are accusations with evidence above 2 and responses with a status above 1", () => {
    const accusations = { ...gossip1, accusations: [sections.accusations[0]!, sections.accusations[0]!] }
    const response = sectionOf(gossip1, 13)
    for (const code of [3, 200, 255]) {
      const one = contentOf(sectionOf(accusations, 3), (content) => content.with(20, code))
      const none = contentOf(sectionOf(gossip1, 3), (content) => content.with(20, code))
      expect(decode(withPayload(gossip1, one))).toMatchObject({ accusations: sections.accusations })
      expect(decode(withPayload(gossip1, none))).not.toHaveProperty("accusations")
      const skipped = contentOf(response, (content) => content.with(8, code))
      expect(decode(withPayload(gossip1, [...skipped, ...response]))).toMatchObject({ responses: sections.responses })
      expect(decode(withPayload(gossip1, skipped))).not.toHaveProperty("responses")
    }
  })

  it("are empty lists", () => {
    for (const type of [1, 3, 4, 10, 11]) {
      expect(fault(withPayload(gossip1, [type, 0, 0]))).toBeUndefined()
      expect(sectionsOf(gossip1).length).toBe(12)
      const { entries: _, ...sender } = ping
      expect(Equal.equals(decode(withPayload(gossip1, [type, 0, 0])), { ...sender, _tag: "Gossip1" })).toBe(true)
    }
  })
})

describe("the schemas of sections", () => {
  const isMessage = Schema.is(Message.Message)
  it("refuse what has no bytes", () => {
    expect(isMessage(gossip1)).toBe(true)
    const event = sections.events[0]!
    const member = sections.tags[0]!
    for (const wrong of [
      { entries: [] },
      { buckets: [1, 2, 3] },
      { buckets: [] },
      { differing: [true, true, true] },
      { events: [{ ...event, name: "é".repeat(128) }] },
      { events: [{ ...event, name: "\ud800" }] },
      { events: [{ ...event, payload: new Uint8Array(513) }] },
      { tags: [{ ...member, tags: { a: "b".repeat(509) } }] },
      { tags: [{ ...member, tags: { ["a".repeat(256)]: "" } }] },
      { tags: [{ ...member, tags: { a: "\udc00" } }] },
      { accusations: [{ ...sections.accusations[0]!, evidence: "None" }] },
      { queries: [{ ...sections.queries[0]!, number: 2n ** 64n }] }
    ]) {
      expect(isMessage({ ...gossip1, ...wrong })).toBe(false)
    }
    for (const right of [
      { buckets: new Array<number>(256).fill(1) },
      { differing: [true] },
      { events: [{ ...event, name: "é".repeat(127), payload: new Uint8Array(512) }] },
      { tags: [{ ...member, tags: { a: "b".repeat(508) } }] },
      { tags: [{ ...member, tags: {} }] }
    ]) {
      const message = { ...ping, _tag: "Gossip1" as const, entries: ping.entries, ...right }
      expect(isMessage(message)).toBe(true)
      expect(Equal.equals(decode(encode(message)), message)).toBe(true)
    }
  })

  it("keep a tag whose key is __proto__", () => {
    const tags = JSON.parse(`{ "__proto__": "x", "a": "y" }`)
    const message = { ...gossip1, tags: [{ ...sections.tags[0]!, tags }] }
    const decoded = decode(encode(message))
    expect(decoded._tag === "Gossip1" && Object.entries(decoded.tags![0]!.tags)).toEqual([
      ["__proto__", "x"],
      ["a", "y"]
    ])
  })

  it("refuse a message whose sections have more than 1400 bytes", () => {
    const entries = (length: number) => Array.from({ length }, () => ping.entries[0]!)
    const { entries: _, ...sender } = ping
    expect(isMessage({ ...sender, _tag: "Gossip1", entries: entries(58) })).toBe(true)
    const long = { ...sender, _tag: "Gossip1" as const, entries: entries(58), nack: { sequence: 1 } }
    expect(isMessage(long)).toBe(false)
    expect(Message.encode(long)).toMatchObject({ failure: { _tag: "PayloadTooLarge", length: 1395 + 7 } })
  })
})
