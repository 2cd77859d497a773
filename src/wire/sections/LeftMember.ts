/**
 * Members that left of their own will: node_id u64, incarnation u32.
 *
 * @since 0.2.0
 */
import { readU32, writeU32 } from "../Bytes.ts"

/**
 * Bytes of one member that left.
 *
 * @category constants
 * @since 0.2.0
 */
export const Length = 12

/**
 * One member that left; its id as two unsigned 32-bit words.
 *
 * @category models
 * @since 0.2.0
 */
export interface LeftMember {
  readonly idHi: number
  readonly idLo: number
  /** The incarnation in which it left. */
  readonly incarnation: number
}

/**
 * A cursor over members that left. One mutable cursor serves all packets of a
 * reader.
 *
 * @category reading
 * @since 0.2.0
 */
export class LeftMemberCursor implements LeftMember {
  idHi = 0
  idLo = 0
  incarnation = 0
  /** Where the next member begins. */
  next = 0

  /** Reads the member at `at` of a checked section. */
  read(bytes: Uint8Array, at: number): void {
    this.idHi = readU32(bytes, at)
    this.idLo = readU32(bytes, at + 4)
    this.incarnation = readU32(bytes, at + 8)
    this.next = at + Length
  }
}

/**
 * Writes the `Length` bytes of one member that left.
 *
 * @category writing
 * @since 0.2.0
 */
export const write = (member: LeftMember, bytes: Uint8Array, at: number): void => {
  writeU32(bytes, at, member.idHi)
  writeU32(bytes, at + 4, member.idLo)
  writeU32(bytes, at + 8, member.incarnation)
}
