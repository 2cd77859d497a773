/**
 * Which of two members is older.
 *
 * @since 0.2.0
 */
import type { Member } from "./Member.ts"

/** When a member started, in ms since 1970. Who has not said it counts as younger than all others. */
const startOf = ({ startedAt }: Member): number => startedAt?.epochMilliseconds ?? Infinity

/**
 * Whether `a` is older than `b`: it started first, by its own clock, or has the lower id if they started at once. So all
 * nodes that know when the members started agree on their order.
 */
export const isOlder = (a: Member, b: Member): boolean =>
  startOf(a) < startOf(b) || (startOf(a) === startOf(b) && a.id < b.id)

/** The oldest of some members; `undefined` if there is none. */
export const oldestOf = (members: ReadonlyArray<Member>): Member | undefined => {
  let oldest: Member | undefined
  for (const member of members) if (oldest === undefined || isOlder(member, oldest)) oldest = member
  return oldest
}
