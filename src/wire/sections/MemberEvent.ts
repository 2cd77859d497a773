/**
 * Events that members publish: origin_id u64, origin incarnation u32, number u32,
 * name and payload.
 *
 * @since 0.2.0
 */
import { readU32, writeU32 } from "../Bytes.ts"
import * as NamedPayload from "./NamedPayload.ts"

/**
 * Bytes of an event before its name.
 *
 * @category constants
 * @since 0.2.0
 */
export const PrefixLength = 16

/**
 * One event; the id of its origin as two unsigned 32-bit words.
 *
 * @category models
 * @since 0.2.0
 */
export interface MemberEvent extends NamedPayload.NamedPayload {
  readonly originHi: number
  readonly originLo: number
  /** The incarnation of the origin when it published the event. */
  readonly incarnation: number
  /** Counts the events of one origin and incarnation. */
  readonly number: number
}

/**
 * A cursor over events. One mutable cursor serves all packets of a reader.
 *
 * @category reading
 * @since 0.2.0
 */
export class MemberEventCursor implements MemberEvent {
  originHi = 0
  originLo = 0
  incarnation = 0
  number = 0
  bytes: Uint8Array = new Uint8Array(0)
  bodyAt = 0
  bodyEnd = 0
  /** Where the next event begins. */
  next = 0

  /** Reads the event at `at` of a checked section. */
  read(bytes: Uint8Array, at: number): void {
    this.originHi = readU32(bytes, at)
    this.originLo = readU32(bytes, at + 4)
    this.incarnation = readU32(bytes, at + 8)
    this.number = readU32(bytes, at + 12)
    this.bytes = bytes
    this.bodyAt = at + PrefixLength
    this.bodyEnd = NamedPayload.endOf(bytes, this.bodyAt)
    this.next = this.bodyEnd
  }
}

/**
 * Walks the events in `bytes[start, end)`. Returns -1 when they are well-formed,
 * else the offset of the first that is not.
 *
 * @category reading
 * @since 0.2.0
 */
export const check = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  while (at < end) {
    const next = NamedPayload.check(bytes, at + PrefixLength, end)
    if (next === -1) return at
    at = next
  }
  return -1
}

/**
 * Bytes of an event.
 *
 * @category writing
 * @since 0.2.0
 */
export const lengthOf = ({ bodyAt, bodyEnd }: MemberEvent): number => PrefixLength + bodyEnd - bodyAt

/**
 * Writes the `lengthOf` bytes of an event.
 *
 * @category writing
 * @since 0.2.0
 */
export const write = (event: MemberEvent, bytes: Uint8Array, at: number): void => {
  writeU32(bytes, at, event.originHi)
  writeU32(bytes, at + 4, event.originLo)
  writeU32(bytes, at + 8, event.incarnation)
  writeU32(bytes, at + 12, event.number)
  bytes.set(event.bytes.subarray(event.bodyAt, event.bodyEnd), at + PrefixLength)
}
