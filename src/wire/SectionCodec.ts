/**
 * Reads the sections of a checked message into values, and writes them.
 *
 * @since 0.2.0
 */
import * as Entry from "./Entry.ts"
import type { Inbound } from "./Inbound.ts"
import { HeaderLength } from "./Header.ts"
import * as Accusation from "./sections/Accusation.ts"
import * as Bucket from "./sections/Bucket.ts"
import * as LeftMember from "./sections/LeftMember.ts"
import * as MemberEvent from "./sections/MemberEvent.ts"
import * as MemberTags from "./sections/MemberTags.ts"
import * as NamedPayload from "./sections/NamedPayload.ts"
import * as Query from "./sections/Query.ts"
import * as Response from "./sections/Response.ts"
import { SectionCursor, SectionHeaderLength, SectionType } from "./sections/Section.ts"
import * as Sections from "./sections/Sections.ts"
import { evidences, pairsLength, responseStatuses, type SectionValues, utf8Length } from "./SectionValues.ts"
import type { ValueReader } from "./ValueReader.ts"
import { addressLength, type ValueWriter } from "./ValueWriter.ts"

// --- reading -------------------------------------------------------------------

/** A cursor over the items of a list section. */
interface ItemCursor {
  readonly next: number
  read(bytes: Uint8Array, at: number): void
}

/** The items of a list section. `valueOf` makes an item of what the cursor has read at an offset, or `undefined` to skip it. */
const readList = <C extends ItemCursor, A>(
  { bytes, sections }: Inbound,
  type: number,
  cursor: C,
  valueOf: (cursor: C, at: number) => A | undefined
): ReadonlyArray<A> => {
  const items: Array<A> = []
  const end = sections.endOf(type)
  for (let at = sections.startOf(type); at < end; at = cursor.next) {
    cursor.read(bytes, at)
    const item = valueOf(cursor, at)
    if (item !== undefined) items.push(item)
  }
  return items
}

const readBuckets = ({ sections }: Inbound): ReadonlyArray<number> =>
  Array.from({ length: 1 << sections.bucketBits }, (_, bucket) => sections.bucketHash(bucket))

const readDiffering = ({ sections }: Inbound): ReadonlyArray<boolean> =>
  Array.from({ length: 1 << sections.differingBits }, (_, bucket) => sections.covers(bucket))

const readQuery = (reader: ValueReader, at: number) => {
  const query = new Query.QueryReader()
  query.read(reader.inbound.bytes, at)
  return {
    originId: reader.nodeId(at),
    number: reader.u64(at + 8),
    originAddress: reader.address(query.addressAt),
    deadlineMs: query.deadlineMs,
    name: NamedPayload.nameOf(query),
    payload: NamedPayload.payloadOf(query).slice()
  }
}

/** A response, or `undefined` when its status is unknown and it is skipped. */
const readResponse = (reader: ValueReader, at: number) => {
  const { bytes } = reader.inbound
  const response = new Response.ResponseReader()
  response.read(bytes, at)
  const status = responseStatuses[response.status]
  if (status === undefined) return undefined
  return { number: reader.u64(at), status, value: bytes.slice(response.valueAt, response.valueEnd) }
}

/**
 * The sections of a message, beside its probe section.
 *
 * **Details**
 *
 * Skipped are: sections of unknown types, empty lists, entries with a status above
 * 2, accusations with evidence above 2, and responses with a status above 1.
 *
 * @category reading
 * @since 0.2.0
 */
export const readSections = (reader: ValueReader): SectionValues => {
  const { inbound } = reader
  const { bytes, sections } = inbound
  const values: { -readonly [K in keyof SectionValues]: SectionValues[K] } = {}
  const entries = reader.entries()
  if (entries.length > 0) values.entries = entries

  const accusations = readList(
    inbound,
    SectionType.Accusations,
    new Accusation.AccusationCursor(),
    ({ evidence: code, incarnation }, at) => {
      const evidence = evidences[code]
      if (evidence === undefined) return undefined
      return { targetId: reader.nodeId(at), incarnation, accuserId: reader.nodeId(at + 12), evidence }
    }
  )
  if (accusations.length > 0) values.accusations = accusations

  const left = readList(inbound, SectionType.Left, new LeftMember.LeftMemberCursor(), ({ incarnation }, at) => ({
    nodeId: reader.nodeId(at),
    incarnation
  }))
  if (left.length > 0) values.left = left

  if (sections.has(SectionType.Nack)) values.nack = { sequence: sections.nackSequence }
  if (sections.has(SectionType.Chunk)) {
    values.chunk = {
      tableVersion: reader.u64(sections.startOf(SectionType.Chunk)),
      chunkIndex: inbound.chunkIndex,
      totalChunks: inbound.totalChunks
    }
  }
  if (sections.has(SectionType.Digest)) {
    const hash = reader.u64(sections.startOf(SectionType.Digest) + 4)
    values.digest = { memberCount: sections.digestCount, hash }
  }
  if (sections.has(SectionType.Buckets)) values.buckets = readBuckets(inbound)
  if (sections.has(SectionType.Differing)) values.differing = readDiffering(inbound)

  const tags = readList(inbound, SectionType.Tags, new MemberTags.MemberTagsCursor(), (cursor, at) => ({
    nodeId: reader.nodeId(at),
    incarnation: cursor.incarnation,
    version: cursor.version,
    tags: MemberTags.pairsOf(cursor)
  }))
  if (tags.length > 0) values.tags = tags

  const events = readList(inbound, SectionType.Events, new MemberEvent.MemberEventCursor(), (cursor, at) => ({
    originId: reader.nodeId(at),
    incarnation: cursor.incarnation,
    number: cursor.number,
    name: NamedPayload.nameOf(cursor),
    payload: NamedPayload.payloadOf(cursor).slice()
  }))
  if (events.length > 0) values.events = events

  if (sections.has(SectionType.Query) || sections.has(SectionType.Response)) {
    const queries: Array<ReturnType<typeof readQuery>> = []
    const responses: Array<NonNullable<ReturnType<typeof readResponse>>> = []
    const cursor = new SectionCursor()
    for (let at = HeaderLength; at < bytes.length; at = cursor.end) {
      cursor.read(bytes, at)
      if (cursor.type === SectionType.Query) queries.push(readQuery(reader, cursor.start))
      if (cursor.type === SectionType.Response) {
        const response = readResponse(reader, cursor.start)
        if (response !== undefined) responses.push(response)
      }
    }
    if (queries.length > 0) values.queries = queries
    if (responses.length > 0) values.responses = responses
  }
  return values
}

// --- writing -------------------------------------------------------------------

const namedLength = ({ name, payload }: { readonly name: string; readonly payload: Uint8Array }): number =>
  3 + utf8Length(name) + payload.length

const sum = <A>(items: ReadonlyArray<A>, lengthOf: (item: A) => number): number =>
  items.reduce((length, item) => length + lengthOf(item), 0)

/** Bytes of a section; none for one that is absent. */
const sectionLength = <A>(value: A | undefined, lengthOf: (value: A) => number): number =>
  value === undefined ? 0 : SectionHeaderLength + lengthOf(value)

const listLength = <A>(items: ReadonlyArray<A> | undefined, lengthOf: (item: A) => number): number =>
  items === undefined || items.length === 0 ? 0 : SectionHeaderLength + sum(items, lengthOf)

/**
 * Bytes of the sections of a message, beside its probe section.
 *
 * @category writing
 * @since 0.2.0
 */
export const sectionsLength = (values: SectionValues): number =>
  listLength(values.entries, ({ address }) => Entry.PrefixLength + addressLength(address)) +
  listLength(values.accusations, () => Accusation.Length) +
  listLength(values.left, () => LeftMember.Length) +
  sectionLength(values.nack, () => Sections.NackLength) +
  sectionLength(values.chunk, () => Sections.ChunkLength) +
  sectionLength(values.digest, () => Sections.DigestLength) +
  sectionLength(values.buckets, ({ length }) => 1 + 4 * length) +
  sectionLength(values.differing, ({ length }) => 1 + Bucket.bitmapLength(Math.log2(length))) +
  listLength(values.tags, ({ tags }) => MemberTags.PrefixLength + pairsLength(tags)) +
  listLength(values.events, (event) => MemberEvent.PrefixLength + namedLength(event)) +
  sum(
    values.queries ?? [],
    (query) => SectionHeaderLength + 20 + addressLength(query.originAddress) + namedLength(query)
  ) +
  sum(values.responses ?? [], ({ value }) => SectionHeaderLength + Response.PrefixLength + value.length)

/**
 * Writes the sections of a message in the order of their types, `probe` being what
 * writes the probe section.
 *
 * @category writing
 * @since 0.2.0
 */
export const writeSections = (values: SectionValues, writer: ValueWriter, probe: () => void): void => {
  const { message } = writer
  if (values.entries !== undefined) {
    message.beginSection(SectionType.Entries)
    writer.entries(values.entries)
  }
  probe()
  if (values.accusations !== undefined) {
    message.beginSection(SectionType.Accusations)
    for (const { accuserId, evidence, incarnation, targetId } of values.accusations) {
      const [targetHi, targetLo] = writer.words(targetId)
      const [accuserHi, accuserLo] = writer.words(accuserId)
      message.accusation({
        targetHi,
        targetLo,
        incarnation,
        accuserHi,
        accuserLo,
        evidence: evidences.indexOf(evidence)
      })
    }
  }
  if (values.left !== undefined) {
    message.beginSection(SectionType.Left)
    for (const { incarnation, nodeId } of values.left) {
      const [idHi, idLo] = writer.words(nodeId)
      message.left({ idHi, idLo, incarnation })
    }
  }
  if (values.nack !== undefined) message.nack(values.nack.sequence)
  if (values.chunk !== undefined) {
    const [hi, lo] = writer.words(values.chunk.tableVersion)
    message.chunk(hi, lo, values.chunk.chunkIndex, values.chunk.totalChunks)
  }
  if (values.digest !== undefined) {
    const [hi, lo] = writer.words(values.digest.hash)
    message.digest(values.digest.memberCount, hi, lo)
  }
  if (values.buckets !== undefined) {
    message.buckets(Math.log2(values.buckets.length), Uint32Array.from(values.buckets))
  }
  if (values.differing !== undefined) {
    const bits = Math.log2(values.differing.length)
    const bitmap = new Uint8Array(Bucket.bitmapLength(bits))
    values.differing.forEach((covered, bucket) => covered && Bucket.set(bitmap, 0, bucket))
    message.differing(bits, bitmap)
  }
  if (values.tags !== undefined) {
    message.beginSection(SectionType.Tags)
    for (const { incarnation, nodeId, tags, version } of values.tags) {
      const [idHi, idLo] = writer.words(nodeId)
      const bytes = MemberTags.packPairs(tags)
      message.tags({ idHi, idLo, incarnation, version, bytes, pairsAt: 0, pairsEnd: bytes.length })
    }
  }
  if (values.events !== undefined) {
    message.beginSection(SectionType.Events)
    for (const { incarnation, name, number, originId, payload } of values.events) {
      const [originHi, originLo] = writer.words(originId)
      message.event({ originHi, originLo, incarnation, number, ...NamedPayload.make(name, payload) })
    }
  }
  for (const { deadlineMs, name, number, originAddress, originId, payload } of values.queries ?? []) {
    const [originHi, originLo] = writer.words(originId)
    const [numberHi, numberLo] = writer.words(number)
    const address = writer.pack(originAddress)
    const body = NamedPayload.make(name, payload)
    message.query({ originHi, originLo, numberHi, numberLo, address, addressAt: 0, deadlineMs, ...body })
  }
  for (const { number, status, value } of values.responses ?? []) {
    const [numberHi, numberLo] = writer.words(number)
    message.response({
      numberHi,
      numberLo,
      status: responseStatuses.indexOf(status),
      bytes: value,
      valueAt: 0,
      valueEnd: value.length
    })
  }
}
