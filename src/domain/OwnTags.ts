/** The tags that a node has itself: those of its user, checked, and those that the library adds. */
import { Predicate, Result } from "effect"
import { type Tags, TagsError } from "./Tags.ts"

/** The tag that holds the name of the member, which is for people. */
export const NameKey = "@name"

/** The tag that holds when the member started, in milliseconds since 1970, as decimal digits. */
export const StartedKey = "@started"

/** The most bytes of a name, in UTF-8. */
export const MaxName = 64

/** The most bytes of the pairs of one member. */
const MaxPairs = 512

/** The most bytes of a datagram that carries tags, besides the pairs: seal, headers, bitmap of buckets, and entry. */
const BesidePairs = 171

/** The most bytes of pairs that datagrams of at most `maxDatagram` bytes can carry. */
export const roomFor = (maxDatagram: number): number => Math.min(MaxPairs, maxDatagram - BesidePairs)

/** The most bytes of a key, whose length is one byte on the wire. */
const MaxKey = 255

/** The bytes that hold the lengths of one key and its value. */
const LengthBytes = 3

const encoder = new TextEncoder()

const lengthOf = (text: string): number => encoder.encode(text).length

const reasonAgainst = (key: string, value: unknown): TagsError["reason"] | undefined => {
  if (key === "") return "EmptyKey"
  if (key.startsWith("@")) return "ReservedKey"
  if (!key.isWellFormed() || !Predicate.isString(value) || !value.isWellFormed()) return "NotText"
  return lengthOf(key) > MaxKey ? "KeyTooLong" : undefined
}

/**
 * What the library adds to the tags that a user gives.
 *
 * @category models
 * @since 0.2.0
 */
export interface OwnLabels {
  /** A name for people, at most 64 bytes. */
  readonly name?: string | undefined
  /** When the node started, in milliseconds since 1970. */
  readonly startedAt?: number | undefined
  /** The most bytes of all pairs; 512 if not given. */
  readonly room?: number | undefined
}

/** All tags of this node, as others get them; fails with what is wrong about those that a user gave. */
export const withLabels = (
  tags: Tags,
  { name, room = MaxPairs, startedAt }: OwnLabels
): Result.Result<Tags, TagsError> => {
  const labels: Array<readonly [key: string, value: string]> = []
  if (name !== undefined) labels.push([NameKey, name])
  if (startedAt !== undefined) labels.push([StartedKey, `${startedAt}`])
  let longest = { key: "", length: 0 }
  let total = 0
  for (const [key, value] of labels) total += LengthBytes + lengthOf(key) + lengthOf(value)
  for (const [key, value] of Object.entries(tags)) {
    const reason = reasonAgainst(key, value)
    if (reason !== undefined) return Result.fail(new TagsError({ key, reason }))
    const length = LengthBytes + lengthOf(key) + lengthOf(value)
    if (length > longest.length) longest = { key, length }
    total += length
  }
  if (total > room) return Result.fail(new TagsError({ key: longest.key, reason: "TooLong", room }))
  // `fromEntries` defines properties, so that a key "__proto__" is one as well.
  return Result.succeed(Object.fromEntries([...labels, ...Object.entries(tags)]))
}

/** A start of as many digits as any has until the year 2286. */
const someStart = 1e12

/** Whether datagrams of at most `maxDatagram` bytes can carry these tags and this name, whenever the node starts. */
export const checkRoom = (
  tags: Tags,
  name: string | undefined,
  maxDatagram: number
): Result.Result<unknown, TagsError> => withLabels(tags, { name, startedAt: someStart, room: roomFor(maxDatagram) })

/** A name of at most 64 bytes: what of a longer one fits, without a part of a character. */
export const shortName = (name: string): string => {
  let short = ""
  let length = 0
  for (const character of name.toWellFormed()) {
    length += lengthOf(character)
    if (length > MaxName) break
    short += character
  }
  return short
}
