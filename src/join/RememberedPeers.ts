/**
 * Where members were that the node knew in a former run. The node joins through them too, so that it finds its cluster when
 * every bootstrap peer is gone. Nobody waits for them: a node whose cluster has ended is ready without them.
 */
import type { NetAddress } from "effect/net"
import type { MemberTable } from "../membership/MemberTable.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** How many are contacted at once. */
export const Batch = 4
/** Wait between two batches, in ms. */
export const BatchInterval = 500
/** Waits until all are contacted again by a node that is still alone, in ms: doubled from the first to the last. */
export const FirstPause = 2000
export const LastPause = 60_000

/** Times are in ms of the monotonic clock. */
export class RememberedPeers {
  /** Those that have not answered. */
  #waiting: Array<Uint8Array>
  #at = 0
  #nextAt: number
  #pause = FirstPause

  constructor(addresses: ReadonlyArray<NetAddress.InetAddress>, now: number) {
    this.#waiting = addresses.map((address) => PackedAddress.pack(address))
    this.#nextAt = this.#waiting.length === 0 ? Infinity : now
  }

  /** When the next ones are contacted, or Infinity. */
  get next(): number {
    return this.#nextAt
  }

  /**
   * Passes the addresses that are due to `contact`, without those of members that are alive. Each is contacted once, to
   * find those who do not know of each other; after that all of them again and again, for as long as the node is alone.
   */
  contactDue(now: number, table: MemberTable, contact: (address: Uint8Array) => void): void {
    if (this.#nextAt > now) return
    for (let contacted = 0; contacted < Batch && this.#at < this.#waiting.length; this.#at++) {
      const address = this.#waiting[this.#at]!
      if (table.liveAt(address, 0) >= 0) continue
      contact(address)
      contacted++
    }
    if (this.#at < this.#waiting.length) {
      this.#nextAt = now + BatchInterval
      return
    }
    if (table.live > 1 || this.#waiting.length === 0) {
      this.#waiting = []
      this.#nextAt = Infinity
      return
    }
    this.#at = 0
    this.#nextAt = now + this.#pause
    this.#pause = Math.min(2 * this.#pause, LastPause)
  }

  /** Whether a message from `source` is the first answer from there. */
  answered(source: Uint8Array): boolean {
    const at = this.#waiting.findIndex((address) => PackedAddress.equals(address, 0, source, 0))
    if (at < 0) return false
    this.#waiting.splice(at, 1)
    if (at < this.#at) this.#at--
    return true
  }
}
