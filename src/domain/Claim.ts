/**
 * Claims about nodes, and the one total order that decides between two of them.
 *
 * The numeric form of a status is the byte on the wire; cores use it, the API
 * uses names.
 */
import * as SerialNumber from "./SerialNumber.ts"

/** The status byte of a live member. */
export const Alive = 0
/** The status byte of a member that somebody failed to reach. */
export const Suspect = 1
/** The status byte of a member that died or left. */
export const Dead = 2

/** A status as it stands on the wire. */
export type StatusCode = typeof Alive | typeof Suspect | typeof Dead

/**
 * How far a suspicion raises a heartbeat: out of reach of the heartbeats that
 * the suspect still sends, so that only a higher incarnation clears it (SWIM,
 * section 4.2), at nodes of the older implementation too.
 */
export const SuspicionRaise = 0x100000

/**
 * Orders two claims about one node by everything but the address. Positive when
 * the first wins, negative when the second wins, 0 when only the address can
 * decide.
 *
 * 1. the higher incarnation; 2. at equal incarnation Dead beats Alive and
 * Suspect; 3. the higher heartbeat; 4. the more severe status.
 *
 * Among claims within a window of 2^31 - 1 this is a total order, so the merge
 * of two claims is their maximum: commutative, associative and idempotent.
 */
export const compare = (
  incarnationA: number,
  statusA: number,
  heartbeatA: number,
  incarnationB: number,
  statusB: number,
  heartbeatB: number
): number => {
  const byIncarnation = SerialNumber.compare(incarnationA, incarnationB)
  if (byIncarnation !== 0) return byIncarnation
  if (statusA !== statusB) {
    if (statusA === Dead) return 1
    if (statusB === Dead) return -1
  }
  const byHeartbeat = SerialNumber.compare(heartbeatA, heartbeatB)
  return byHeartbeat !== 0 ? byHeartbeat : statusA - statusB
}
