/**
 * All members at one moment.
 *
 * @since 0.2.0
 */
import { Schema } from "effect"
import { Member } from "./Member.ts"

/**
 * All listed members at one moment, as one node sees them.
 *
 * **Details**
 *
 * `sequence` is the number of the newest change that the members reflect: the next change has the number after it.
 * `members` begins with the node itself, and contains members that are dead or have left for as long as they are listed.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Snapshot = Schema.TaggedStruct("Snapshot", {
  sequence: Schema.Int,
  at: Schema.DateTimeUtc,
  members: Schema.Array(Member)
}).annotate({ identifier: "Snapshot" })

/**
 * All listed members at one moment, as one node sees them.
 *
 * @see {@link Snapshot} for the schema
 * @category models
 * @since 0.2.0
 */
export type Snapshot = typeof Snapshot.Type

/**
 * The members of a snapshot that are alive.
 *
 * @category accessors
 * @since 0.2.0
 */
export const alive = (self: Snapshot): ReadonlyArray<Member> => self.members.filter(({ status }) => status === "alive")
