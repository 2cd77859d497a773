/**
 * The peers through which a node joins. A peer is not a member. It is contacted,
 * with back-off, until a node answers from there, and that node enters the member
 * table under its own id.
 *
 * A peer that is given by name stands for every address that the name has. The name
 * is looked up again at each attempt. The peer has answered when a node at one of its
 * addresses has answered, because that node knows all the others.
 */
import { NetAddress } from "effect/net"
import type * as Peer from "../domain/Peer.ts"
import type { MemberTable } from "../membership/MemberTable.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** Waits between attempts, in ms: doubled from the first to the last. */
export const BackoffFirst = 500
export const BackoffLast = 10_000

/** The most addresses of one name. Further ones are ignored. */
export const MaxAddresses = 256

/** The most addresses of this node that are remembered because a name led to them. */
const MaxOwn = 256

interface Attempts {
  /** Id of the node that answered, or `undefined` while the peer waits for an answer. */
  answeredBy: { readonly hi: number; readonly lo: number } | undefined
  nextAt: number
  backoff: number
}

interface AddressPeer extends Attempts {
  readonly address: Uint8Array
}

interface NamePeer extends Attempts {
  readonly peer: Peer.Named
  /** Found by the last successful lookup, without the addresses of this node. */
  addresses: ReadonlyArray<Uint8Array>
  /** Whether every address that the last successful lookup found belongs to this node. */
  onlySelf: boolean
  /** Whether a lookup is in progress. */
  lookingUp: boolean
}

const isAt = (address: Uint8Array, source: Uint8Array): boolean => PackedAddress.equals(address, 0, source, 0)

/** A live member at one of some addresses, or -1. */
const liveAmong = (addresses: ReadonlyArray<Uint8Array>, table: MemberTable): number => {
  for (const address of addresses) {
    const slot = table.liveAt(address, 0)
    if (slot >= 0) return slot
  }
  return -1
}

const postpone = (peer: Attempts, now: number): void => {
  peer.nextAt = now + peer.backoff
  peer.backoff = Math.min(2 * peer.backoff, BackoffLast)
}

/** Peers by address and by name, and when each is contacted next. Times are in ms of the monotonic clock. */
export class BootstrapPeers {
  /** By packed address. */
  readonly #addresses = new Map<string, AddressPeer>()
  /** By the text of the name. */
  readonly #names = new Map<string, NamePeer>()
  /** Addresses of this node. The first is the one that it advertises. */
  readonly #own: Array<Uint8Array>
  #waiting = 0

  constructor(peers: ReadonlyArray<Peer.Peer>, self: NetAddress.InetAddress, now: number) {
    this.#own = [PackedAddress.pack(self)]
    this.add(peers, now)
  }

  /** This node advertises another address from now on. */
  moved(self: NetAddress.InetAddress): void {
    this.#own.unshift(PackedAddress.pack(self))
    if (this.#own.length > MaxOwn) this.#own.pop()
  }

  /**
   * Adds peers that are due at once. A peer that is there already is contacted again, also when it has answered before.
   * The address that this node advertises is left out.
   */
  add(peers: ReadonlyArray<Peer.Peer>, now: number): void {
    for (const peer of peers) {
      const known = this.#find(peer)
      if (known !== undefined) this.#startAgain(known, now)
      else if (!this.#isOwn(peer)) this.#insert(peer, now)
    }
  }

  #insert(peer: Peer.Peer, now: number): void {
    const attempts = { answeredBy: undefined, nextAt: now, backoff: BackoffFirst }
    this.#waiting++
    if (NetAddress.isInetAddress(peer)) {
      const address = PackedAddress.pack(peer)
      this.#addresses.set(PackedAddress.key(address, 0), { address, ...attempts })
    } else {
      this.#names.set(peer.toString(), { peer, addresses: [], onlySelf: false, lookingUp: false, ...attempts })
    }
  }

  #find(peer: Peer.Peer): Attempts | undefined {
    if (!NetAddress.isInetAddress(peer)) return this.#names.get(peer.toString())
    return this.#addresses.get(PackedAddress.key(PackedAddress.pack(peer), 0))
  }

  #isOwn(peer: Peer.Peer): boolean {
    return NetAddress.isInetAddress(peer) && isAt(PackedAddress.pack(peer), this.#own[0]!)
  }

  #startAgain(peer: Attempts, now: number): void {
    if (peer.answeredBy !== undefined) this.#waiting++
    peer.answeredBy = undefined
    peer.nextAt = now
    peer.backoff = BackoffFirst
  }

  /** How many peers have not answered yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** How many peers have not answered and have no live member at their addresses. */
  unmet(table: MemberTable): number {
    let unmet = 0
    for (const peer of this.#addresses.values()) {
      if (peer.answeredBy === undefined && table.liveAt(peer.address, 0) < 0) unmet++
    }
    for (const { addresses, answeredBy } of this.#names.values()) {
      if (answeredBy === undefined && liveAmong(addresses, table) < 0) unmet++
    }
    return unmet
  }

  /**
   * Takes peers that were contacted, and have a live member at one of their addresses, as answered: its datagrams may come
   * from elsewhere.
   */
  meet(table: MemberTable): void {
    for (const peer of this.#addresses.values()) this.#meet(peer, liveAmong([peer.address], table), table)
    for (const name of this.#names.values()) this.#meet(name, liveAmong(name.addresses, table), table)
  }

  #meet(peer: Attempts, slot: number, table: MemberTable): void {
    if (slot < 0 || peer.answeredBy !== undefined || peer.backoff === BackoffFirst) return
    peer.answeredBy = { hi: table.idHi(slot), lo: table.idLo(slot) }
    this.#waiting--
  }

  /** How many peers there are, by address and by name. */
  get size(): number {
    return this.#addresses.size + this.#names.size
  }

  /** Whether there is no peer but this node itself, so that nobody has to answer before the node has joined. */
  get onlySelf(): boolean {
    if (this.#addresses.size > 0) return false
    for (const name of this.#names.values()) if (!name.onlySelf) return false
    return true
  }

  /** How many of `peers` would be added, and not only contacted again. */
  countNew(peers: ReadonlyArray<Peer.Peer>): number {
    return peers.filter((peer) => this.#find(peer) === undefined && !this.#isOwn(peer)).length
  }

  /** When the next peer must be contacted or looked up, or Infinity. */
  nextContact(): number {
    let next = Infinity
    if (this.#waiting === 0) return next
    for (const peer of this.#addresses.values()) {
      if (peer.answeredBy === undefined) next = Math.min(next, peer.nextAt)
    }
    for (const name of this.#names.values()) {
      if (name.answeredBy === undefined && !name.lookingUp) next = Math.min(next, name.nextAt)
    }
    return next
  }

  /** Passes the address of every peer that is due to `contact`, and sets the time of its next attempt. */
  contactDue(now: number, contact: (address: Uint8Array) => void): void {
    for (const peer of this.#addresses.values()) {
      if (peer.answeredBy !== undefined || peer.nextAt > now) continue
      contact(peer.address)
      postpone(peer, now)
    }
  }

  /** The names that are due for a lookup. Each must be followed by `found` or `notFound`. */
  lookupsDue(now: number): ReadonlyArray<Peer.Named> {
    const due: Array<Peer.Named> = []
    for (const name of this.#names.values()) {
      if (name.answeredBy !== undefined || name.lookingUp || name.nextAt > now) continue
      name.lookingUp = true
      due.push(name.peer)
    }
    return due
  }

  /** Notes that a lookup starts although the name is not due. */
  lookUp(peer: Peer.Named): void {
    const name = this.#names.get(peer.toString())
    if (name !== undefined) name.lookingUp = true
  }

  /**
   * Takes the addresses that a lookup found, and returns those to contact. A name that has answered is contacted only
   * while no live member is at one of its addresses. The wait for the next lookup starts.
   */
  found(
    peer: Peer.Named,
    addresses: ReadonlyArray<NetAddress.InetAddress>,
    table: MemberTable,
    now: number
  ): ReadonlyArray<Uint8Array> {
    const name = this.#names.get(peer.toString())
    if (name === undefined) return []
    const others = new Map<string, Uint8Array>()
    let ownFound = false
    for (const inet of addresses) {
      const address = PackedAddress.pack(inet)
      if (!PackedAddress.isReachable(address, 0)) continue
      if (this.#own.some((own) => isAt(own, address))) {
        ownFound = true
        continue
      }
      others.set(PackedAddress.key(address, 0), address)
      if (others.size === MaxAddresses) break
    }
    name.addresses = [...others.values()]
    name.onlySelf = ownFound && others.size === 0
    name.lookingUp = false
    postpone(name, now)
    return name.answeredBy === undefined || this.#isAbsent(name, name.addresses, table) ? name.addresses : []
  }

  /**
   * Notes that a lookup failed. The wait for the next one starts. The addresses that were found before are not contacted,
   * because they may belong to other hosts by now.
   */
  notFound(peer: Peer.Named, now: number): void {
    const name = this.#names.get(peer.toString())
    if (name === undefined) return
    name.lookingUp = false
    postpone(name, now)
  }

  /** Notes a message from `source`. Returns whether it is the first answer of a peer. */
  answered(source: Uint8Array, idHi: number, idLo: number): boolean {
    const waiting = this.#waiting
    if (waiting === 0) return false
    const by = { hi: idHi, lo: idLo }
    const peer = this.#waitingAt(source)
    if (peer !== undefined) {
      peer.answeredBy = by
      this.#waiting--
    }
    for (const name of this.#names.values()) {
      if (name.answeredBy !== undefined || !name.addresses.some((address) => isAt(address, source))) continue
      name.answeredBy = by
      this.#waiting--
    }
    return this.#waiting < waiting
  }

  /** Whether an address is that of a peer that has not answered yet. */
  isWaitingAt(source: Uint8Array): boolean {
    if (this.#waitingAt(source) !== undefined) return true
    for (const { addresses, answeredBy } of this.#names.values()) {
      if (answeredBy === undefined && addresses.some((address) => isAt(address, source))) return true
    }
    return false
  }

  /** Notes that `source` is an address of this node. It is not contacted again. */
  foundSelf(source: Uint8Array): void {
    const peer = this.#waitingAt(source)
    if (peer !== undefined) {
      this.#addresses.delete(PackedAddress.key(peer.address, 0))
      this.#waiting--
    }
    let known = false
    for (const name of this.#names.values()) {
      const others = name.addresses.filter((address) => !isAt(address, source))
      if (others.length === name.addresses.length) continue
      known = true
      name.addresses = others
      name.onlySelf = others.length === 0
    }
    if (known && this.#own.length < MaxOwn) this.#own.push(source.slice())
  }

  /**
   * Notes that no other member is alive. Names wait for an answer again, because they may stand for other hosts by now.
   * Peers by address are left to healing.
   */
  alone(now: number): void {
    for (const name of this.#names.values()) if (name.answeredBy !== undefined) this.#startAgain(name, now)
  }

  #waitingAt(source: Uint8Array): AddressPeer | undefined {
    for (const peer of this.#addresses.values()) {
      if (peer.answeredBy === undefined && isAt(peer.address, source)) return peer
    }
    return undefined
  }

  /** The addresses given as peers from which a node answered and at which no live member is now. */
  absent(table: MemberTable): Array<Uint8Array> {
    const absent: Array<Uint8Array> = []
    for (const peer of this.#addresses.values()) {
      if (this.#isAbsent(peer, [peer.address], table)) absent.push(peer.address)
    }
    return absent
  }

  /** The names that answered and have no live member at any of their last addresses. */
  absentNames(table: MemberTable): Array<Peer.Named> {
    const absent: Array<Peer.Named> = []
    for (const name of this.#names.values()) {
      if (!name.lookingUp && this.#isAbsent(name, name.addresses, table)) absent.push(name.peer)
    }
    return absent
  }

  #isAbsent({ answeredBy }: Attempts, addresses: ReadonlyArray<Uint8Array>, table: MemberTable): boolean {
    if (answeredBy === undefined || liveAmong(addresses, table) >= 0) return false
    // A node may advertise another address than the one it was reached at.
    const slot = table.index.get(answeredBy.hi, answeredBy.lo)
    return slot < 0 || !table.isLive(slot)
  }
}
