/** Which members' addresses are kept for the next run. */
import { Mark, type MemberTable, SelfSlot } from "../membership/MemberTable.ts"
import { MaxMembers } from "../state/SavedState.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

const keyOf = (address: Uint8Array): string => PackedAddress.key(address, 0)

/**
 * The packed addresses to keep: those of live members, first those that are kept already, so that little changes, and then
 * those that were heard of last. A member whose address never answered may be invented, and is left out. Where there is
 * room, those stay whose members are not alive: a node that is cut off, or was the last one, finds the others by them.
 */
export const choose = (kept: ReadonlyArray<Uint8Array>, table: MemberTable): ReadonlyArray<Uint8Array> => {
  const chosen = kept.filter((address) => table.liveAt(address, 0) > SelfSlot)
  const keys = new Set(chosen.map(keyOf))
  const add = (address: Uint8Array): void => {
    const key = keyOf(address)
    if (chosen.length >= MaxMembers || keys.has(key)) return
    keys.add(key)
    chosen.push(address)
  }
  if (chosen.length < MaxMembers) freshest(table).forEach((slot) => add(table.packedAddress(slot)))
  kept.forEach(add)
  return chosen
}

/** The slots of live members at proved addresses, those that were heard of last first. */
const freshest = (table: MemberTable): ReadonlyArray<number> => {
  const slots: Array<number> = []
  for (let slot = SelfSlot + 1; slot < table.top; slot++) {
    if (table.isLive(slot) && table.has(slot, Mark.AddressProved)) slots.push(slot)
  }
  return slots.sort((a, b) => table.heardAt(b) - table.heardAt(a))
}

/** Whether two lists have the same addresses, in whatever order. */
export const isSame = (a: ReadonlyArray<Uint8Array>, b: ReadonlyArray<Uint8Array>): boolean => {
  const keys = new Set(a.map(keyOf))
  return keys.size === b.length && b.every((address) => keys.has(keyOf(address)))
}
