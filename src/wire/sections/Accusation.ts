/**
 * Accusations: who failed to reach whom at which incarnation. target_id u64,
 * incarnation u32, accuser_id u64, evidence u8.
 *
 * @since 0.2.0
 */
import { readU32, writeU32 } from "../Bytes.ts"

/**
 * Bytes of an accusation.
 *
 * @category constants
 * @since 0.2.0
 */
export const Length = 21

/**
 * One accusation; ids as two unsigned 32-bit words.
 *
 * @category models
 * @since 0.2.0
 */
export interface Accusation {
  readonly targetHi: number
  readonly targetLo: number
  /** The incarnation of the target that the accuser failed to reach. */
  readonly incarnation: number
  readonly accuserHi: number
  readonly accuserLo: number
  /** The evidence byte: 0 silent, 1 refused, 2 replaced. */
  readonly evidence: number
}

/**
 * A cursor over accusations. One mutable cursor serves all packets of a reader.
 *
 * @category reading
 * @since 0.2.0
 */
export class AccusationCursor implements Accusation {
  targetHi = 0
  targetLo = 0
  incarnation = 0
  accuserHi = 0
  accuserLo = 0
  /** The evidence byte. An accusation with a value above 2 is to be skipped. */
  evidence = 0
  /** Where the next accusation begins. */
  next = 0

  /** Reads the accusation at `at` of a checked section. */
  read(bytes: Uint8Array, at: number): void {
    this.targetHi = readU32(bytes, at)
    this.targetLo = readU32(bytes, at + 4)
    this.incarnation = readU32(bytes, at + 8)
    this.accuserHi = readU32(bytes, at + 12)
    this.accuserLo = readU32(bytes, at + 16)
    this.evidence = bytes[at + 20]!
    this.next = at + Length
  }
}

/**
 * Writes the `Length` bytes of an accusation.
 *
 * @category writing
 * @since 0.2.0
 */
export const write = (accusation: Accusation, bytes: Uint8Array, at: number): void => {
  writeU32(bytes, at, accusation.targetHi)
  writeU32(bytes, at + 4, accusation.targetLo)
  writeU32(bytes, at + 8, accusation.incarnation)
  writeU32(bytes, at + 12, accusation.accuserHi)
  writeU32(bytes, at + 16, accusation.accuserLo)
  bytes[at + 20] = accusation.evidence
}
