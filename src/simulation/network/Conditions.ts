/** How datagrams fare on a part of their way. */
import * as Distribution from "./Distribution.ts"

/** Bytes that IP and UDP put before the payload, by family. */
export const HeaderBytesV4 = 28
export const HeaderBytesV6 = 48

/**
 * How datagrams fare on a part of their way. Each field may be changed at any time, and holds for what comes to that
 * part from then on. Nothing checks a field when it is set: `problem` tells.
 */
export interface Conditions {
  /** The delay that every datagram has, in ms; finite, at least 0. */
  latency: number
  /**
   * A delay on top, drawn for each datagram, so that one may overtake another; a number n is uniform in [0, n) ms.
   */
  jitter: Distribution.Distribution | number
  /** Probability in [0, 1] that a datagram is lost, after it has used the bandwidth. */
  loss: number
  /** Probability in [0, 1] that a datagram comes out twice. The second has a delay of its own, and uses no bandwidth. */
  duplicate: number
  /**
   * Probability in [0, 1] that one to three bits of the payload are flipped. UDP's checksum catches most of what goes
   * wrong on real wires: this is what gets past it.
   */
  corrupt: number
  /** Probability in [0, 1] that a datagram is held back, so that later ones overtake it. */
  reorder: number
  /** For how long it is held back, in ms; finite, at least 0. */
  reorderBy: number
  /** Whether none get through. */
  cut: boolean
  /** Bytes per second, headers included; above 0, and Infinity for no limit. Datagrams are sent one after the other. */
  bandwidth: number
  /**
   * Bytes, headers included, that may wait for the bandwidth; at least 0, and Infinity for no limit. What is left of the
   * datagram being sent counts too. A datagram beyond that is dropped, and one that need not wait never is.
   */
  queue: number
  /**
   * The longest datagram in bytes: payload and 28 (IPv4) or 48 (IPv6) bytes of headers; above 0, and Infinity for no
   * limit. A longer one is dropped, as one that must not be fragmented.
   */
  mtu: number
}

/** Conditions that change nothing. */
export const neutral: Readonly<Conditions> = {
  latency: 0,
  jitter: 0,
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  reorderBy: 10,
  cut: false,
  bandwidth: Infinity,
  queue: Infinity,
  mtu: Infinity
}

/** Conditions that change nothing but what is given. */
export const make = (given: Partial<Conditions> = {}): Conditions => ({ ...neutral, ...given })

/** The delay of one datagram beside what it waits for the bandwidth, in ms. */
export const delay = (conditions: Conditions, random: () => number): number => {
  let ms = conditions.latency
  if (conditions.jitter !== 0) ms += Distribution.draw(conditions.jitter, random)
  if (conditions.reorder > 0 && random() < conditions.reorder) ms += conditions.reorderBy
  return ms
}

/** What a number must be: whether it is, and in words. */
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
  "bandwidth",
  "queue",
  "mtu"
] as const

/** The first field that is out of its bounds, with the bounds, if there is one. */
export const problem = (conditions: Partial<Conditions>): string | undefined => {
  for (const field of bounded) {
    const value = conditions[field]
    if (value === undefined) continue
    const { holds, words }: Bound = bounds[field]
    if (!holds(value)) return `${field} is ${value}: it must be ${words}`
  }
  return conditions.jitter === undefined ? undefined : Distribution.problem(conditions.jitter)
}
