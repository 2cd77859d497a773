/**
 * Peers to join through. They are no members: each is contacted, with back-off,
 * until somebody there answers, and whoever does comes into the table under its
 * own id.
 *
 * A peer that is given by name stands for all the addresses that the name has, and
 * they are looked up anew at every attempt. It has answered when anybody at one of
 * them has: through that one, everybody is found.
 */
import { NetAddress } from "effect/net"
import type * as Peer from "../domain/Peer.ts"
import type { MemberTable } from "../membership/MemberTable.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** Waits between attempts, in ms: doubled from the first to the last. */
export const BackoffFirst = 500
export const BackoffLast = 10_000

/** Addresses that one name can have; of more, the first count. */
export const MaxAddresses = 256

/** Addresses of names at which we found ourselves that are remembered. */
const MaxOwn = 256

interface Attempts {
  /** The id that answered there, or `undefined`. */
  answeredBy: { readonly hi: number; readonly lo: number } | undefined
  nextAt: number
  backoff: number
}

interface AddressPeer extends Attempts {
  readonly address: Uint8Array
}

interface NamePeer extends Attempts {
  readonly peer: Peer.Named
  /** Of the last lookup that gave any, without our own. */
  addresses: ReadonlyArray<Uint8Array>
  /** Whether a lookup has begun and not ended. */
  lookingUp: boolean
}

const isAt = (address: Uint8Array, source: Uint8Array): boolean => PackedAddress.compare(address, 0, source, 0) === 0

const postpone = (peer: Attempts, now: number): void => {
  peer.nextAt = now + peer.backoff
  peer.backoff = Math.min(2 * peer.backoff, BackoffLast)
}

export class BootstrapPeers {
  #peers: Array<AddressPeer>
  readonly #names: ReadonlyArray<NamePeer>
  readonly #own: Array<Uint8Array>
  #waiting: number

  /** Our own address is none of them. */
  constructor(peers: ReadonlyArray<Peer.Peer>, self: NetAddress.InetAddress, now: number) {
    const own = PackedAddress.pack(self)
    const attempts = { answeredBy: undefined, nextAt: now, backoff: BackoffFirst }
    const unique = new Map<string, AddressPeer>()
    const names = new Map<string, NamePeer>()
    for (const peer of peers) {
      if (!NetAddress.isInetAddress(peer)) {
        names.set(peer.toString(), { peer, addresses: [], lookingUp: false, ...attempts })
        continue
      }
      const address = PackedAddress.pack(peer)
      if (!isAt(address, own)) unique.set(PackedAddress.key(address, 0), { address, ...attempts })
    }
    this.#peers = [...unique.values()]
    this.#names = [...names.values()]
    this.#own = [own]
    this.#waiting = this.#peers.length + this.#names.length
  }

  /** Peers that have not answered yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** Addresses and names to join through, all in all. */
  get size(): number {
    return this.#peers.length + this.#names.length
  }

  /** When the next peer is to be contacted or looked up, in ms, or Infinity. */
  nextContact(): number {
    let next = Infinity
    if (this.#waiting === 0) return next
    for (const peer of this.#peers) if (peer.answeredBy === undefined) next = Math.min(next, peer.nextAt)
    for (const name of this.#names) {
      if (name.answeredBy === undefined && !name.lookingUp) next = Math.min(next, name.nextAt)
    }
    return next
  }

  /** Hands the address of every peer that is due, and has one, to `contact` and sets its next time. */
  contactDue(now: number, contact: (address: Uint8Array) => void): void {
    for (const peer of this.#peers) {
      if (peer.answeredBy !== undefined || peer.nextAt > now) continue
      contact(peer.address)
      postpone(peer, now)
    }
  }

  /** The names that are due. Each is to be looked up, and is not due again before `found` or `notFound`. */
  lookupsDue(now: number): ReadonlyArray<Peer.Named> {
    const due = this.#names.filter(
      ({ answeredBy, lookingUp, nextAt }) => answeredBy === undefined && !lookingUp && nextAt <= now
    )
    for (const name of due) name.lookingUp = true
    return due.map(({ peer }) => peer)
  }

  /** Begins a lookup of a name though none is due. */
  lookUp(peer: Peer.Named): void {
    const name = this.#named(peer)
    if (name !== undefined) name.lookingUp = true
  }

  /**
   * Takes the addresses that a name has now, and returns those to contact: none if the name has answered and a live
   * member is at one of them. The wait for the next lookup begins.
   */
  found(
    peer: Peer.Named,
    addresses: ReadonlyArray<NetAddress.InetAddress>,
    table: MemberTable,
    now: number
  ): ReadonlyArray<Uint8Array> {
    const name = this.#named(peer)
    if (name === undefined) return []
    const unique = new Map<string, Uint8Array>()
    for (const inet of addresses) {
      const address = PackedAddress.pack(inet)
      if (!PackedAddress.isReachable(address, 0) || this.#own.some((own) => isAt(own, address))) continue
      unique.set(PackedAddress.key(address, 0), address)
      if (unique.size === MaxAddresses) break
    }
    name.addresses = [...unique.values()]
    name.lookingUp = false
    postpone(name, now)
    return name.answeredBy === undefined || this.#isAbsent(name, name.addresses, table) ? name.addresses : []
  }

  /** A lookup failed. The wait for the next one begins, and nobody is contacted: addresses may have changed hands. */
  notFound(peer: Peer.Named, now: number): void {
    const name = this.#named(peer)
    if (name === undefined) return
    name.lookingUp = false
    postpone(name, now)
  }

  #named(peer: Peer.Named): NamePeer | undefined {
    return this.#names.find((name) => name.peer === peer)
  }

  /** Notes that somebody spoke from `source`. Returns whether that is the first answer of a peer. */
  answered(source: Uint8Array, idHi: number, idLo: number): boolean {
    const waiting = this.#waiting
    if (waiting === 0) return false
    const by = { hi: idHi, lo: idLo }
    const peer = this.#waitingAt(source)
    if (peer !== undefined) {
      peer.answeredBy = by
      this.#waiting--
    }
    for (const name of this.#names) {
      if (name.answeredBy !== undefined || !name.addresses.some((address) => isAt(address, source))) continue
      name.answeredBy = by
      this.#waiting--
    }
    return this.#waiting < waiting
  }

  /** Strikes out an address at which we found ourselves. */
  foundSelf(source: Uint8Array): void {
    const peer = this.#waitingAt(source)
    if (peer !== undefined) {
      this.#peers = this.#peers.filter((other) => other !== peer)
      this.#waiting--
    }
    let known = false
    for (const name of this.#names) {
      const others = name.addresses.filter((address) => !isAt(address, source))
      known ||= others.length < name.addresses.length
      name.addresses = others
    }
    if (known && this.#own.length < MaxOwn) this.#own.push(source.slice())
  }

  /** No other member lives any more: names, which may stand for others by now, wait for an answer again. */
  alone(now: number): void {
    for (const name of this.#names) {
      if (name.answeredBy === undefined) continue
      name.answeredBy = undefined
      name.nextAt = now
      name.backoff = BackoffFirst
      this.#waiting++
    }
  }

  #waitingAt(source: Uint8Array): AddressPeer | undefined {
    return this.#peers.find((peer) => peer.answeredBy === undefined && isAt(peer.address, source))
  }

  /** Addresses that answered once and where no live member is now; not those of names. */
  absent(table: MemberTable): Array<Uint8Array> {
    const absent: Array<Uint8Array> = []
    for (const peer of this.#peers) if (this.#isAbsent(peer, [peer.address], table)) absent.push(peer.address)
    return absent
  }

  /** Names that answered once and at none of whose last addresses a live member is now. */
  absentNames(table: MemberTable): ReadonlyArray<Peer.Named> {
    return this.#names
      .filter((name) => !name.lookingUp && this.#isAbsent(name, name.addresses, table))
      .map(({ peer }) => peer)
  }

  #isAbsent({ answeredBy }: Attempts, addresses: ReadonlyArray<Uint8Array>, table: MemberTable): boolean {
    if (answeredBy === undefined || addresses.some((address) => table.liveAt(address, 0) >= 0)) return false
    // It may advertise another address than the one it was reached at.
    const slot = table.index.get(answeredBy.hi, answeredBy.lo)
    return slot < 0 || !table.isLive(slot)
  }
}
