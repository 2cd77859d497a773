/**
 * Incarnations: which of two claims about one node is newer.
 *
 * @since 0.2.0
 */
import { U32 } from "./Unsigned.ts"

/**
 * The incarnation of a node: an unsigned 32-bit number, compared as a serial number.
 *
 * **Details**
 *
 * Only the node itself raises it: to refute a suspicion (SWIM, section 4.2), and when it starts again.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Incarnation = U32.annotate({ identifier: "Incarnation" })

/**
 * The incarnation of a node.
 *
 * @see {@link Incarnation} for the schema
 * @category models
 * @since 0.2.0
 */
export type Incarnation = typeof Incarnation.Type

/** 2020-01-01 UTC, in milliseconds since 1970. */
const Epoch2020 = 1_577_836_800_000

/**
 * The first incarnation of a node whose id was configured: seconds since 2020-01-01 UTC.
 *
 * **Details**
 *
 * Such a node may have run before and does not remember its incarnation. By the clock it starts ahead of its previous
 * run, so the others do not take its messages for replays. A node with a fresh random id starts at 0.
 *
 * @category constructors
 * @since 0.2.0
 */
export const starting = (unixMillis: number): Incarnation =>
  Math.max(0, Math.floor((unixMillis - Epoch2020) / 1000)) >>> 0
