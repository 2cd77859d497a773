/** Network conditions: what happens to datagrams on one part of their path. */
import * as Distribution from "./Distribution.ts"

/**
 * Bytes of the headers of IPv4 and UDP.
 *
 * @category constants
 * @since 0.2.0
 */
export const HeaderBytesV4 = 28
/**
 * Bytes of the headers of IPv6 and UDP.
 *
 * @category constants
 * @since 0.2.0
 */
export const HeaderBytesV6 = 48

/**
 * What happens to datagrams on one part of their path. Each field may be changed at any time; the new value applies to
 * datagrams that reach this part from then on. Assignments are not checked: see `problem`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Conditions {
  /** The delay of every datagram, in ms; finite, at least 0. */
  latency: number
  /**
   * An additional random delay. It is drawn for each datagram, so one may overtake another. A number n is uniform in
   * [0, n) ms.
   */
  jitter: Distribution.Distribution | number
  /** Probability in [0, 1] that a datagram is lost, after it has used the bandwidth. */
  loss: number
  /** Probability in [0, 1] that a datagram is duplicated. The copy has its own random delay and uses no bandwidth. */
  duplicate: number
  /**
   * Probability in [0, 1] that one to three bits of the payload are flipped. It stands for the errors that UDP's
   * checksum does not catch.
   */
  corrupt: number
  /** Probability in [0, 1] that a datagram is held back, so that later ones overtake it. */
  reorder: number
  /** How long a reordered datagram is held back, in ms; finite, at least 0. */
  reorderBy: number
  /** Whether nothing gets through. The sender does not learn of it. */
  cut: boolean
  /**
   * Probability in [0, 1] that a datagram is rejected, as by a firewall: it is dropped, and the sender is told by ICMP
   * that the port is unreachable.
   */
  reject: number
  /** Bytes per second, headers included; above 0, Infinity for no limit. Datagrams are sent one after the other. */
  bandwidth: number
  /**
   * Bytes, headers included, that may wait for the bandwidth, the rest of the datagram being sent included; at least 0,
   * Infinity for no limit. A datagram that does not fit is dropped; one that need not wait never is.
   */
  queue: number
  /**
   * The longest datagram in bytes: the payload and 28 (IPv4) or 48 (IPv6) bytes of headers; above 0, Infinity for no
   * limit. A longer one is dropped, as a datagram that must not be fragmented is.
   */
  mtu: number
}

/**
 * Conditions without any effect.
 *
 * @category constants
 * @since 0.2.0
 */
export const neutral: Readonly<Conditions> = {
  latency: 0,
  jitter: 0,
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  reorderBy: 10,
  cut: false,
  reject: 0,
  bandwidth: Infinity,
  queue: Infinity,
  mtu: Infinity
}

/**
 * Neutral conditions with some fields set.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (given: Partial<Conditions> = {}): Conditions => ({ ...neutral, ...given })

/**
 * Draws the delay of one datagram, without the time that it waits for the bandwidth, in ms.
 *
 * @category functions
 * @since 0.2.0
 */
export const delay = (conditions: Conditions, random: () => number): number => {
  let ms = conditions.latency
  if (conditions.jitter !== 0) ms += Distribution.draw(conditions.jitter, random)
  if (conditions.reorder > 0 && random() < conditions.reorder) ms += conditions.reorderBy
  return ms
}

/** The permitted values of a number, as a predicate and in words. */
interface Bound {
  readonly holds: (n: number) => boolean
  readonly words: string
}

const probability: Bound = { holds: (n) => n >= 0 && n <= 1, words: "a probability between 0 and 1" }
const length: Bound = {
  holds: (n) => n >= 0 && n < Infinity,
  words: "a finite number of milliseconds, at least 0"
}

const bounds = {
  latency: length,
  loss: probability,
  duplicate: probability,
  corrupt: probability,
  reorder: probability,
  reorderBy: length,
  reject: probability,
  bandwidth: { holds: (n) => n > 0, words: "a number of bytes per second above 0, or Infinity" },
  queue: { holds: (n) => n >= 0, words: "a number of bytes, at least 0, or Infinity" },
  mtu: { holds: (n) => n > 0, words: "a number of bytes above 0, or Infinity" }
} as const satisfies Partial<Record<keyof Conditions, Bound>>

const bounded = [
  "latency",
  "loss",
  "duplicate",
  "corrupt",
  "reorder",
  "reorderBy",
  "reject",
  "bandwidth",
  "queue",
  "mtu"
] as const

/**
 * The first field that is out of its bounds, as a sentence that names the bounds, or `undefined`.
 *
 * @category checks
 * @since 0.2.0
 */
export const problem = (conditions: Partial<Conditions>): string | undefined => {
  for (const field of bounded) {
    const value = conditions[field]
    if (value === undefined) continue
    const { holds, words }: Bound = bounds[field]
    if (!holds(value)) return `${field} is ${value}: it must be ${words}`
  }
  return conditions.jitter === undefined ? undefined : Distribution.problem(conditions.jitter)
}
