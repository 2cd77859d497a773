/**
 * Sources whose datagrams cannot be read, so that a node with another key is reported and not only counted. Each source
 * is reported at once, and then at growing intervals: with a report for each packet, anybody could fill the log.
 *
 * @since 0.2.0
 */
import type { NetAddress } from "effect/net"
import type { NodeId } from "../domain/NodeId.ts"
import { setNewest } from "../domain/OldestKey.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/**
 * Why the datagrams of a source cannot be read: it has another key, it sends in the clear
 * although encryption is required, or checksums do not fit the name of our cluster.
 *
 * @category models
 * @since 0.2.0
 */
export type RejectionReason = "OtherKey" | "Plaintext" | "Checksum"

/**
 * A source whose datagrams cannot be read.
 *
 * @category models
 * @since 0.2.0
 */
export interface Rejection {
  readonly reason: RejectionReason
  readonly address: NetAddress.InetAddress
  /** The id that the datagram names. Nothing proves it. */
  readonly id: NodeId
}

/** Intervals between reports of one source, in ms: doubled from the first to the last. */
export const ReportFirst = 60_000
export const ReportLast = 3_600_000
/** The most sources remembered. Beyond, the one that was reported longest ago is forgotten. */
export const MaxSources = 256
/** The most reports in one minute, of all sources together. */
export const MaxPerMinute = 16

interface Reported {
  nextAt: number
  wait: number
}

export class Rejections {
  readonly #reported = new Map<string, Reported>()
  #minute = -Infinity
  #inMinute = 0

  /** Whether a rejected datagram from a packed address is to be reported now. */
  report(reason: RejectionReason, source: Uint8Array, now: number): boolean {
    const key = `${reason} ${PackedAddress.key(source, 0)}`
    const known = this.#reported.get(key)
    if (known !== undefined && now < known.nextAt) return false
    if (now - this.#minute >= 60_000) {
      this.#minute = now
      this.#inMinute = 0
    }
    if (this.#inMinute >= MaxPerMinute) return false
    this.#inMinute++
    const wait = known === undefined ? ReportFirst : Math.min(2 * known.wait, ReportLast)
    // The map is in the order of the last reports.
    setNewest(this.#reported, key, { nextAt: now + wait, wait }, MaxSources)
    return true
  }
}
