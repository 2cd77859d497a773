/**
 * Writes values with a `MessageWriter`, which takes ids as two words and addresses
 * packed.
 *
 * @since 0.2.0
 */
import type { Address } from "../domain/Address.ts"
import * as Entry from "./Entry.ts"
import { MessageWriter } from "./MessageWriter.ts"
import * as PackedAddress from "./PackedAddress.ts"
import type { MessageEntry } from "./SectionValues.ts"

/**
 * Bytes of an address.
 *
 * @category writing
 * @since 0.2.0
 */
export const addressLength = (address: Address): number =>
  address._tag === "InetAddressV4" ? PackedAddress.Ipv4Length : PackedAddress.MaxLength

/**
 * Bytes of entries.
 *
 * @category writing
 * @since 0.2.0
 */
export const entriesLength = (entries: ReadonlyArray<MessageEntry>): number => {
  let length = 0
  for (const { address } of entries) length += Entry.PrefixLength + addressLength(address)
  return length
}

// Takes 64-bit numbers apart; nothing stays in it between two calls. Arithmetic on a bigint would cost ten times as much.
const words = new DataView(new ArrayBuffer(8))

/**
 * A writer of the values of one message.
 *
 * @category writing
 * @since 0.2.0
 */
export class ValueWriter {
  readonly message: MessageWriter
  readonly #address = new Uint8Array(PackedAddress.MaxLength)
  /** The upper 32 bits of the number that `split` got last. */
  hi = 0
  /** The lower 32 bits of the number that `split` got last. */
  lo = 0

  /** `length`: bytes of the message. */
  constructor(length: number) {
    this.message = new MessageWriter(length)
  }

  /** Splits a 64-bit number into `hi` and `lo`. */
  split(value: bigint): void {
    words.setBigUint64(0, value)
    this.hi = words.getUint32(0)
    this.lo = words.getUint32(4)
  }

  /** The two halves of a 64-bit number, upper half first. */
  words(value: bigint): readonly [number, number] {
    this.split(value)
    return [this.hi, this.lo]
  }

  /** An address, packed. It holds until the next one is packed. */
  pack(address: Address): Uint8Array {
    PackedAddress.writeExact(address, this.#address, 0)
    return this.#address
  }

  entries(entries: ReadonlyArray<MessageEntry>): void {
    for (const { address, heartbeat, incarnation, nodeId, status } of entries) {
      this.split(nodeId)
      const code = status === "Alive" ? 0 : status === "Suspect" ? 1 : 2
      this.message.entry(this.hi, this.lo, heartbeat, incarnation, code, this.pack(address), 0)
    }
  }
}
