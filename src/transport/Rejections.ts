/**
 * Sources whose datagrams cannot be read, so that a node with another key is seen and not only counted. Each is reported
 * once and then ever more rarely: one line per packet would be a gift to whoever sends them.
 */
import * as PackedAddress from "../wire/PackedAddress.ts"

/** Why a source's datagrams are of no use: it has another key, or sends in the clear where keys are required. */
export type RejectionReason = "OtherKey" | "Plaintext"

/** Waits between reports of one source, in ms: doubled from the first to the last. */
export const ReportFirst = 60_000
export const ReportLast = 3_600_000
/** The most sources remembered; beyond, the one reported longest ago is forgotten. */
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
    // Reported last, so it stands last.
    this.#reported.delete(key)
    this.#reported.set(key, { nextAt: now + wait, wait })
    if (this.#reported.size > MaxSources) this.#forgetOldest()
    return true
  }

  #forgetOldest(): void {
    for (const key of this.#reported.keys()) {
      this.#reported.delete(key)
      return
    }
  }
}
