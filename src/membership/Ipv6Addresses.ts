/** Packed IPv6 addresses. A table keeps them apart, since they do not fit into its rows. */
import * as PackedAddress from "../wire/PackedAddress.ts"
import { extended } from "./ArrayGrowth.ts"

export class Ipv6Addresses {
  /** The addresses, one after another. Replaced when there are more. */
  bytes = new Uint8Array(0)
  #end = 0
  readonly #free: Array<number> = []

  /** Room for one address: where it begins in `bytes`. */
  take(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const at = this.#end
    this.#end += PackedAddress.MaxLength
    if (this.#end > this.bytes.length) {
      const length = this.#end + Math.max(8 * PackedAddress.MaxLength, this.bytes.length >> 3)
      this.bytes = extended(new Uint8Array(length), this.bytes)
    }
    return at
  }

  release(at: number): void {
    this.#free.push(at)
  }
}
