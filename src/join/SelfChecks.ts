/**
 * Which addresses are our own. A message with our id from the address of a peer shows nothing, because anybody can write
 * both on a datagram. So such an address is sent a PING with an unpredictable number, and it is ours if that PING reaches
 * us from there.
 */
import { setNewest } from "../domain/OldestKey.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** The most addresses that are being checked. Beyond, the one whose check began first is given up. */
export const MaxChecks = 64

export class SelfChecks {
  /** The number in the newest PING to each address, by packed address. */
  readonly #numbers = new Map<string, number>()
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  /** The number for a PING to an address that may be ours. */
  begin(address: Uint8Array): number {
    const key = PackedAddress.key(address, 0)
    const number = Math.floor(this.#random() * 0x1_0000_0000)
    setNewest(this.#numbers, key, number, MaxChecks)
    return number
  }

  /** Whether a PING with a number came from where it was sent to. The check is over then. */
  proves(address: Uint8Array, number: number): boolean {
    const key = PackedAddress.key(address, 0)
    return this.#numbers.get(key) === number && this.#numbers.delete(key)
  }
}
