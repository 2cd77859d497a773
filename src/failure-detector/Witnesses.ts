/**
 * Whether this node gives a second opinion on an accusation (docs/PROTOCOL.md,
 * 3.4). Every node decides for itself by a hash, so witnesses need no messages to
 * be chosen, and an accuser cannot choose them.
 */
import type { Hash64 } from "../domain/Hash64.ts"

/** Probes for second opinions that run at once at a node; more are dropped. */
export const MaxWitnessProbes = 16

/** An accused member, as an accusation names it, and the node that decides. */
export interface WitnessQuestion {
  readonly ownIdHi: number
  readonly ownIdLo: number
  readonly suspectIdHi: number
  readonly suspectIdLo: number
  readonly suspectIncarnation: number
}

/**
 * Whether the node is a witness: `witnesses` of the `n - 2` members that are neither accuser nor suspect are expected
 * to be; with so few members, all are. `n` counts the live members, the node included.
 */
export const isWitness = (question: WitnessQuestion, witnesses: number, n: number, hash: Hash64): boolean => {
  if (witnesses === 0) return false
  if (n - 2 <= witnesses) return true
  const { ownIdHi, ownIdLo, suspectIdHi, suspectIdLo, suspectIncarnation } = question
  hash.reset().add(ownIdHi, ownIdLo).add(suspectIdHi, suspectIdLo).add(0, suspectIncarnation)
  return hash.fraction < witnesses / (n - 2)
}
