/** The tags that a node holds of one member: as they came, and decoded when somebody asks for them. */
import { NameKey, StartedKey } from "../domain/OwnTags.ts"
import type { Tags } from "../domain/Tags.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import { pairsOf } from "../wire/sections/MemberTags.ts"

/**
 * What the tags of a member say.
 *
 * @category models
 * @since 0.2.0
 */
export interface Labels {
  readonly name: string | undefined
  /** In milliseconds since 1970. */
  readonly startedAt: number | undefined
  /** The tags that the member's user set. */
  readonly tags: Tags
}

/** A member without tags. */
export const noLabels: Labels = { name: undefined, startedAt: undefined, tags: {} }

/**
 * Tags of one member. A value does not change.
 *
 * @category models
 * @since 0.2.0
 */
export class HeldTags {
  /** The incarnation of the member in which it has these tags. */
  readonly incarnation: number
  /** Rises with each change within an incarnation. */
  readonly version: number
  /** The packed pairs. */
  readonly bytes: Uint8Array
  #labels: Labels | undefined

  constructor(incarnation: number, version: number, bytes: Uint8Array) {
    this.incarnation = incarnation
    this.version = version
    this.bytes = bytes
  }

  /** The tags, decoded once. */
  get labels(): Labels {
    return (this.#labels ??= readLabels(this.bytes))
  }

  /** When the member started, in milliseconds since 1970. Reading it keeps no decoded tags. */
  get startedAt(): number | undefined {
    return (this.#labels ?? readLabels(this.bytes)).startedAt
  }
}

/** The furthest times that JavaScript's dates reach, in milliseconds since 1970. */
const MaxTime = 8.64e15

const timeOf = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const time = Number(text)
  return time <= MaxTime ? time : undefined
}

const readLabels = (bytes: Uint8Array): Labels => {
  const pairs = pairsOf({ idHi: 0, idLo: 0, incarnation: 0, version: 0, bytes, pairsAt: 0, pairsEnd: bytes.length })
  // Keys with "@" belong to the library; one that this version does not know is none of the user's either.
  const tags = Object.fromEntries(Object.entries(pairs).filter(([key]) => !key.startsWith("@")))
  return { name: pairs[NameKey], startedAt: timeOf(pairs[StartedKey]), tags }
}

/** Orders `a` and `b[start, end)` by their bytes; 0 when they are equal. */
export const compareBytes = (a: Uint8Array, b: Uint8Array, start = 0, end = b.length): number => {
  const length = Math.min(a.length, end - start)
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[start + i]!
    if (difference !== 0) return difference
  }
  return a.length - (end - start)
}

/**
 * Orders tags of one member: the higher incarnation, then the higher version, then the greater bytes, so that nodes agree
 * whatever arrives first. Positive when the held ones win.
 */
export const compare = (
  held: HeldTags,
  incarnation: number,
  version: number,
  bytes: Uint8Array,
  start: number,
  end: number
): number =>
  SerialNumber.compare(held.incarnation, incarnation) ||
  SerialNumber.compare(held.version, version) ||
  compareBytes(held.bytes, bytes, start, end)
