/**
 * Members of which two nodes have the id. Each of the two refutes the other about once a second, and the log has the
 * conflict once a minute instead of each of those updates.
 */
import type { Change } from "../domain/Change.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { setNewest } from "../domain/OldestKey.ts"

/** How long after a conflict was reported the updates of its member are left out, in ms: longer than to the next report. */
export const QuietFor = 75_000
/** The most members. */
const MaxMembers = 1024

export class QuietConflicts {
  readonly #until = new Map<NodeId, number>()

  /** Whether a change is left out of the log. Takes every change. Times are in ms. */
  leavesOut(change: Change, now: number): boolean {
    if (change._tag === "Conflict" && change.kind === "SameId") {
      setNewest(this.#until, change.id, now + QuietFor, MaxMembers)
    }
    return change._tag === "Updated" && now < (this.#until.get(change.member.id) ?? 0)
  }
}
