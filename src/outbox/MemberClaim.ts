/**
 * A claim about a node as a value of its own, apart from the member table.
 *
 * @since 0.2.0
 */
import type { MemberTable } from "../membership/MemberTable.ts"

/**
 * What is claimed about a node that is held Dead, or is to be asked whether it is.
 *
 * @category models
 * @since 0.2.0
 */
export interface MemberClaim {
  /** The id, high and low 32 bits. */
  readonly idHi: number
  readonly idLo: number
  readonly incarnation: number
  readonly heartbeat: number
  /** Packed and canonical. */
  readonly address: Uint8Array
}

/** A copy of the claim that a slot of the table holds. */
export const claimOf = (table: MemberTable, slot: number): MemberClaim => {
  const address = table.packedAddress(slot)
  return {
    idHi: table.idHi(slot),
    idLo: table.idLo(slot),
    incarnation: table.incarnation(slot),
    heartbeat: table.heartbeat(slot),
    address
  }
}
