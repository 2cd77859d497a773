/**
 * The tags of members: node_id u64, incarnation u32, tag version u32, length u16,
 * and that many bytes of pairs. A pair is a key (length u8, UTF-8) and a value
 * (length u16, UTF-8).
 *
 * Keys rise strictly in the order of their bytes, so equal tags have equal bytes.
 *
 * @since 0.2.0
 */
import { readU16, readU32, writeU16, writeU32 } from "../Bytes.ts"
import * as Utf8 from "../Utf8.ts"

/**
 * Bytes of one member's tags before the pairs.
 *
 * @category constants
 * @since 0.2.0
 */
export const PrefixLength = 18

/**
 * The most bytes of the pairs of one member, those that the library sets
 * included.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxPairs = 512

/**
 * The tags of one member; its id as two unsigned 32-bit words.
 *
 * @category models
 * @since 0.2.0
 */
export interface MemberTags {
  readonly idHi: number
  readonly idLo: number
  readonly incarnation: number
  /** Within an incarnation, the tags of the highest version count. */
  readonly version: number
  readonly bytes: Uint8Array
  /** Where the pairs begin in `bytes`. */
  readonly pairsAt: number
  /** Where the pairs end in `bytes`. */
  readonly pairsEnd: number
}

/**
 * A cursor over the tags of members. One mutable cursor serves all packets of a
 * reader.
 *
 * @category reading
 * @since 0.2.0
 */
export class MemberTagsCursor implements MemberTags {
  idHi = 0
  idLo = 0
  incarnation = 0
  version = 0
  bytes: Uint8Array = new Uint8Array(0)
  pairsAt = 0
  pairsEnd = 0
  /** Where the tags of the next member begin. */
  next = 0

  /** Reads the tags at `at` of a checked section. */
  read(bytes: Uint8Array, at: number): void {
    this.idHi = readU32(bytes, at)
    this.idLo = readU32(bytes, at + 4)
    this.incarnation = readU32(bytes, at + 8)
    this.version = readU32(bytes, at + 12)
    this.bytes = bytes
    this.pairsAt = at + PrefixLength
    this.pairsEnd = this.pairsAt + readU16(bytes, at + 16)
    this.next = this.pairsEnd
  }
}

/**
 * Walks the tags of members in `bytes[start, end)`. Returns -1 when they are
 * well-formed, else the offset of the first member's that are not.
 *
 * @category reading
 * @since 0.2.0
 */
export const check = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  while (at < end) {
    const pairsAt = at + PrefixLength
    if (pairsAt > end) return at
    const length = readU16(bytes, at + 16)
    if (length > MaxPairs || pairsAt + length > end || !checkPairs(bytes, pairsAt, pairsAt + length)) return at
    at = pairsAt + length
  }
  return -1
}

const checkPairs = (bytes: Uint8Array, start: number, end: number): boolean => {
  let before = -1
  let at = start
  while (at < end) {
    const valueAt = at + 1 + bytes[at]!
    if (valueAt + 2 > end) return false
    const next = valueAt + 2 + readU16(bytes, valueAt)
    if (next > end || !Utf8.check(bytes, at + 1, valueAt) || !Utf8.check(bytes, valueAt + 2, next)) return false
    if (before !== -1 && compareKeys(bytes, before, bytes, at) >= 0) return false
    before = at
    at = next
  }
  return true
}

/** Orders two keys by their bytes; each is at an offset, length first. */
const compareKeys = (a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number => {
  const [aLength, bLength] = [a[aAt]!, b[bAt]!]
  for (let i = 1; i <= aLength && i <= bLength; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/**
 * The pairs as a record.
 *
 * @category reading
 * @since 0.2.0
 */
export const pairsOf = ({ bytes, pairsAt, pairsEnd }: MemberTags): { readonly [key: string]: string } => {
  const pairs: Array<readonly [string, string]> = []
  let at = pairsAt
  while (at < pairsEnd) {
    const valueAt = at + 1 + bytes[at]!
    const next = valueAt + 2 + readU16(bytes, valueAt)
    pairs.push([Utf8.decode(bytes, at + 1, valueAt), Utf8.decode(bytes, valueAt + 2, next)])
    at = next
  }
  // `fromEntries` defines properties, so that a key "__proto__" is one as well.
  return Object.fromEntries(pairs)
}

/**
 * The bytes of the pairs of a record. The caller keeps keys within 255 bytes and
 * the whole within `MaxPairs`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const packPairs = (tags: { readonly [key: string]: string }): Uint8Array => {
  const pairs = Object.entries(tags).map(([key, value]) => {
    const [keyBytes, valueBytes] = [Utf8.encode(key), Utf8.encode(value)]
    const pair = new Uint8Array(3 + keyBytes.length + valueBytes.length)
    pair[0] = keyBytes.length
    pair.set(keyBytes, 1)
    writeU16(pair, 1 + keyBytes.length, valueBytes.length)
    pair.set(valueBytes, 3 + keyBytes.length)
    return pair
  })
  pairs.sort((a, b) => compareKeys(a, 0, b, 0))
  const bytes = new Uint8Array(pairs.reduce((length, pair) => length + pair.length, 0))
  let at = 0
  for (const pair of pairs) {
    bytes.set(pair, at)
    at += pair.length
  }
  return bytes
}

/**
 * Bytes of one member's tags.
 *
 * @category writing
 * @since 0.2.0
 */
export const lengthOf = ({ pairsAt, pairsEnd }: MemberTags): number => PrefixLength + pairsEnd - pairsAt

/**
 * Writes the `lengthOf` bytes of one member's tags.
 *
 * @category writing
 * @since 0.2.0
 */
export const write = (tags: MemberTags, bytes: Uint8Array, at: number): void => {
  const { bytes: from, pairsAt, pairsEnd } = tags
  writeU32(bytes, at, tags.idHi)
  writeU32(bytes, at + 4, tags.idLo)
  writeU32(bytes, at + 8, tags.incarnation)
  writeU32(bytes, at + 12, tags.version)
  writeU16(bytes, at + 16, pairsEnd - pairsAt)
  // Most are so short that a view to copy from costs more than this.
  const to = at + PrefixLength - pairsAt
  for (let i = pairsAt; i < pairsEnd; i++) bytes[to + i] = from[i]!
}
