/**
 * How many PINGs go to addresses that never answered. Anybody can invent members at the address of another host, and then
 * each real member would PING that host again and again.
 *
 * A host gets few PINGs from one node, whatever the reason. A node that knows a member by hearsay only sends it fewer: so few
 * that all nodes together send about one in two minutes, since a lie that one node heard is passed on to all. A real member
 * soon speaks to the others itself, and then it may be answered.
 */
import { deleteOldest } from "../domain/OldestKey.ts"
import { refilled } from "../domain/TokenBucket.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/**
 * How long a node joins from its first member on, in ms. Of whom it is told until then it does not know by mere hearsay: it
 * asked for the table.
 */
export const JoiningTime = 10_000

/** PINGs that one host gets at once without an answer. */
export const Burst = 3

/** After that it gets one in this time, in ms. */
export const Interval = 20_000

/** The time, in ms, in which all nodes together send one PING to a host that they know by hearsay only. */
export const HearsayInterval = 120_000

/** What a member that speaks to us and gets no reply may be sent at the address that it names, for each byte that it sent. */
const CreditLimit = 2

/** A host that did not answer for this time after a PING, in ms, is taken for silent. */
const Silence = 5000

/** The most hosts remembered. For one more, the one that was remembered first is forgotten. */
export const MaxHosts = 4096

interface Host {
  /** PINGs that may be sent now, with fractions. */
  left: number
  at: number
  /** Bytes that its members may be sent because they spoke to us and got no reply. */
  credit: number
  /** When the next PING may be sent that is due to hearsay only, in ms. */
  hearsayAt: number
  /** When the last PING was sent, in ms; Infinity for never. */
  sentAt: number
}

/** A PING to an address that never answered. */
export interface StrangerPing {
  /** A packed address, which begins at `at`. */
  readonly address: Uint8Array
  readonly at: number
  /** Bytes on the wire. */
  readonly bytes: number
  /** Whether nobody but others ever told us of that address. */
  readonly hearsay: boolean
  /** When we were told of it, in ms. */
  readonly since: number
}

/** A budget of PINGs for each host. Ports cost a liar nothing, so all ports of a host are one. Times are in ms. */
export class StrangerPings {
  readonly #hosts = new Map<string, Host>()
  readonly #acquainted: () => number
  readonly #random: () => number
  /** PINGs that were not sent. */
  withheld = 0

  /** `acquainted`: how many other members have proved their address to us, and so may hear of a host as we do. */
  constructor(acquainted: () => number, random: () => number) {
    this.#acquainted = acquainted
    this.#random = random
  }

  get size(): number {
    return this.#hosts.size
  }

  /**
   * Whether a probe would say something: its PING may be sent now, or a PING to that host has had no answer. Otherwise many
   * members that were invented at one host would stay for as many minutes.
   */
  mayProbe(ping: StrangerPing, now: number): boolean {
    const host = this.#host(ping.address, ping.at, now, ping.since)
    return mayGo(host, ping, now) || now - host.sentAt > Silence
  }

  /** The same, and then it counts as sent. */
  take(ping: StrangerPing, now: number): boolean {
    const host = this.#host(ping.address, ping.at, now, ping.since)
    if (!mayGo(host, ping, now)) {
      this.withheld++
      return false
    }
    host.left--
    host.sentAt = now
    if (!ping.hearsay) return true
    if (host.credit >= ping.bytes) host.credit -= ping.bytes
    else host.hearsayAt = now + this.#hearsayInterval
    return true
  }

  /** A PING was sent in reply to a message from a packed address, which is bounded by the bytes of that. */
  replied(address: Uint8Array, at: number, now: number): void {
    this.#host(address, at, now).sentAt = now
  }

  /** A member whose address is a packed one sent us `bytes` for which it got no reply. */
  spoke(address: Uint8Array, at: number, bytes: number, now: number): void {
    this.#host(address, at, now).credit += CreditLimit * bytes
  }

  /** A PING was answered from a packed address: somebody there belongs to the cluster. */
  answered(address: Uint8Array, at: number): void {
    if (this.#hosts.size > 0) this.#hosts.delete(hostKey(address, at))
  }

  get #hearsayInterval(): number {
    return this.#acquainted() * HearsayInterval
  }

  #host(address: Uint8Array, at: number, now: number, since = now): Host {
    const key = hostKey(address, at)
    let host = this.#hosts.get(key)
    if (host === undefined) {
      // At a random time, since all nodes hear of it at about the same time. A host that was forgotten here, because more are
      // invented than are remembered, has waited for a part of that time.
      host = { left: Burst, at: now, credit: 0, sentAt: Infinity, hearsayAt: since }
      const interval = this.#hearsayInterval
      if (interval > 0) host.hearsayAt += interval * this.#random()
      this.#hosts.set(key, host)
      if (this.#hosts.size > MaxHosts) deleteOldest(this.#hosts)
    }
    host.left = refilled(host.left, host.at, now, 1 / Interval, Burst)
    host.at = now
    return host
  }
}

const mayGo = (host: Host, { bytes, hearsay }: StrangerPing, now: number): boolean =>
  host.left >= 1 && (!hearsay || host.credit >= bytes || host.hearsayAt <= now)

/** Nobody else can be meant by an address of the loopback, on which many nodes of a test may run. */
const hostKey = (address: Uint8Array, at: number): string => {
  if (PackedAddress.isLoopback(address, at)) return PackedAddress.key(address, at)
  const host = address.slice(at, at + PackedAddress.lengthOf(address[at]!))
  host.fill(0, host.length - 2)
  return PackedAddress.key(host, 0)
}
