/** Fuzzes the decoders alone: what a datagram can do to whoever reads it, before any node acts on it. */
import { Result } from "effect"
import { EntryCursor } from "../../src/wire/Entry.ts"
import { HeaderLength, MaxMessage } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { AccusationCursor } from "../../src/wire/sections/Accusation.ts"
import { LeftMemberCursor } from "../../src/wire/sections/LeftMember.ts"
import { MemberEventCursor } from "../../src/wire/sections/MemberEvent.ts"
import { MemberTagsCursor } from "../../src/wire/sections/MemberTags.ts"
import { QueryReader } from "../../src/wire/sections/Query.ts"
import { ResponseReader } from "../../src/wire/sections/Response.ts"
import { SectionCursor, SectionType } from "../../src/wire/sections/Section.ts"
import { reasons } from "../../src/wire/WireError.ts"
import { Generator } from "./Generator.ts"

/** The results of a run. */
export interface DecoderReport {
  /** How often each kind of message, each section and each error occurred. */
  readonly reached: { readonly [what: string]: number }
  /** What went wrong, each with the datagram in hexadecimal. */
  readonly faults: ReadonlyArray<string>
}

const tags = [
  "Gossip",
  "Ping",
  "PingReq",
  "Ack",
  "Leave",
  "AntiEntropy",
  "Gossip1",
  "Ping1",
  "PingReq1",
  "Ack1",
  "AntiEntropy1"
]
const sectionNames = new Map(Object.entries(SectionType).map(([name, type]): readonly [number, string] => [type, name]))

const lists = [
  [SectionType.Accusations, new AccusationCursor()],
  [SectionType.Left, new LeftMemberCursor()],
  [SectionType.Tags, new MemberTagsCursor()],
  [SectionType.Events, new MemberEventCursor()]
] as const
const entry = new EntryCursor()
const section = new SectionCursor()
const query = new QueryReader()
const response = new ResponseReader()

/** Reads everything of a message in place. Returns what is not where it should be, if anything. */
const readInPlace = (inbound: Inbound, reach: (what: string) => void): string | undefined => {
  const { bytes, entriesEnd, header, sections } = inbound
  let at = inbound.entriesStart
  for (; at < entriesEnd; at = entry.next) {
    entry.read(bytes, at)
    if (PackedAddress.lengthOf(bytes[entry.addressAt]!) === 0) return "an entry has no address"
  }
  if (at !== entriesEnd) return "entries do not end where their range ends"
  if (!header.sectioned) return undefined
  for (const [type, cursor] of lists) {
    const end = sections.endOf(type)
    let at = sections.startOf(type)
    for (; at < end; at = cursor.next) cursor.read(bytes, at)
    if (at !== end) return `items of section ${type} do not end where it ends`
  }
  at = HeaderLength
  for (; at < bytes.length; at = section.end) {
    section.read(bytes, at)
    const name = sectionNames.get(section.type)
    if (name !== undefined) reach(`section ${name}`)
    if (section.type === SectionType.Query) {
      query.read(bytes, section.start)
      if (query.bodyEnd !== section.end) return "a query does not end where its section ends"
    }
    if (section.type === SectionType.Response) {
      response.read(bytes, section.start)
      if (response.valueEnd !== section.end) return "a response does not end where its section ends"
    }
  }
  return at === bytes.length ? undefined : "sections do not end where the message ends"
}

const inbound = new Inbound()
const base = new Inbound()

/** Reads one datagram in every way there is. Returns what is wrong, if anything, and calls `reach` for each outcome. */
const faultOf = (bytes: Uint8Array, reach: (what: string) => void): string | undefined => {
  const fault = inbound.decode(bytes, 1)
  const decoded = Message.decode(bytes)
  if (Result.isFailure(decoded)) {
    reach(`error ${decoded.failure._tag}`)
    return fault?._tag === decoded.failure._tag ? undefined : `decode fails with ${decoded.failure._tag}`
  }
  if (fault !== undefined) return `Inbound fails with ${fault._tag}`
  const message = decoded.success
  reach(message._tag)
  const baseFault = base.decode(bytes)?._tag
  if (baseFault !== (inbound.header.sectioned ? "UnknownKind" : undefined)) return `level 0 gives ${baseFault}`
  const misplaced = readInPlace(inbound, reach)
  if (misplaced !== undefined) return misplaced
  const encoded = Message.encode(message)
  if (Result.isFailure(encoded)) return "a decoded message cannot be encoded"
  if (encoded.success.length > MaxMessage) return "a message is too long"
  const again = Result.flatMap(Message.decode(encoded.success), Message.encode)
  const same = Result.isSuccess(again) && Buffer.compare(again.success, encoded.success) === 0
  return same ? undefined : "a message changes when it is encoded and decoded"
}

/** The same, with exceptions as faults. */
export const read = (bytes: Uint8Array, reach: (what: string) => void): string | undefined => {
  try {
    return faultOf(bytes, reach)
  } catch (error) {
    return String(error)
  }
}

/** Every outcome that a datagram can have. */
export const outcomes: ReadonlyArray<string> = [
  ...tags,
  ...[...sectionNames.values()].map((name) => `section ${name}`),
  ...reasons.map((reason) => `error ${reason}`)
]

/** Decodes `datagrams` of noise and as many of mutated messages. */
export const fuzzDecoder = (seed: number, datagrams: number): DecoderReport => {
  const generator = new Generator(seed, [1, 2], Uint8Array.of(4, 127, 0, 0, 1, 0, 80), 3)
  const reached: Record<string, number> = Object.fromEntries(outcomes.map((outcome) => [outcome, 0]))
  const reach = (what: string): void => {
    reached[what] = (reached[what] ?? 0) + 1
  }
  const faults: Array<string> = []
  for (let i = 0; i < 2 * datagrams && faults.length < 10; i++) {
    const bytes = i < datagrams ? generator.noise() : generator.mutated()
    const fault = read(bytes, reach)
    if (fault !== undefined) faults.push(`${fault}: ${Buffer.from(bytes).toString("hex")}`)
  }
  for (const [what, count] of Object.entries(reached)) if (count === 0) faults.push(`never reached: ${what}`)
  return { reached, faults }
}
