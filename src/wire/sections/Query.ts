/**
 * Queries, events that are answered: origin_id u64, number u64, origin address,
 * deadline_ms u32, name and payload.
 *
 * @since 0.2.0
 */
import { readU32, writeU32 } from "../Bytes.ts"
import * as PackedAddress from "../PackedAddress.ts"
import * as NamedPayload from "./NamedPayload.ts"

/** Bytes before the address. */
const IdsLength = 16

/**
 * One query; ids and numbers of 64 bits as two unsigned 32-bit words.
 *
 * @category models
 * @since 0.2.0
 */
export interface Query extends NamedPayload.NamedPayload {
  readonly originHi: number
  readonly originLo: number
  readonly numberHi: number
  readonly numberLo: number
  /** The byte array with the packed address of the origin, to which responses go. */
  readonly address: Uint8Array
  readonly addressAt: number
  /** How long the origin waits for responses, in milliseconds. */
  readonly deadlineMs: number
}

/**
 * A reader of queries. One mutable reader serves all packets.
 *
 * @category reading
 * @since 0.2.0
 */
export class QueryReader implements Query {
  originHi = 0
  originLo = 0
  numberHi = 0
  numberLo = 0
  address: Uint8Array = new Uint8Array(0)
  addressAt = 0
  deadlineMs = 0
  bytes: Uint8Array = new Uint8Array(0)
  bodyAt = 0
  bodyEnd = 0

  /** Reads the query whose checked section has its content at `at`. */
  read(bytes: Uint8Array, at: number): void {
    this.originHi = readU32(bytes, at)
    this.originLo = readU32(bytes, at + 4)
    this.numberHi = readU32(bytes, at + 8)
    this.numberLo = readU32(bytes, at + 12)
    this.address = bytes
    this.addressAt = at + IdsLength
    const deadlineAt = this.addressAt + PackedAddress.lengthOf(bytes[this.addressAt]!)
    this.deadlineMs = readU32(bytes, deadlineAt)
    this.bytes = bytes
    this.bodyAt = deadlineAt + 4
    this.bodyEnd = NamedPayload.endOf(bytes, this.bodyAt)
  }
}

/**
 * Whether `bytes[start, end)` is the content of a query section.
 *
 * @category reading
 * @since 0.2.0
 */
export const check = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (start + IdsLength >= end) return false
  const length = PackedAddress.lengthOf(bytes[start + IdsLength]!)
  return length !== 0 && NamedPayload.check(bytes, start + IdsLength + length + 4, end) === end
}

/**
 * Bytes of the content of a query section.
 *
 * @category writing
 * @since 0.2.0
 */
export const lengthOf = ({ address, addressAt, bodyAt, bodyEnd }: Query): number =>
  IdsLength + PackedAddress.lengthOf(address[addressAt]!) + 4 + bodyEnd - bodyAt

/**
 * Writes the `lengthOf` bytes of the content of a query section.
 *
 * @category writing
 * @since 0.2.0
 */
export const write = (query: Query, bytes: Uint8Array, at: number): void => {
  writeU32(bytes, at, query.originHi)
  writeU32(bytes, at + 4, query.originLo)
  writeU32(bytes, at + 8, query.numberHi)
  writeU32(bytes, at + 12, query.numberLo)
  const addressAt = at + IdsLength
  const deadlineAt = addressAt + PackedAddress.copy(query.address, query.addressAt, bytes, addressAt)
  writeU32(bytes, deadlineAt, query.deadlineMs)
  bytes.set(query.bytes.subarray(query.bodyAt, query.bodyEnd), deadlineAt + 4)
}
