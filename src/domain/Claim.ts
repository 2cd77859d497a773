/**
 * Claims about nodes, and the total order that decides which of two claims about one node wins.
 *
 * The numeric form of a status is the byte on the wire. Cores use it; the API uses names.
 */
import * as SerialNumber from "./SerialNumber.ts"

/** The status byte of a live member. */
export const Alive = 0
/** The status byte of a member that somebody failed to reach. */
export const Suspect = 1
/** The status byte of a member that died or left. */
export const Dead = 2

/**
 * A status byte as it is on the wire.
 *
 * @category models
 * @since 0.2.0
 */
export type StatusCode = typeof Alive | typeof Suspect | typeof Dead

/** What a claim says about a node, apart from its address. */
export interface Claim {
  readonly incarnation: number
  /** A status byte. */
  readonly status: number
  readonly heartbeat: number
}

/**
 * How far a suspicion raises a heartbeat. The suspect's own heartbeats do not get that far, so only a higher incarnation
 * clears a suspicion (SWIM, section 4.2), at nodes of the older implementation too.
 */
export const SuspicionRaise = 0x100000

/**
 * Orders two claims about one node by everything except the address. Positive when the first wins, negative when the
 * second wins, 0 when only the address can decide.
 *
 * 1. The higher incarnation.
 * 2. At equal incarnation, Dead beats Alive and Suspect.
 * 3. The higher heartbeat.
 * 4. The more severe status.
 *
 * Among claims within a window of 2^31 - 1 this is a total order. The merge of two claims is their maximum, so merging is
 * commutative, associative and idempotent.
 */
export const compare = (a: Claim, b: Claim): number => {
  const byIncarnation = SerialNumber.compare(a.incarnation, b.incarnation)
  if (byIncarnation !== 0) return byIncarnation
  if (a.status !== b.status) {
    if (a.status === Dead) return 1
    if (b.status === Dead) return -1
  }
  const byHeartbeat = SerialNumber.compare(a.heartbeat, b.heartbeat)
  return byHeartbeat !== 0 ? byHeartbeat : a.status - b.status
}
