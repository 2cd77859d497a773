/**
 * How many PINGs go to addresses that never answered. Anybody can invent members at the address of another host, and then
 * each real member would PING that host again and again.
 */
import { deleteOldest } from "../domain/OldestKey.ts"
import { refilled } from "../domain/TokenBucket.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** PINGs that one host gets at once without an answer. */
export const Burst = 3

/** After that it gets one in this time, in ms. */
export const Interval = 20_000

/** The most hosts remembered. Beyond, the one that was sent its first PING longest ago is forgotten. */
export const MaxHosts = 4096

interface Host {
  /** PINGs that may be sent now, with fractions. */
  left: number
  at: number
}

/** A budget of PINGs for each host. Ports cost a liar nothing, so all ports of a host are one. Times are in ms. */
export class StrangerPings {
  readonly #hosts = new Map<string, Host>()
  /** PINGs that were not sent. */
  withheld = 0

  get size(): number {
    return this.#hosts.size
  }

  /** Whether a PING may go to a packed address now. It counts as sent. */
  take(address: Uint8Array, at: number, now: number): boolean {
    const key = hostKey(address, at)
    let host = this.#hosts.get(key)
    if (host === undefined) {
      host = { left: Burst, at: now }
      this.#hosts.set(key, host)
      if (this.#hosts.size > MaxHosts) deleteOldest(this.#hosts)
    }
    host.left = refilled(host.left, host.at, now, 1 / Interval, Burst)
    host.at = now
    if (host.left < 1) {
      this.withheld++
      return false
    }
    host.left--
    return true
  }

  /** A PING was answered from a packed address: somebody there belongs to the cluster. */
  answered(address: Uint8Array, at: number): void {
    if (this.#hosts.size > 0) this.#hosts.delete(hostKey(address, at))
  }
}

/** Nobody else can be meant by an address of the loopback, on which many nodes of a test may run. */
const hostKey = (address: Uint8Array, at: number): string => {
  if (PackedAddress.isLoopback(address, at)) return PackedAddress.key(address, at)
  const host = address.slice(at, at + PackedAddress.lengthOf(address[at]!))
  host.fill(0, host.length - 2)
  return PackedAddress.key(host, 0)
}
