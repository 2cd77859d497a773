/**
 * Addresses to join through. They are no members: each is contacted, with
 * back-off, until somebody there answers, and whoever does comes into the table
 * under its own id.
 */
import type { NetAddress } from "effect/net"
import type { MemberTable } from "../membership/MemberTable.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** Waits between attempts, in ms: doubled from the first to the last. */
export const BackoffFirst = 500
export const BackoffLast = 10_000

interface Peer {
  readonly address: Uint8Array
  /** The id that answered there, or `undefined`. */
  answeredBy: { readonly hi: number; readonly lo: number } | undefined
  nextAt: number
  backoff: number
}

export class BootstrapPeers {
  #peers: Array<Peer>
  #waiting: number

  /** Our own address is none of them. */
  constructor(addresses: ReadonlyArray<NetAddress.InetAddress>, self: NetAddress.InetAddress, now: number) {
    const own = PackedAddress.pack(self)
    const unique = new Map<string, Peer>()
    for (const inet of addresses) {
      const address = PackedAddress.pack(inet)
      if (PackedAddress.compare(address, 0, own, 0) === 0) continue
      unique.set(PackedAddress.key(address, 0), { address, answeredBy: undefined, nextAt: now, backoff: BackoffFirst })
    }
    this.#peers = [...unique.values()]
    this.#waiting = this.#peers.length
  }

  /** Peers that have not answered yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** When the next peer is to be contacted, in ms, or Infinity. */
  nextContact(): number {
    let next = Infinity
    if (this.#waiting === 0) return next
    for (const peer of this.#peers) if (peer.answeredBy === undefined) next = Math.min(next, peer.nextAt)
    return next
  }

  /** Hands every peer that is due to `contact` and sets its next time. */
  contactDue(now: number, contact: (address: Uint8Array) => void): void {
    for (const peer of this.#peers) {
      if (peer.answeredBy !== undefined || peer.nextAt > now) continue
      contact(peer.address)
      peer.nextAt = now + peer.backoff
      peer.backoff = Math.min(2 * peer.backoff, BackoffLast)
    }
  }

  /** Notes that somebody spoke from `source`. Returns whether that is the first answer of a peer. */
  answered(source: Uint8Array, idHi: number, idLo: number): boolean {
    const peer = this.#waitingAt(source)
    if (peer === undefined) return false
    peer.answeredBy = { hi: idHi, lo: idLo }
    this.#waiting--
    return true
  }

  /** Strikes out an address at which we found ourselves. */
  foundSelf(source: Uint8Array): void {
    const peer = this.#waitingAt(source)
    if (peer === undefined) return
    this.#peers = this.#peers.filter((other) => other !== peer)
    this.#waiting--
  }

  #waitingAt(source: Uint8Array): Peer | undefined {
    if (this.#waiting === 0) return undefined
    return this.#peers.find(
      (peer) => peer.answeredBy === undefined && PackedAddress.compare(peer.address, 0, source, 0) === 0
    )
  }

  /** Addresses that answered once and where no live member is now. */
  absent(table: MemberTable): Array<Uint8Array> {
    const absent: Array<Uint8Array> = []
    for (const { address, answeredBy } of this.#peers) {
      if (answeredBy === undefined || table.liveAt(address, 0) >= 0) continue
      // It may advertise another address than the one it was reached at.
      const slot = table.index.get(answeredBy.hi, answeredBy.lo)
      if (slot < 0 || !table.isLive(slot)) absent.push(address)
    }
    return absent
  }
}
