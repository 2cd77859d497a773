/** What one subscriber gets to see of the published changes. */
import type { Change } from "../domain/Change.ts"
import type { Snapshot } from "../domain/Snapshot.ts"
import type { PublishedChange } from "./ChangeFeed.ts"

const missed = (change: { readonly sequence: number; readonly at: Change["at"] }, count: number): Change => ({
  _tag: "Missed",
  sequence: change.sequence,
  at: change.at,
  cause: { _tag: "SlowSubscriber" },
  count
})

/** Finds the gaps that a full queue leaves, and reports each in its place. */
export const reportGaps = (after: number): ((change: PublishedChange) => ReadonlyArray<Change>) => {
  let last = after
  return (change) => {
    const count = change.sequence - last - 1
    last = change.sequence
    return count === 0 ? [change] : [missed({ sequence: last - 1, at: change.at }, count), change]
  }
}

/**
 * Continues from a snapshot with the changes after it.
 *
 * A subscriber that missed changes gets `Missed` and a new snapshot, and continues from there. So what it knows after each
 * event is what the node knew then.
 */
export const resumeFromSnapshots = (
  start: Snapshot,
  snapshot: () => Snapshot
): ((change: PublishedChange) => ReadonlyArray<Change | Snapshot>) => {
  let last = start.sequence
  return (change) => {
    // The snapshot reflects this change already.
    if (change.sequence <= last) return []
    if (change.sequence === last + 1) {
      last = change.sequence
      return [change]
    }
    const next = snapshot()
    const count = next.sequence - last
    last = next.sequence
    return [missed(next, count), next]
  }
}
