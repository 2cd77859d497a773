/** Which addresses a member can have. */
import * as PackedAddress from "../wire/PackedAddress.ts"

export class UsableAddresses {
  readonly #isAllowed: (address: Uint8Array, at: number) => boolean

  /** `isAllowed`: whether the configuration allows a packed address. */
  constructor(isAllowed: (address: Uint8Array, at: number) => boolean) {
    this.#isAllowed = isAllowed
  }

  /** Whether datagrams can be sent to a packed address, and the configuration allows it. */
  has(address: Uint8Array, at: number): boolean {
    return PackedAddress.isReachable(address, at) && this.#isAllowed(address, at)
  }
}
