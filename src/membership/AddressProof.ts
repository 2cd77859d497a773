/** Which source addresses are really a member's. Anybody can write any source address and any id into a datagram. */
import { Mark, type MemberTable } from "./MemberTable.ts"

/** An ACK this long after a PING, in ms, still proves the address. */
const ProofWindow = 10_000

/**
 * Whether a LEAVE from `source` may be the member's own: it comes from the member's address or, while that address has
 * never answered us, from where the member's newest message came from.
 */
export const maySpeakFor = (table: MemberTable, slot: number, source: Uint8Array): boolean => {
  if (table.sameAddress(slot, source, 0)) return true
  if (table.has(slot, Mark.AddressProved) || !table.has(slot, Mark.Heard)) return false
  return table.spokeFrom(slot, source, 0)
}

/**
 * Marks the address of a member that just sent an ACK as proved, if it answers a PING of ours: by a `sequence` that only
 * who received the PING can know, from wherever that comes, or from the address itself. Returns whether it is proved only
 * now.
 */
export const prove = (table: MemberTable, slot: number, now: number, sequence: boolean): boolean => {
  if (table.has(slot, Mark.AddressProved)) return false
  const pingedAt = table.pinged(slot)
  // The PING may have gone to the address that the member had before.
  if (pingedAt === -Infinity) return false
  if (!sequence && (now - pingedAt > ProofWindow || !table.spokeFromAddress(slot))) return false
  table.markProved(slot)
  return true
}
