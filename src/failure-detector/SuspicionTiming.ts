/** How long a suspicion lasts before its subject is declared dead: the arithmetic. */
import { Duration } from "effect"

/** Times in ms. */
export interface SuspicionTiming {
  /** The timeout in a cluster of one. */
  readonly timeout: number
  /** How much the timeout grows with log2 n. */
  readonly multiplier: number
  /** The most that is added to the timeout. */
  readonly jitter: number
}

/** The finaliser of MurmurHash3 with 32 bits. */
const mix = (h: number): number => {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/**
 * The part of the jitter that an observer adds for a suspect: at least 0 and below 1, and always the same for the same
 * two ids. So not all observers declare a suspect dead at once, and tests know when each does.
 */
export const jitterFraction = (
  observerHi: number,
  observerLo: number,
  suspectHi: number,
  suspectLo: number
): number => {
  let h = mix(observerHi | 0)
  h = mix((h + observerLo) | 0)
  h = mix((h + Math.imul(suspectHi, 0x9e3779b1)) | 0)
  h = mix((h + suspectLo) | 0)
  return (h >>> 0) / 0x100000000
}

/**
 * The timeout in ms, without jitter, of a suspicion that begins in a cluster of `n` Alive and Suspect members, this node
 * included: `timeout x (1 + multiplier x log2 n)`.
 */
export const suspicionTimeout = (options: SuspicionTiming, n: number): number =>
  options.timeout * (1 + options.multiplier * Math.log2(Math.max(1, n)))

/**
 * A suspicion that nobody confirms although enough members are called to lasts this many times as long: the fault is likely
 * to be our own, and a member that crashed has other accusers long before.
 */
export const AloneFactor = 4

/** How a suspicion shortens as further members accuse its subject. Times in ms. */
export interface SuspicionRange {
  /** The timeout without further accusers, of `suspicionTimeout`. */
  readonly most: number
  /** The timeout when all the further accusers that are needed have come. At most `most`. */
  readonly least: number
  /** How many further accusers that takes (Lifeguard: K). */
  readonly furtherNeeded: number
}

/** What the range of a suspicion depends on. */
export interface SuspicionRules extends SuspicionTiming {
  /** The least time in a cluster of any size, as a part of `timeout`; `undefined` where accusers shorten nothing. */
  readonly leastFraction: number | undefined
  /** Whether memberlist's rules hold instead, with the probe interval as `timeout`. */
  readonly memberlist: boolean
}

/** memberlist's `SuspicionMult` and `SuspicionMaxTimeoutMult` of a LAN. */
const MemberlistMultiplier = 4
const MemberlistMost = 6

/** The rules of a node with this configuration. */
export const suspicionRules = (
  probes: {
    readonly interval: Duration.Duration
    readonly suspectTimeout: Duration.Duration
    readonly suspectMultiplier: number
    readonly suspectJitter: Duration.Duration
    readonly suspectMinFraction: number
  },
  extensions: { readonly accusations: boolean; readonly level1: boolean; readonly rules: "own" | "memberlist" }
): SuspicionRules => ({
  memberlist: extensions.rules === "memberlist",
  timeout: Duration.toMillis(extensions.rules === "memberlist" ? probes.interval : probes.suspectTimeout),
  multiplier: probes.suspectMultiplier,
  jitter: Duration.toMillis(probes.suspectJitter),
  leastFraction: extensions.accusations && extensions.level1 ? probes.suspectMinFraction : undefined
})

/** The least time in ms that a member is suspect before it is declared dead, whatever its accusers found. */
export const shortestSuspicion = (
  probes: Parameters<typeof suspicionRules>[0] & { readonly proofTimeout: Duration.Duration },
  extensions: Parameters<typeof suspicionRules>[1] & { readonly proof: boolean }
): number => {
  const { least } = suspicionRange(suspicionRules(probes, extensions), 1, 1)
  // What others found counts also at a node that accuses nobody itself.
  return extensions.level1 && extensions.proof ? Math.min(least, Duration.toMillis(probes.proofTimeout)) : least
}

/**
 * The range of a suspicion that begins now among `n` live members. The least time does not grow with n, so that a death
 * is known as fast in a large cluster as in a small one. `factor` lengthens it, up to the most.
 */
export const suspicionRange = (rules: SuspicionRules, n: number, factor: number): SuspicionRange => {
  if (rules.memberlist) return memberlistRange(rules.timeout, n)
  const most = suspicionTimeout(rules, n)
  const { leastFraction } = rules
  const least = leastFraction === undefined ? most : Math.min(most, rules.timeout * leastFraction * factor)
  return { most, least, furtherNeeded: Math.max(0, Math.min(3, n - 2)) }
}

/**
 * The same by the rules of hashicorp/memberlist (`suspicionTimeout` in util.go, `suspectNode` in state.go): the least
 * time grows with log10 n, and where there are not enough members to accuse, it is the timeout.
 */
const memberlistRange = (interval: number, n: number): SuspicionRange => {
  const least = MemberlistMultiplier * Math.max(1, Math.log10(Math.max(1, n))) * interval
  const further = MemberlistMultiplier - 2
  return { least, most: MemberlistMost * least, furtherNeeded: n - 2 < further ? 0 : further }
}

/**
 * The timeout in ms of a suspicion with `further` of the further accusers that are needed (Lifeguard, arXiv 1707.00788,
 * section IV.B): it falls with the logarithm of their number from `most` to `least`. Where none are needed it is
 * `least`.
 */
export const accusedTimeout = ({ furtherNeeded, least, most }: SuspicionRange, further: number): number =>
  furtherNeeded === 0
    ? least
    : Math.max(least, most - ((most - least) * Math.log(further + 1)) / Math.log(furtherNeeded + 1))
